package sim

import (
	"fmt"
	"io"
	"math/rand/v2"
	"runtime/debug"
	"slices"
	"time"

	"gospread/spread/internal/evscheck"
	"gospread/spread/internal/ring"
)

// World is a set of configured daemons, their network and what happens next. It
// is used by one goroutine.
type World struct {
	Plan     *Plan
	Seen     Coverage
	now      time.Duration
	rng      *rand.Rand
	queue    queue
	slots    []*slot
	layouts  []*layout // all that there have been; daemons begin with the first
	last     int       // the layout that operators have been given last
	rollouts int       // how often they were given one
	net      network
	sent     sentTable
	conns    []*connection
	requests uint64
	lives    []*host // all that ever were, in the order of their starts

	calm    bool   // no traffic
	still   bool   // no new faults
	ceased  uint64 // the last event before that
	silent  bool   // a time without traffic
	broken  []Violation
	steps   uint64
	hash    uint64
	hashing bool
	trace   io.Writer
	// One-way cuts in force, and how many there were.
	oneWay, oneWayBegun int

	triggers []*trigger
	held     []func() // datagrams that wait for the next attempt
	onSend   []func(*Datagram) Verdict
	onCopy   []func(*Datagram) Verdict
	onEvent  []func(*host, *ring.Event)
	places   map[evscheck.ConfigID][]uint64 // ordered numbers given, at the end
	tenures  []*tenures
	load     load
	kept     kept
}

// Violation is something that must not be.
type Violation struct {
	Rule string // D1 to D20, C1 to C22, or a word for what only the simulator sees
	Text string
}

func (v Violation) String() string { return v.Rule + ": " + v.Text }

// slot is a daemon that may be in the configuration. Its lives follow each other in
// it.
type slot struct {
	index       int
	segment     int
	file        int  // the layout of its configuration file; -1: none
	stopped     bool // by its operator, for good
	down        bool // by a fault that lasts
	id          ring.DaemonID
	name        string
	up          bool  // its host is: datagrams to no daemon are refused
	host        *host // the present life; nil: no daemon runs
	lives       int
	incarnation uint32
	used        uint32        // the highest time that its lives were to remember
	wall        time.Duration // of its host's clock, against the true time
	nic         time.Duration // its interface is busy until then
	datagram    int           // the largest it can send
}

// timeOfDay is the true one when a world begins, in seconds since 1970.
const timeOfDay = 1_700_000_000

// NewWorld makes a world in which no daemon runs yet.
func NewWorld(p *Plan) *World {
	w := &World{Plan: p, rng: rand.New(rand.NewPCG(p.Seed, 0x776f726c64))}
	var first []int
	for i := range p.Daemons + p.Spare {
		s := &slot{index: i, segment: i * p.Sites / (p.Daemons + p.Spare), id: w.freeID(), name: fmt.Sprintf("d%d", i+1), up: true, datagram: p.Datagram}
		if i < p.Daemons {
			first = append(first, i)
		} else {
			s.file = -1
		}
		if p.Mixed && w.chance(0.4) {
			s.datagram = min(p.Datagram, 1400)
		}
		w.slots = append(w.slots, s)
	}
	w.layoutOf(first)
	w.net.lay(w)
	w.sent.init()
	if p.Damage != "" {
		w.onSend = append(w.onSend, damages[p.Damage])
	}
	return w
}

// freeID draws an id as a hash of a name would be.
func (w *World) freeID() ring.DaemonID {
	for {
		id := ring.DaemonID(w.rng.Uint32())
		if id != 0 && !slices.ContainsFunc(w.slots, func(s *slot) bool { return s.id == id }) {
			return id
		}
	}
}

// Now is the virtual time since the world began.
func (w *World) Now() time.Duration { return w.now }

// Trace makes the world write down what happens, for people to read.
func (w *World) Trace(to io.Writer) { w.trace = to }

// Hash makes the world hash all that happens, or tells the hash so far.
func (w *World) Hash() uint64 {
	w.hashing = true
	return w.hash
}

// after calls fn when d has passed.
func (w *World) after(d time.Duration, fn func()) {
	w.queue.push(event{at: w.now + d, kind: callEvent, fn: fn})
}

// Run lets d pass. It stops early at the first violation that is seen at once.
func (w *World) Run(d time.Duration) {
	end := w.now + d
	w.RunUntil(end, nil)
	if len(w.broken) == 0 {
		w.now = end
	}
}

// RunUntil goes on until a time has come or done reports true after some event,
// and tells whether it did.
func (w *World) RunUntil(end time.Duration, done func() bool) (ok bool) {
	defer func() {
		if r := recover(); r != nil {
			w.fail("panic", "%v\n%s", r, debug.Stack())
		}
	}()
	for len(w.broken) == 0 && len(w.queue.heap) > 0 && w.queue.heap[0].at <= end {
		e := w.queue.pop()
		w.now = e.at
		w.steps++
		w.step(&e)
		if done != nil && done() {
			return true
		}
	}
	return false
}

func (w *World) step(e *event) {
	h := e.host
	if e.kind == arriveEvent {
		w.net.arrive(e)
		return
	}
	if h != nil && h.dead {
		return
	}
	switch e.kind {
	case callEvent:
		e.fn()
	case refusedEvent:
		if e.seq <= w.ceased {
			return // late word of an earlier life, which a fault has delayed
		}
		h.refused = append(h.refused, w.slots[e.arg].id)
		h.turn()
	case timerEvent:
		h.timer(e.at)
	case wakeEvent:
		h.waking = false
		h.turn()
	case clientEvent:
		h.clients[e.arg].act()
	}
}

func (w *World) fail(rule, format string, args ...any) {
	v := Violation{rule, fmt.Sprintf(format, args...)}
	w.note("VIOLATION %v", v)
	w.broken = append(w.broken, v)
}

// chance is true with probability p.
func (w *World) chance(p float64) bool { return p > 0 && w.rng.Float64() < p }

// exp draws a time with the given mean, and no more than six times that.
func (w *World) exp(mean time.Duration) time.Duration {
	return time.Duration(min(w.rng.ExpFloat64(), 6) * float64(mean))
}

// note writes a line of the trace that belongs to no daemon.
func (w *World) note(format string, args ...any) {
	if w.trace != nil {
		fmt.Fprintf(w.trace, "%13.6f  "+format+"\n", append([]any{w.now.Seconds()}, args...)...)
	}
}

// mix adds to the hash of the run.
func (w *World) mix(vs ...uint64) {
	for _, v := range vs {
		w.hash = (w.hash ^ v) * 0x9e3779b97f4a7c15
		w.hash ^= w.hash >> 29
	}
}

// running lists the daemons that run, in configuration order.
func (w *World) running() []*host {
	var hosts []*host
	for _, s := range w.slots {
		if s.host != nil {
			hosts = append(hosts, s.host)
		}
	}
	return hosts
}
