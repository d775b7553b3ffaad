package jobtable

import (
	"bytes"
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
)

// world runs workers over a simulated group system: parts, each with one order,
// that split and merge; workers that come, crash and come back. Workers handle
// what was delivered to them when they like.
type world struct {
	t       *testing.T
	r       *rand.Rand
	workers []*simWorker
	parts   []*part
	views   int
	ids     int
	jobs    []string
	starts  map[string]int
	results map[string][]string // what submitters were told
	faults  bool
	trouble bool // handlers fail, ask to be repeated, have large results
	limits  Limits
	log     func(s *simWorker, c *call, effects []Effect)
}

// part is a part of the network: the daemons that hear each other, one worker
// each, and what is on its way in their order.
type part struct {
	daemons []int
	flight  []sent
}

type sent struct {
	from      int // daemon
	name      string
	to        []string
	data      []byte
	join, end *simWorker
}

type simWorker struct {
	daemon int
	name   string
	core   *Core
	joined bool // is a member
	coming bool // its join is on its way
	inbox  []*call
	tasks  []Start
}

func newWorld(t *testing.T, seed uint64, daemons int) *world {
	w := &world{t: t, r: rand.New(rand.NewPCG(seed, 1)), starts: map[string]int{}, results: map[string][]string{}, limits: Limits{Jobs: 60, Bytes: 1 << 20, Kept: 1000, KeptBytes: 1 << 20, Result: 300}}
	p := &part{}
	for d := range daemons {
		w.workers = append(w.workers, &simWorker{daemon: d})
		p.daemons = append(p.daemons, d)
	}
	w.parts = []*part{p}
	return w
}

func (w *world) partOf(d int) *part {
	for _, p := range w.parts {
		if slices.Contains(p.daemons, d) {
			return p
		}
	}
	panic("no part")
}

const simGroup = "wq-sim"

// come starts a worker, or connects one again that has lost its connection.
func (w *world) come(s *simWorker) {
	if s.joined || s.coming {
		return
	}
	w.ids++
	if s.core == nil {
		cfg := Config{Group: simGroup, Worker: fmt.Sprintf("w%d", w.ids), Capacity: 1 + int64(w.r.IntN(3)), Limits: w.limits, Part: 100}
		s.core = New(cfg)
		w.call(s, &call{Op: "new", Config: &cfg})
	}
	s.name = fmt.Sprintf("#r%d#d%d", w.ids, s.daemon)
	w.call(s, &call{Op: "connected", Name: s.name})
	s.inbox, s.coming = nil, true
	p := w.partOf(s.daemon)
	p.flight = append(p.flight, sent{from: s.daemon, join: s})
}

// lose breaks a worker's connection; with crash it also forgets everything.
func (w *world) lose(s *simWorker, crash bool) {
	if !s.joined {
		return
	}
	s.inbox = nil
	s.joined = false
	p := w.partOf(s.daemon)
	gone := &simWorker{name: s.name}
	p.flight = append(p.flight, sent{from: s.daemon, end: gone})
	p.view(w, append(p.members(w), gone)[:len(p.members(w))], false)
	if crash {
		s.core, s.tasks = nil, nil
	}
}

func (p *part) members(w *world) []*simWorker {
	var m []*simWorker
	for _, d := range p.daemons {
		if w.workers[d].joined {
			m = append(m, w.workers[d])
		}
	}
	return m
}

// view delivers a view to the members.
func (p *part) view(w *world, members []*simWorker, _ bool) {
	w.views++
	id := fmt.Sprintf("v%d", w.views)
	var names []string
	for _, m := range members {
		names = append(names, m.name)
	}
	for _, m := range members {
		m.inbox = append(m.inbox, &call{Op: "view", Name: id, Members: names})
	}
}

// deliver takes the next message of a part's order.
func (p *part) deliver(w *world) {
	x := p.flight[0]
	p.flight = p.flight[1:]
	switch {
	case x.join != nil:
		if !x.join.coming {
			return
		}
		x.join.coming, x.join.joined = false, true
		p.view(w, p.members(w), false)
	case x.end != nil:
	default:
		p.hand(w, x)
	}
}

func (p *part) hand(w *world, x sent) {
	for _, m := range p.members(w) {
		if slices.Contains(x.to, simGroup) {
			m.inbox = append(m.inbox, &call{Op: "message", Name: x.name, Data: x.data})
		}
	}
	for _, to := range x.to {
		var d int
		if n, _ := fmt.Sscanf(to, "#sub#d%d", &d); n == 1 && slices.Contains(p.daemons, d) {
			w.told(x.data)
		}
	}
}

