package flush

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"gospread/spread"
)

// TestViewSynchrony runs many clients in a group on a simulated network that
// splits and heals, with joins, leaves and crashes on top of each other, and
// checks the promises of the layer.
func TestViewSynchrony(t *testing.T) {
	steps := 3000
	if testing.Short() {
		steps = 500
	}
	delivered, installed := 0, 0
	for seed := range uint64(200) {
		w := newWorld(t, seed)
		for range steps {
			w.step()
		}
		w.settle()
		w.check()
		for _, p := range w.all {
			delivered += p.delivered
			installed += len(p.views)
		}
	}
	t.Logf("%d messages delivered, %d views", delivered, installed)
	if delivered < 1000 || installed < 1000 {
		t.Errorf("only %d messages were delivered, in %d views", delivered, installed)
	}
}

// world is the network, with one group "g" and the clients of it.
type world struct {
	*testing.T
	seed  uint64
	rnd   *rand.Rand
	all   []*proc
	comps []*component
	ids   int32
}

// component is a set of clients that can hear each other: one total order.
type component struct {
	procs   []*proc // by name
	members []*proc // of the group, by name
}

// proc is a client: its machine, and what has been ordered for it and not yet
// been received.
type proc struct {
	name  string
	m     *machine
	comp  *component
	queue []spread.Event
	asked bool // a flush request is to be answered
	dead  bool

	sent      int
	delivered int
	views     []*viewLog
	cur       *viewLog
}

// viewLog is what a client did in a view.
type viewLog struct {
	view *View
	prev *viewLog
	got  map[string]bool
	own  []string // sent in it, and wanted back
}

func newWorld(t *testing.T, seed uint64) *world {
	w := &world{T: t, seed: seed, rnd: rand.New(rand.NewPCG(seed, 3))}
	c := &component{}
	w.comps = []*component{c}
	for i := range 2 + w.rnd.IntN(5) {
		w.newProc(fmt.Sprintf("#p%d#d", i), c)
	}
	return w
}

func (w *world) newProc(name string, c *component) {
	p := &proc{name: name, m: newMachine(name), comp: c}
	w.all = append(w.all, p)
	c.procs = append(c.procs, p)
}

func (w *world) fatalf(format string, args ...any) {
	w.Helper()
	w.Fatalf("seed %d: %s", w.seed, fmt.Sprintf(format, args...))
}

func names(ps []*proc) (s []string) {
	for _, p := range ps {
		s = append(s, p.name)
	}
	return s
}

// step does one thing at random.
func (w *world) step() {
	p := w.all[w.rnd.IntN(len(w.all))]
	if p.dead {
		return
	}
	switch n := w.rnd.IntN(1000); {
	case n < 600:
		w.receive(p)
	case n < 700 && p.asked:
		w.flush(p)
	case n < 920:
		w.send(p)
	case n < 950:
		w.join(p)
	case n < 965:
		w.leave(p)
	case n < 968 && len(w.all) < 30:
		w.crash(p)
		w.newProc(fmt.Sprintf("#p%d#d", len(w.all)), w.comps[w.rnd.IntN(len(w.comps))])
	case n < 980:
		w.split(p.comp)
	case n < 1000:
		w.merge()
	}
}

// view orders a membership of a component, which for the network has the given
// sets.
func (w *world) view(c *component, cause spread.Cause, changed string, sets [][]string) {
	w.ids++
	for _, m := range c.members {
		v := &spread.View{Group: "g", ID: spread.ViewID{Index: w.ids}, Cause: cause, Members: names(c.members), Changed: changed, Sets: sets}
		if sets == nil {
			v.Sets = [][]string{{changed}}
		}
		for i, s := range v.Sets {
			if cause == spread.CausedByNetwork && slices.Contains(s, m.name) {
				v.OwnSet = i
			}
		}
		m.queue = append(m.queue, v)
	}
}

func (w *world) join(p *proc) {
	if slices.Contains(p.comp.members, p) || p.m.join("g") != nil {
		return
	}
	p.comp.members = append(p.comp.members, p)
	slices.SortFunc(p.comp.members, func(a, b *proc) int { return strings.Compare(a.name, b.name) })
	w.view(p.comp, spread.CausedByJoin, p.name, nil)
}

