// Package toptest plays a cluster of daemons that never run, for tests of the live
// view: they carry traffic, vanish, part, and have slow receivers, as they are told.
package toptest

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"gospread/spread/internal/status"
	"gospread/spread/internal/top/cluster"
)

// Cluster is what plays them. It is not for several goroutines at once.
type Cluster struct {
	now     time.Time
	views   int
	order   []string
	daemons map[string]*daemon
}

type daemon struct {
	name    string
	load    float64 // of the common one
	down    bool
	deaf    bool // runs, and does not answer
	part    int
	hash    uint32
	started time.Time
	summary status.Summary
	// remainders of the counters
	in, out float64
}

// ErrNoAnswer is why there is none.
var ErrNoAnswer = errors.New("no answer within 1s")

// New plays daemons of these names, which have run for a while and are in one view.
func New(now time.Time, names ...string) *Cluster {
	c := &Cluster{now: now, order: names, daemons: map[string]*daemon{}}
	for i, name := range names {
		c.daemons[name] = &daemon{name: name, load: float64(len(names) - i), hash: 0x1234}
		c.start(name, now.Add(-time.Duration(i+1)*37*time.Hour))
	}
	c.regroup()
	return c
}

func (c *Cluster) start(name string, at time.Time) {
	d := c.daemons[name]
	i := slices.Index(c.order, name)
	d.started, d.down = at, false
	d.summary = status.Summary{
		Schema: status.Schema,
		Daemon: status.Daemon{Name: name, ID: int32(i + 1), Address: "127.0.0.1:4803", Version: "1.0.0", Started: at},
		Clients: status.Clients{
			Sessions: 3 * int(d.load), MaxSessions: 1000, Groups: 17, Ended: map[string]uint64{},
		},
		Process: status.Process{PID: 100 + i, Resident: 31_400_000 + 1_000_000*uint64(i)},
	}
	for _, le := range []float64{0.0005, 0.001, 0.002, 0.005, 0.01} {
		d.summary.Ring.TokenRotation.Buckets = append(d.summary.Ring.TokenRotation.Buckets, status.Bucket{Le: le})
		d.summary.Ring.Delivery.Buckets = append(d.summary.Ring.Delivery.Buckets, status.Bucket{Le: le})
	}
}

// Advance lets time go by, with traffic: each daemon gets as many messages a second
// as its load says, a thousand times, and hands out five times as many.
func (c *Cluster) Advance(by time.Duration) {
	c.now = c.now.Add(by)
	for _, name := range c.order {
		if d := c.daemons[name]; !d.down {
			d.carry(by.Seconds())
		}
	}
}

func (d *daemon) carry(seconds float64) {
	d.in += 1000 * d.load * seconds
	d.out = 5 * d.in
	s := &d.summary
	s.Clients.MessagesIn, s.Clients.BytesIn = uint64(d.in), uint64(d.in*250)
	s.Clients.MessagesOut, s.Clients.BytesOut = uint64(d.out), uint64(d.out*250)
	s.Ring.Messages = uint64(d.out)
	s.Ring.Tokens = uint64(d.in)
	s.Process.CPU += 0.02 * d.load * seconds
	play(&s.Ring.TokenRotation, uint64(d.in), 0.0004*d.load)
	play(&s.Ring.Delivery, uint64(d.in), 0.0009*d.load)
	for i := range s.Clients.Slowest {
		r := &s.Clients.Slowest[i]
		r.QueuedBytes += int(100_000 * seconds)
		r.QueuedMessages += int(400 * seconds)
		r.Stalled += seconds
	}
	s.Clients.QueuedBytes = 0
	for _, r := range s.Clients.Slowest {
		s.Clients.QueuedBytes += r.QueuedBytes
	}
}

// play fills a histogram with that many durations, all the same.
func play(h *status.Histogram, n uint64, each float64) {
	h.Sum += float64(n-h.Count) * each
	for i := range h.Buckets {
		if each <= h.Buckets[i].Le {
			h.Buckets[i].Count += n - h.Count
		}
	}
	h.Count, h.Max = n, each
}