// told is a submitter that gets a message.
func (w *world) told(b []byte) {
	m, ok := Parse(b)
	if !ok {
		w.t.Fatalf("a message that is none: %q", b)
	}
	id := m.Get("id")
	switch m.Verb {
	case "done":
		w.results[id] = append(w.results[id], "done")
	case "status":
		w.results[id] = append(w.results[id], m.Get("state"))
	}
}

// split divides a part. Of what was on its way, each half delivers all of its own
// senders, and of the others' each sender's first few.
func (w *world) split(p *part) {
	if len(p.daemons) < 2 {
		return
	}
	n := 1 + w.r.IntN(len(p.daemons)-1)
	w.r.Shuffle(len(p.daemons), func(i, j int) { p.daemons[i], p.daemons[j] = p.daemons[j], p.daemons[i] })
	old := p.flight
	halves := []*part{{daemons: p.daemons[:n:n]}, {daemons: p.daemons[n:]}}
	for _, h := range halves {
		slices.Sort(h.daemons)
		cutAt := map[int]int{}
		for _, d := range p.daemons {
			cutAt[d] = w.r.IntN(len(old) + 1)
		}
		later := 0
		if len(old) > 0 {
			later = w.r.IntN(len(old) + 1) // own messages from here on come in the next view
		}
		for i, x := range old {
			own := slices.Contains(h.daemons, x.from)
			switch {
			case own && (i >= later || x.join != nil || x.end != nil):
				h.flight = append(h.flight, x)
			case own, i < cutAt[x.from] && x.join == nil && x.end == nil:
				h.hand(w, x)
			}
		}
		h.view(w, h.members(w), true)
	}
	w.parts = append(slices.DeleteFunc(w.parts, func(q *part) bool { return q == p }), halves...)
}

func (w *world) merge() {
	if len(w.parts) < 2 {
		return
	}
	w.r.Shuffle(len(w.parts), func(i, j int) { w.parts[i], w.parts[j] = w.parts[j], w.parts[i] })
	a, b := w.parts[0], w.parts[1]
	for _, x := range []*part{a, b} { // the old orders end first
		for len(x.flight) > 0 && w.r.IntN(3) > 0 {
			x.deliver(w)
		}
	}
	m := &part{daemons: append(slices.Clone(a.daemons), b.daemons...), flight: append(a.flight, b.flight...)}
	slices.Sort(m.daemons)
	w.parts = append([]*part{m}, w.parts[2:]...)
	m.view(w, m.members(w), true)
}

// handle lets a worker look at the next thing that was delivered to it.
func (w *world) handle(s *simWorker) bool {
	if len(s.inbox) == 0 {
		return false
	}
	c := *s.inbox[0] // others may have the same
	s.inbox = s.inbox[1:]
	w.do(s, &c)
	return true
}

// do lets a worker's core act on a call.
func (w *world) do(s *simWorker, c *call) {
	w.effects(s, w.call(s, c))
}

func (w *world) call(s *simWorker, c *call) []Effect {
	out := c.on(s.core)
	if w.log != nil {
		w.log(s, c, out)
	}
	return out
}

func (w *world) effects(s *simWorker, out []Effect) {
	p := w.partOf(s.daemon)
	for _, e := range out {
		switch e := e.(type) {
		case Send:
			p.flight = append(p.flight, sent{from: s.daemon, name: s.name, to: e.To, data: append(e.Message.Header(), e.Message.Data...)})
		case Start:
			w.starts[e.ID]++
			s.tasks = append(s.tasks, e)
		case Stop:
		case Rejoin:
			w.lose(s, false)
			w.come(s)
		}
	}
}

// finish ends a random task of a worker.
func (w *world) finish(s *simWorker) bool {
	if len(s.tasks) == 0 || s.core == nil {
		return false
	}
	i := w.r.IntN(len(s.tasks))
	t := s.tasks[i]
	s.tasks = slices.Delete(s.tasks, i, i+1)
	o := Outcome{Result: append([]byte("did "), t.Payload...)}
	if w.trouble {
		switch w.r.IntN(12) {
		case 0:
			o = Outcome{Failed: true, Error: "no"}
		case 1:
			o = Outcome{Failed: true, Error: "again", Retry: true}
		case 2:
			o.Result = append(o.Result, make([]byte, 150+w.r.IntN(150))...)
		case 3:
			w.do(s, &call{Op: "progress", Name: t.ID, Attempt: t.Attempt, N: 50, Data: []byte("half")})
		}
	}
	w.do(s, &call{Op: "finish", Name: t.ID, Attempt: t.Attempt, Outcome: &o})
	return true
}

