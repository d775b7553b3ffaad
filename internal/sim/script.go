package sim

import (
	"bytes"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"gospread/spread/internal/clientproto"
	"gospread/spread/internal/group"
	"gospread/spread/internal/ring"
	"gospread/spread/internal/ringproto"
)

// Script drives a world step by step. Daemons go by their names, d1 and so on in
// configuration order; a list of them is one string, with blanks between.
type Script struct {
	*World
	tb  testing.TB
	log bytes.Buffer
}

// Local is a plan of n daemons on a local network without faults. Each has one
// client that does what the script says.
func Local(n int) *Plan {
	return &Plan{
		Seed: 1, Daemons: n, Sites: 1, Multicast: true, Rate: 125_000_000, Datagram: 1400, Buffer: 5000,
		Work: 2 * time.Microsecond, Batch: 32,
		Near:    Path{Latency: 100 * time.Microsecond, Jitter: 20 * time.Microsecond},
		Traffic: Traffic{Clients: 1, Groups: 2, Burst: 1},
	}
}

// Wide is a plan of n daemons at as many sites.
func Wide(n int) *Plan {
	p := Local(n)
	p.Sites, p.Multicast, p.Timing = n, false, ring.WideTiming()
	p.Far = Path{Latency: 40 * time.Millisecond, Jitter: 5 * time.Millisecond, Loss: 0.01}
	return p
}

// NewScript makes a world with no daemon started. If the environment variable
// SIM_TRACE names a file, the trace goes there when the test fails.
func NewScript(tb testing.TB, p *Plan) *Script {
	s := &Script{World: NewWorld(p), tb: tb}
	file := os.Getenv("SIM_TRACE")
	if file != "" {
		s.Trace(&s.log)
	}
	tb.Cleanup(func() {
		switch {
		case !tb.Failed():
		case file == "":
			tb.Logf("for the trace: SIM_TRACE=FILE go test ./internal/sim -run '^%s$'", tb.Name())
		default:
			if err := os.WriteFile(file, s.log.Bytes(), 0o644); err != nil {
				tb.Log(err)
			}
		}
	})
	return s
}

func (s *Script) index(name string) int {
	i := slices.IndexFunc(s.slots, func(o *slot) bool { return o.name == name })
	if i < 0 {
		s.tb.Fatalf("no daemon %q", name)
	}
	return i
}

func (s *Script) indices(names string) (list []int) {
	for _, name := range strings.Fields(names) {
		list = append(list, s.index(name))
	}
	return list
}

func (s *Script) host(name string) *host {
	h := s.slots[s.index(name)].host
	if h == nil {
		s.tb.Fatalf("%s does not run", name)
	}
	return h
}

// Start starts daemons; no names: all.
func (s *Script) Start(names string) {
	for i := range s.slots {
		if names == "" || slices.Contains(s.indices(names), i) {
			s.World.Start(i)
		}
	}
}

// Crash ends daemons; their hosts live on.
func (s *Script) Crash(names string) {
	for _, i := range s.indices(names) {
		s.World.Crash(i, true)
	}
}

// PowerCut ends hosts.
func (s *Script) PowerCut(names string) {
	for _, i := range s.indices(names) {
		s.World.Crash(i, false)
	}
}

// Leave begins the planned stop of a daemon.
func (s *Script) Leave(name string) { s.host(name).leave() }

// Reload gives the operators of some daemons, at once, a configuration with other
// daemons, or the same in another order. Daemons that are new in it are started.
func (s *Script) Reload(names, daemons string) {
	k := s.layoutOf(s.indices(daemons))
	s.note("reload of %s with %s", names, daemons)
	s.last = k
	for _, i := range s.indices(names) {
		s.give(i, k)
	}
}

// InForce tells whether a configuration of daemons is in force at some.
func (s *Script) InForce(names, daemons string) bool {
	k := s.layoutOf(s.indices(daemons))
	for _, name := range strings.Fields(names) {
		if s.host(name).in != k {
			return false
		}
	}
	return true
}

// Pause stops a daemon for some time, as SIGSTOP does.
func (s *Script) Pause(name string, d time.Duration) {
	h := s.host(name)
	h.note("paused")
	h.pause()
	s.after(d, h.resume)
}

// Partition cuts the links between the parts, which are parted by bars, and heals
// all others.
func (s *Script) Partition(parts string) {
	s.Heal()
	s.note("partition %s", parts)
	part := make([]int, len(s.slots))
	for n, names := range strings.Split(parts, "|") {
		for _, i := range s.indices(names) {
			part[i] = n
		}
	}
	s.part(func(i, j int) bool { return part[i] != part[j] })
}

// CutOneWay stops what one daemon sends to another.
func (s *Script) CutOneWay(from, to string) { s.cutOneWay(s.index(from), s.index(to)) }

// Heal makes the network whole.
func (s *Script) Heal() {
	s.note("heal")
	s.net.heal()
	s.oneWay = 0
}

// Drop loses the next n datagrams of a kind from one daemon to another. An empty
// name stands for any.
func (s *Script) Drop(kind ringproto.Kind, from, to string, n int) {
	s.onCopy = append(s.onCopy, func(d *Datagram) Verdict {
		if n > 0 && ringproto.Kind(d.Kind()) == kind && s.is(from, d.From) && s.is(to, d.To) {
			n--
			s.note("the %v from %s to %s is lost", kind, s.slots[d.From].name, s.slots[d.To].name)
			return Drop
		}
		return Pass
	})
}