// Samples is a round.
func (c *Cluster) Samples() []cluster.Sample {
	var round []cluster.Sample
	for _, name := range c.order {
		d := c.daemons[name]
		if d.down || d.deaf {
			round = append(round, cluster.Sample{Daemon: name, Err: ErrNoAnswer})
			continue
		}
		s := d.summary
		s.Time = c.now
		s.Daemon.Uptime = c.now.Sub(d.started).Seconds()
		s.Daemon.ConfigHash = d.hash
		s.Clients.Ended = maps.Clone(s.Clients.Ended)
		s.Clients.Slowest = slices.Clone(s.Clients.Slowest)
		s.Ring.TokenRotation.Buckets = slices.Clone(s.Ring.TokenRotation.Buckets)
		s.Ring.Delivery.Buckets = slices.Clone(s.Ring.Delivery.Buckets)
		round = append(round, cluster.Sample{Daemon: name, Summary: &s})
	}
	return round
}

// Do carries out a command: "down NAME", "up NAME", "deaf NAME", "restart NAME",
// "part NAME,NAME NAME...", "heal", "steer NAME PART", "slow CLIENT DAEMON",
// "cut DAEMON", "retransmit DAEMON NUMBER", "state NAME WORD", "config NAME".
func (c *Cluster) Do(command string) error {
	words := strings.Fields(command)
	if len(words) == 0 {
		return nil
	}
	switch args := words[1:]; words[0] {
	case "part":
		return c.part(args)
	case "heal":
		for _, d := range c.daemons {
			d.part = 0
		}
		c.regroup()
		return nil
	case "slow":
		if len(args) != 2 || c.daemons[args[1]] == nil {
			return fmt.Errorf("%q: a client and a daemon are missing", command)
		}
		d := c.daemons[args[1]]
		d.summary.Clients.Slowest = append(d.summary.Clients.Slowest, status.Session{
			Name: args[0], Remote: "127.0.0.1:40001", Since: c.now.Add(-time.Hour), Groups: []string{"news", "prices"},
		})
		return nil
	default:
		if len(args) == 0 || c.daemons[args[0]] == nil {
			return fmt.Errorf("%q: the name of a daemon is missing", command)
		}
		return c.one(words[0], args[0], append(args[1:], "")[0])
	}
}

func (c *Cluster) part(args []string) error {
	for i, names := range args {
		for name := range strings.SplitSeq(names, ",") {
			if c.daemons[name] == nil {
				return fmt.Errorf("there is no daemon %q", name)
			}
			c.daemons[name].part = i
		}
	}
	c.regroup()
	return nil
}

// one carries out what concerns one daemon.
func (c *Cluster) one(command, name, arg string) error {
	d := c.daemons[name]
	n, _ := strconv.Atoi(arg)
	switch command {
	case "down":
		d.down = true
	case "up":
		d.deaf = false
		if d.down {
			c.start(name, c.now)
			d.in, d.out = 0, 0
		}
	case "restart":
		c.start(name, c.now)
		d.in, d.out = 0, 0
	case "deaf":
		d.deaf = true
		return nil
	case "steer":
		d.summary.Membership.Partition = n
		return nil
	case "cut":
		d.summary.Clients.Slowest = nil
		d.summary.Clients.Sessions--
		d.summary.Clients.Ended["slow receiver: more bytes waiting than MaxSessionBytes"]++
		return nil
	case "refuse":
		d.summary.Clients.Ended["refused: private name in use"] += 3
		return nil
	case "retransmit":
		d.summary.Ring.Retransmissions += uint64(n) //nolint:gosec // a test's own
		return nil
	case "state":
		d.summary.Membership.State = arg
		return nil
	case "config":
		d.hash++
		return nil
	default:
		return fmt.Errorf("no command %q", command)
	}
	c.regroup()
	return nil
}

// regroup gives every part a new view if its members have changed.
func (c *Cluster) regroup() {
	parts := map[int][]string{}
	for _, name := range c.order {
		if d := c.daemons[name]; !d.down {
			parts[d.part] = append(parts[d.part], name)
		}
	}
	for _, part := range slices.Sorted(maps.Keys(parts)) {
		members := parts[part]
		same := true
		for _, name := range members {
			same = same && slices.Equal(c.daemons[name].summary.Membership.Members, members)
		}
		if same {
			continue
		}
		c.views++
		for _, name := range members {
			m := &c.daemons[name].summary.Membership
			*m = status.Membership{
				State: "operational", Code: 1, GroupState: "operational", GroupCode: 1,
				ID: fmt.Sprintf("%s %d", members[0], c.views), Since: c.now, Leader: members[0],
				Members: members, Segments: 1, Changes: m.Changes + 1,
			}
		}
	}
}