func (w *world) submit(id string, d int) {
	m := NewMessage("submit", []byte("payload of "+id)).Set("id", id).SetInt("max", 3)
	w.say(d, m)
}

func (w *world) say(d int, m *Message) {
	p := w.partOf(d)
	p.flight = append(p.flight, sent{from: d, name: fmt.Sprintf("#sub#d%d", d), to: []string{simGroup}, data: append(m.Header(), m.Data...)})
}

// settle delivers everything until nothing moves; tasks end too if done is set.
func (w *world) settle(done bool) {
	for range 1_000_000 {
		moved := false
		for _, p := range w.parts {
			if len(p.flight) > 0 {
				p.deliver(w)
				moved = true
			}
		}
		for _, s := range w.workers {
			for w.handle(s) {
				moved = true
			}
			if done && w.finish(s) {
				moved = true
			}
		}
		if !moved {
			return
		}
	}
	w.t.Fatal("it never comes to rest")
}

// equal checks that all members of each part know the same, and have settled.
func (w *world) equal() {
	w.t.Helper()
	for _, p := range w.parts {
		var first *simWorker
		for _, s := range p.members(w) {
			if !s.core.Settled() {
				w.t.Fatalf("%s has not settled: %+v", s.name, s.core.ex)
			}
			if first == nil {
				first = s
			}
			if a, b := first.core.Digest(), s.core.Digest(); a != b {
				w.t.Fatalf("%s and %s differ:\n%s\n%s", first.name, s.name, first.core.table.encode(), s.core.table.encode())
			}
			s.core.check(w.t)
		}
	}
}

// check looks whether a core's books are right.
func (c *Core) check(t *testing.T) {
	t.Helper()
	back, ok := decodeTable(c.table.encode())
	if !ok || back.digest() != c.table.digest() || back.bytes != c.table.bytes || back.kept != c.table.kept ||
		len(back.waiting) != len(c.table.waiting) || len(back.ended) != len(c.table.ended) {
		t.Fatalf("the table does not come back as it is: %s", c.table.encode())
	}
	running := map[string]int64{}
	for _, j := range c.table.jobs {
		if j.state == Running {
			running[j.worker]++
		}
	}
	for _, p := range c.people {
		if p.running != running[p.worker] {
			t.Fatalf("%s counts as having %d jobs and has %d", p.name, p.running, running[p.worker])
		}
		delete(running, p.worker)
	}
	if len(running) > 0 {
		t.Fatalf("jobs are with workers that are gone: %v", running)
	}
}

func (w *world) step() {
	s := w.workers[w.r.IntN(len(w.workers))]
	switch x := w.r.IntN(100); {
	case x < 40:
		if p := w.parts[w.r.IntN(len(w.parts))]; len(p.flight) > 0 {
			p.deliver(w)
		}
	case x < 72 || !w.faults && x < 75:
		w.handle(s)
	case x < 75:
		for range 1 + w.r.IntN(4) {
			if s.joined {
				w.do(s, &call{Op: "tick"})
			}
		}
	case x < 85:
		w.finish(s)
	case x < 91:
		id := fmt.Sprintf("job%d", len(w.jobs))
		w.jobs = append(w.jobs, id)
		w.submit(id, s.daemon)
	case x < 93 && len(w.jobs) > 0:
		w.submit(w.jobs[w.r.IntN(len(w.jobs))], s.daemon)
	case x < 94 && len(w.jobs) > 0:
		verb := "query"
		switch {
		case w.trouble && w.r.IntN(2) == 0:
			verb = "cancel"
		case w.r.IntN(4) == 0:
			verb = "info"
		}
		w.say(s.daemon, NewMessage(verb, nil).Set("id", w.jobs[w.r.IntN(len(w.jobs))]))
	case x < 96:
		w.come(s)
	case !w.faults:
	case x == 96:
		w.split(w.parts[w.r.IntN(len(w.parts))])
	case x == 97:
		w.merge()
	case x == 98:
		w.lose(s, w.r.IntN(2) == 0)
	case x == 99 && s.joined && w.r.IntN(4) == 0:
		w.do(s, &call{Op: "skip"})
	case x == 99 && s.joined && w.r.IntN(4) == 0:
		w.do(s, &call{Op: "capacity", N: 1 + int64(w.r.IntN(3))})
	}
}