func (w *world) leave(p *proc) {
	if p.m.leave("g") != nil {
		return
	}
	if w.rnd.IntN(4) == 0 {
		p.queue = append(p.queue, &spread.Rejected{Request: spread.LeaveRequest, Message: spread.Message{Groups: []string{"g"}}})
		return
	}
	p.queue = append(p.queue, &spread.SelfLeave{Group: "g"})
	w.remove(p, spread.CausedByLeave)
}

func (w *world) crash(p *proc) {
	p.dead = true
	p.comp.procs = slices.DeleteFunc(p.comp.procs, func(q *proc) bool { return q == p })
	if slices.Contains(p.comp.members, p) {
		w.remove(p, spread.CausedByDisconnect)
	}
}

func (w *world) remove(p *proc, cause spread.Cause) {
	p.comp.members = slices.DeleteFunc(slices.Clone(p.comp.members), func(q *proc) bool { return q == p })
	w.view(p.comp, cause, p.name, nil)
}

// split cuts a component in two.
func (w *world) split(c *component) {
	if len(c.procs) < 2 || len(w.comps) > 3 {
		return
	}
	parts := []*component{{}, {}}
	for _, p := range c.procs {
		side := parts[w.rnd.IntN(2)]
		p.comp = side
		side.procs = append(side.procs, p)
		if slices.Contains(c.members, p) {
			side.members = append(side.members, p)
		}
	}
	w.comps = slices.DeleteFunc(w.comps, func(x *component) bool { return x == c })
	for _, side := range parts {
		if len(side.procs) == 0 {
			continue
		}
		w.comps = append(w.comps, side)
		slices.SortFunc(side.members, func(a, b *proc) int { return strings.Compare(a.name, b.name) })
		if len(side.members) == len(c.members) {
			continue // nobody is lost to the group
		}
		for _, p := range side.members {
			p.queue = append(p.queue, &spread.Transition{Group: "g"})
		}
		w.view(side, spread.CausedByNetwork, "", [][]string{names(side.members)})
	}
}

// merge makes one component of two.
func (w *world) merge() {
	if len(w.comps) < 2 {
		return
	}
	w.rnd.Shuffle(len(w.comps), func(i, j int) { w.comps[i], w.comps[j] = w.comps[j], w.comps[i] })
	a, b := w.comps[0], w.comps[1]
	w.comps = w.comps[1:]
	both := &component{procs: append(slices.Clone(a.procs), b.procs...), members: append(slices.Clone(a.members), b.members...)}
	w.comps[0] = both
	for _, p := range both.procs {
		p.comp = both
	}
	slices.SortFunc(both.members, func(x, y *proc) int { return strings.Compare(x.name, y.name) })
	if len(a.members) > 0 && len(b.members) > 0 {
		w.view(both, spread.CausedByNetwork, "", [][]string{names(a.members), names(b.members)})
	}
}

// order gives a message its place: at the end of the queue of every member, or
// before it for those that may overtake.
func (w *world) order(from *proc, o *spread.Outgoing) {
	fast := o.Service <= spread.Reliable
	for _, p := range from.comp.members {
		msg := &spread.Message{Sender: from.name, Groups: o.Groups, Service: o.Service, Type: o.Type,
			Data: slices.Concat(append([][]byte{o.Data}, o.Pieces...)...)}
		at := len(p.queue)
		for fast && at > 0 && w.rnd.IntN(3) > 0 {
			before, ok := p.queue[at-1].(*spread.Message)
			if v, isView := p.queue[at-1].(*spread.View); isView {
				ok = v.Cause != spread.CausedByNetwork && v.Changed != from.name && v.Changed != p.name
			} else if ok && before.Service <= spread.Reliable {
				ok = false // those are not overtaken
			}
			if !ok {
				break
			}
			at--
		}
		p.queue = slices.Insert(p.queue, at, spread.Event(msg))
	}
}

// perform sends what the machine has to send, and takes its events.
func (w *world) perform(p *proc) {
	for len(p.m.sends) > 0 {
		s := p.m.sends[0]
		p.m.sends = p.m.sends[1:]
		w.order(p, s.outgoing())
	}
	events := p.m.events
	p.m.events = nil
	for _, ev := range events {
		w.event(p, ev)
	}
	if p.m.failed != nil {
		w.fatalf("%s: %v", p.name, p.m.failed)
	}
}

func (w *world) receive(p *proc) {
	if len(p.queue) == 0 {
		return
	}
	ev := p.queue[0]
	p.queue = p.queue[1:]
	p.m.receive(ev)
	w.perform(p)
}