// Delay lets the next n datagrams of a kind from one daemon to another come d later.
// An empty name stands for any.
func (s *Script) Delay(kind ringproto.Kind, from, to string, n int, d time.Duration) {
	s.onCopy = append(s.onCopy, func(x *Datagram) Verdict {
		if n == 0 || ringproto.Kind(x.Kind()) != kind || !s.is(from, x.From) || !s.is(to, x.To) {
			return Pass
		}
		n--
		one := *x
		p := *x.Packet
		p.To, p.Near, p.Via = s.slots[x.To].id, false, nil
		one.Packet = &p
		s.after(d, s.net.hold(&one))
		return Drop
	})
}

func (s *Script) is(name string, index int) bool { return name == "" || s.slots[index].name == name }

// On calls fn once, when a daemon (empty: any) sends a datagram of a kind for the
// n-th time from now. If fn ends the daemon, the datagram is not sent.
func (s *Script) On(kind ringproto.Kind, from string, n int, fn func(from string)) {
	s.onSend = append(s.onSend, func(d *Datagram) Verdict {
		if n == 0 || ringproto.Kind(d.Kind()) != kind || !s.is(from, d.From) {
			return Pass
		}
		if n--; n > 0 {
			return Pass
		}
		h := s.slots[d.From].host
		s.note("now: %v of %s", kind, h.slot.name)
		fn(h.slot.name)
		if h.dead {
			return Drop
		}
		return Pass
	})
}

// Join connects the client of each of the daemons, if it is not connected, and
// joins groups.
func (s *Script) Join(names, groups string) {
	for _, i := range s.indices(names) {
		c := s.client(i)
		for _, g := range strings.Fields(groups) {
			c.conn.join(g)
			c.request(clientproto.Join, g)
		}
		c.h.turn()
	}
}

func (s *Script) client(i int) *client {
	c := s.host(s.slots[i].name).clients[0]
	if c.conn == nil {
		c.handle = group.Local(len(c.h.local))
		c.h.local = append(c.h.local, c)
		if !c.h.groups.Connect(c.handle, c.name, true) {
			s.tb.Fatalf("%s is taken", c.name)
		}
		c.conn = s.newConnection(c, true)
	}
	return c
}

// Send lets the client of each of the daemons multicast n messages to a group.
func (s *Script) Send(names, group string, service ring.Service, n, size int) {
	for _, i := range s.indices(names) {
		c := s.client(i)
		for range n {
			c.multicast(service, clientproto.Type(1)<<service, []clientproto.Name{clientproto.MakeName(group)}, size)
		}
		c.h.turn()
	}
}

// For lets time pass.
func (s *Script) For(d time.Duration) {
	s.tb.Helper()
	s.Run(d)
	s.failed()
}

func (s *Script) failed() {
	s.tb.Helper()
	for _, v := range s.broken {
		s.tb.Fatal(v)
	}
}

// Wait lets time pass until the running daemons named in each part, and no
// others, are in one configuration, and tells how long that took. It is an error
// if that takes longer than a given time.
func (s *Script) Wait(parts string, most time.Duration) time.Duration {
	s.tb.Helper()
	from := s.now
	var lists [][]int
	for _, names := range strings.Split(parts, "|") {
		lists = append(lists, s.indices(names))
	}
	done := func() bool {
		for _, list := range lists {
			if !s.together(list) {
				return false
			}
		}
		return true
	}
	if !done() && !s.RunUntil(s.now+most, done) {
		s.failed()
		s.tb.Fatalf("not %s within %v but\n%s", parts, most, s.state())
	}
	return s.now - from
}

// Form starts all daemons and waits for the configuration of all.
func (s *Script) Form() {
	s.tb.Helper()
	s.Start("")
	s.Wait(s.all(), 10*time.Second)
}

// all names all daemons that are wanted.
func (s *Script) all() string {
	var names []string
	for _, o := range s.wanted() {
		names = append(names, o.name)
	}
	return strings.Join(names, " ")
}

func (s *Script) together(list []int) bool {
	for _, i := range list {
		h := s.slots[i].host
		if h == nil || h.log.config == nil || h.log.phase != ring.RegularConfiguration || h.groups.Blocked() ||
			len(h.log.config.Members) != len(list) || h.log.config.ID != s.slots[list[0]].host.log.config.ID {
			return false
		}
	}
	return true
}

// state tells where all daemons are.
func (s *Script) state() string {
	var b strings.Builder
	for _, o := range s.slots {
		switch h := o.host; {
		case h == nil:
			fmt.Fprintf(&b, "%s does not run\n", o.name)
		case h.log.config == nil:
			fmt.Fprintf(&b, "%s has no configuration\n", o.name)
		default:
			fmt.Fprintf(&b, "%s: %v %v, groups in state %d\n", o.name, h.log.config.ID, s.names(h.log.config.Members), h.groups.State())
		}
	}
	return b.String()
}

// Finish ends all faults, waits until all is well, and checks everything.
func (s *Script) Finish() {
	s.tb.Helper()
	s.onSend, s.onCopy = nil, nil
	s.Calm()
	s.Settle()
	s.Rest()
	for _, v := range s.Check(len(s.broken) == 0) {
		s.tb.Error(v)
	}
}