// end heals everything, submits again what is not known to have ended, as
// submitters do, and does all jobs.
func (w *world) end() {
	for len(w.parts) > 1 {
		w.merge()
	}
	for _, s := range w.workers {
		w.come(s)
	}
	w.settle(true)
	for range 20 { // queue full: again
		for i, id := range w.jobs {
			w.submit(id, i%len(w.workers))
			if i%20 == 0 {
				w.settle(true)
			}
		}
	}
	w.settle(true)
	w.equal()
}

func history(t *testing.T, seed uint64, faults, trouble bool) *world {
	w := newWorld(t, seed, 2+int(seed%4))
	w.faults, w.trouble = faults, trouble
	if faults && seed%5 == 0 {
		w.limits.Kept, w.limits.KeptBytes = 10, 1000
	}
	for range 150 {
		for range 4 {
			w.step()
		}
		if w.r.IntN(40) == 0 {
			w.settle(false)
			w.equal()
		}
	}
	w.end()
	return w
}

var histories = flag.Uint64("histories", 500, "random histories to play")

func TestRandomHistories(t *testing.T) {
	for seed := range *histories {
		w := history(t, seed, true, seed%2 == 0)
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
		core := w.workers[0].core
		for _, id := range w.jobs {
			j := core.table.jobs[id]
			switch {
			case j == nil && w.limits.Kept == 10:
			case j == nil || !j.state.Ended():
				t.Fatalf("seed %d: %s has not ended: %+v", seed, id, j)
			case j.state == Done && !bytes.HasPrefix(j.blob, []byte("did payload of "+id)):
				t.Fatalf("seed %d: %s has the result of another job", seed, id)
			case j.state == Done && w.starts[id] == 0:
				t.Fatalf("seed %d: %s was never done", seed, id)
			case j.state != Done && !w.trouble && j.attempt < 3:
				t.Fatalf("seed %d: %s failed without reason: %+v", seed, id, j)
			}
		}
	}
}

// When nobody is lost, every job is done once, also while workers come.
func TestOnceWithoutFaults(t *testing.T) {
	for seed := range *histories / 4 {
		w := history(t, seed, false, false)
		for _, id := range w.jobs {
			if w.starts[id] != 1 {
				t.Fatalf("seed %d: %s was done %d times", seed, id, w.starts[id])
			}
			if !slices.Contains(w.results[id], "done") {
				t.Fatalf("seed %d: nobody was told of %s", seed, id)
			}
		}
	}
}

// A worker that hangs, the first of all, is found out though nobody comes or goes: the
// others do its jobs and answer. When it goes on it joins again.
func TestHungWorker(t *testing.T) {
	w := newWorld(t, 1, 3)
	for _, s := range w.workers {
		w.come(s)
	}
	w.settle(false)
	w.equal()
	hung, others := w.workers[0], w.workers[1:]
	for i := range 20 {
		w.jobs = append(w.jobs, fmt.Sprintf("job%d", i))
		w.submit(w.jobs[i], 1)
	}
	for range 100 {
		for p := w.parts[0]; len(p.flight) > 0; {
			p.deliver(w)
		}
		for _, s := range others {
			for w.handle(s) {
			}
			for w.finish(s) {
			}
			w.do(s, &call{Op: "tick"})
		}
	}
	for _, id := range w.jobs {
		if !slices.Contains(w.results[id], "waiting") && !slices.Contains(w.results[id], "running") && !slices.Contains(w.results[id], "done") {
			t.Errorf("nobody was told of %s", id)
		}
		if j := others[0].core.table.jobs[id]; j == nil || j.state != Done {
			t.Errorf("%s: %+v", id, j)
		}
	}
	if n := others[0].core.Counts().Workers; n != 2 {
		t.Errorf("%d workers", n)
	}
	name := hung.name
	w.settle(true)
	w.equal()
	if hung.name == name || others[0].core.Counts().Workers != 3 {
		t.Error("it did not join again")
	}
	// Nothing is said while there is nothing to do, and nobody is thrown out when all are well.
	for range 20 {
		for _, s := range w.workers {
			w.do(s, &call{Op: "tick"})
		}
		w.settle(true)
	}
	for _, s := range w.workers {
		w.do(s, &call{Op: "tick"})
	}
	if n := len(w.parts[0].flight); n > 0 {
		t.Errorf("%d messages though nothing is to be done", n)
	}
	if w.workers[1].core.Counts().Workers != 3 || w.workers[1].core.repeats != 0 {
		t.Error("somebody was thrown out")
	}
}