func (w *world) flush(p *proc) {
	p.asked = false
	if err := p.m.flush("g"); err != nil {
		w.fatalf("%s cannot flush: %v", p.name, err)
	}
	w.perform(p)
}

func (w *world) send(p *proc) {
	s := []spread.Service{spread.Unreliable, spread.Reliable, spread.FIFO, spread.Agreed, spread.Safe}[w.rnd.IntN(5)]
	o := &Outgoing{Service: s, Group: "g"}
	if p.cur == nil {
		return
	}
	o.Data = fmt.Appendf(nil, "%s %d in %d", p.name, p.sent, p.cur.view.ID.Index)
	out, err := p.m.outgoing(o)
	if err != nil {
		return
	}
	p.sent++
	p.cur.own = append(p.cur.own, string(o.Data))
	w.order(p, out)
}

// event is what a user sees.
func (w *world) event(p *proc, ev Event) {
	switch ev := ev.(type) {
	case *FlushRequest:
		if p.asked {
			w.fatalf("%s is asked twice", p.name)
		}
		if p.m.groups["g"].member == leaving {
			w.fatalf("%s is asked while it is leaving", p.name)
		}
		p.asked = true
	case *View:
		if p.asked {
			w.fatalf("%s got view %v without flushing", p.name, ev.ID)
		}
		if ev.Members[ev.Index] != p.name {
			w.fatalf("%s is not at its place in %v", p.name, ev.Members)
		}
		p.cur = &viewLog{view: ev, prev: p.cur, got: map[string]bool{}}
		p.views = append(p.views, p.cur)
	case *Message:
		p.delivered++
		text := string(ev.Data)
		if p.cur == nil || !strings.HasSuffix(text, fmt.Sprintf(" in %d", p.cur.view.ID.Index)) {
			w.fatalf("%s received %q in another view than it was sent in", p.name, text)
		}
		if !slices.Contains(p.cur.view.Members, ev.Sender) {
			w.fatalf("%s received %q from outside of its view", p.name, text)
		}
		if p.cur.got[text] {
			w.fatalf("%s received %q twice", p.name, text)
		}
		p.cur.got[text] = true
	case *SelfLeave:
		p.cur, p.asked = nil, false
	}
}

// settle ends the faults: everybody flushes and receives until nothing is left.
func (w *world) settle() {
	for len(w.comps) > 1 {
		w.merge()
	}
	for busy := true; busy; {
		busy = false
		for _, p := range w.all {
			for !p.dead && (p.asked || len(p.queue) > 0) {
				busy = true
				if p.asked {
					w.flush(p)
				}
				w.receive(p)
			}
		}
	}
}

// check looks back on the whole run.
func (w *world) check() {
	final := w.comps[0].members
	for _, p := range final {
		if p.cur == nil || !slices.Equal(p.cur.view.Members, names(final)) || p.m.groups["g"].phase != steady || p.m.groups["g"].member != joined {
			w.fatalf("%s did not come to rest: %s", p.name, states(p.m))
		}
	}
	type step struct{ from, to spread.ViewID }
	seen := map[step]*viewLog{}
	who := map[step]*proc{}
	for _, p := range w.all {
		for _, v := range p.views {
			if v.prev == nil {
				continue
			}
			// All that one has sent in a view has come back by its end.
			for _, text := range v.prev.own {
				if !v.prev.got[text] {
					w.fatalf("%s did not receive its own %q", p.name, text)
				}
			}
			s := step{v.prev.view.ID, v.view.ID}
			other := seen[s]
			if other == nil {
				seen[s], who[s] = v, p
				continue
			}
			if !slices.Contains(v.view.Together, who[s].name) || !slices.Contains(other.view.Together, p.name) {
				continue
			}
			if fmt.Sprint(v.prev.got) != fmt.Sprint(other.prev.got) {
				w.fatalf("%s and %s came together from view %v to %v with different messages\n%v\n%v",
					p.name, who[s].name, s.from, s.to, v.prev.got, other.prev.got)
			}
			if !slices.Equal(v.view.Members, other.view.Members) || v.view.Cause != other.view.Cause || !slices.Equal(v.view.Together, other.view.Together) {
				w.fatalf("%s and %s see view %v differently: %+v, %+v", p.name, who[s].name, s.to, v.view, other.view)
			}
		}
	}
}
