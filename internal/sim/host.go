package sim

import (
	"fmt"
	"math"
	"time"

	"gospread/spread/internal/group"
	"gospread/spread/internal/ring"
)

// machine is what a host needs of the ring.
type machine interface {
	Submit(s ring.Service, payload []byte)
	SubmitExchange(s ring.Service, payload []byte)
	Hold(held bool)
	Backlog() int
	Receive(now time.Duration, datagram []byte)
	Refused(now time.Duration, id ring.DaemonID)
	Leave(now time.Duration)
	Offer(e ring.Epoch)
	State() string
	Left() bool
	Deadline() time.Duration
	Advance(now time.Duration, out *ring.Output)
}

// host is one life of a daemon.
type host struct {
	w      *World
	slot   *slot
	life   int
	ring   machine
	groups *group.Machine
	// members are those of its configuration, nil before the first.
	members []ring.DaemonID
	out     ring.Output

	// The monotonic clock: so many parts in a million fast, and with this origin.
	origin  time.Duration
	drift   int64
	work    time.Duration // that a datagram costs; faults change it
	busy    time.Duration // until then it handles what it has taken
	armed   time.Duration // when the next timer event comes
	in      int           // the layout in force
	lists   int           // the one that was when the configuration was installed
	offers  int           // that which is offered; -1: none
	files   []int         // the layouts that it has read
	sighup  bool          // it is to read its file when it goes on
	pauses  int           // how many faults pause it
	spins   int           // turns at one time that led nowhere
	dead    bool
	leaving bool
	waking  bool // a wake event is under way
	inTurn  bool

	control, data fifo
	refused       []ring.DaemonID

	clients []*client // by place in the traffic
	local   []*client // by group.Local; nil: gone
	log     *record   // for evscheck

	sends   int           // packets
	gathers time.Duration // when it last said whom it hears
	planned bool          // it has sent a plan that is not installed yet
}

// inputLimit is how much may wait for its place until clients are not read any
// more, in bytes.
const inputLimit = 256 << 10

// start begins a new life of a daemon.
func (w *World) start(s *slot) *host {
	wall := uint32(timeOfDay + int64((w.now+s.wall)/time.Second))
	s.incarnation = max(wall, s.incarnation+1)
	if !w.Plan.Forgets {
		s.incarnation = max(s.incarnation, s.used+1)
	}
	s.lives++
	h := &host{
		w: w, slot: s, life: s.lives,
		origin: time.Duration(w.rng.Int64N(int64(1000 * time.Hour))),
		drift:  int64(w.rng.IntN(401) - 200),
		work:   w.Plan.Work,
		armed:  math.MaxInt64,
		in:     s.file,
		offers: -1,
		files:  []int{s.file},
	}
	s.host, s.up = h, true
	w.lives = append(w.lives, h)
	w.mix(uint64(w.now), uint64(s.index), uint64(s.incarnation))
	h.note("start, life %d, incarnation %d", h.life, s.incarnation)
	h.log = w.newRecord(h)
	l := w.layouts[h.in]
	h.ring = newMachine(ring.Options{
		Self: s.id, Incarnation: s.incarnation, Peers: l.Peers, Digest: l.Digest, Describe: l.Describe, Datagram: s.datagram,
		Timing: w.Plan.Timing, Windows: w.Plan.Windows, Trace: true,
	}, h.now())
	h.groups = group.New(s.id, l.daemons, sink{h})
	h.populate()
	h.turn()
	return h
}

// newMachine makes the machine of a host.
var newMachine = func(o ring.Options, now time.Duration) machine { return ring.New(o, now) }

// now is the time on the daemon's own clock.
func (h *host) now() time.Duration { return h.shows(h.w.now) }

// shows is what the daemon's clock shows at a true time.
func (h *host) shows(t time.Duration) time.Duration {
	return h.origin + t + time.Duration(int64(t)/1_000_000*h.drift)
}

// trueTime is the first true time from now on at which the daemon's clock shows t.
func (h *host) trueTime(t time.Duration) time.Duration {
	if t > h.origin+1000*time.Hour {
		return math.MaxInt64
	}
	d := t - h.origin
	d = max(d-time.Duration(int64(d)/1_000_000*h.drift), h.w.now)
	for shown := h.shows(d); shown < t; shown = h.shows(d) {
		d += t - shown + 1
	}
	return d
}

// arrive puts a datagram into the receive buffer.
func (h *host) arrive(d *datagram) {
	q := &h.control
	if d.bulk {
		q = &h.data
	}
	if q.len() >= h.w.Plan.Buffer {
		h.w.Seen.Overflowed++
		h.w.net.release(d)
		return
	}
	q.push(d)
	h.turn()
}

// turn does what there is to do, unless the daemon is paused or busy.
func (h *host) turn() {
	w := h.w
	if h.inTurn || h.pauses > 0 || h.dead {
		return
	}
	if h.busy > w.now {
		if !h.waking {
			h.waking = true
			w.queue.push(event{at: h.busy, kind: wakeEvent, host: h})
		}
		return
	}
	h.inTurn = true
	for {
		for _, id := range h.refused {
			h.note("< refused by %s", w.name(id))
			h.ring.Refused(h.now(), id)
		}
		h.refused = h.refused[:0]
		n := h.receive()
		h.advance()
		if h.dead || h.pauses > 0 {
			break
		}
		if n > 0 && h.work > 0 {
			h.busy = max(w.now, h.busy) + time.Duration(n)*h.work
		}
		if h.control.len()+h.data.len() == 0 {
			break
		}
		if h.busy > w.now {
			h.inTurn = false
			h.turn() // to be woken
			break
		}
	}
	h.inTurn = false
	h.arm()
}

// receive hands a batch to the machine, control first, and tells how many
// datagrams it took.
func (h *host) receive() (n int) {
	w := h.w
	for n < w.Plan.Batch {
		q := &h.control
		if q.len() == 0 {
			q = &h.data
		}
		if q.len() == 0 {
			return n
		}
		d := q.pop()
		n++
		if w.trace != nil {
			h.note("< %s %s", w.slots[d.from].name, describe(d.data))
		}
		h.ring.Receive(h.now(), d.data)
		if w.Plan.Rubbish {
			w.rubbish(h, d.data)
		}
		w.net.release(d)
	}
	return n
}

// advance lets the machines do all that is due, and sends what they say.
func (h *host) advance() {
	for range 10000 {
		h.out.Reset()
		h.ring.Advance(h.now(), &h.out)
		h.slot.used = max(h.slot.used, h.out.Time)
		h.log.sent(h.out.Sent)
		for _, n := range h.out.Notes {
			h.note("says: %v", n)
		}
		more := len(h.out.Events) > 0
		was := h.log.config
		for i := range h.out.Events {
			h.apply(&h.out.Events[i])
		}
		if t := h.log.tenure; more && t != nil && h.log.config == was && h.log.phase == ring.RegularConfiguration && h.ring.State() == "operational" {
			t.alive = t.given
		}
		h.log.stableTo(h.out.Stable) // of the configuration that is present now
		h.ring.Hold(h.groups.Blocked())
		for i := range h.out.Packets {
			h.w.net.send(h, &h.out.Packets[i])
			if h.dead {
				return // a hook saw to that
			}
		}
		if !h.groups.Blocked() && h.read() {
			more = true
		}
		if !more {
			if h.leaving && h.ring.Left() {
				h.w.stop(h, "left")
			}
			return
		}
	}
	h.w.fail("hang", "%s finds no end of events", h.slot.name)
}

// arm sees to it that the deadline of the machine is kept.
func (h *host) arm() {
	if h.dead || h.pauses > 0 {
		return
	}
	at := max(h.trueTime(h.ring.Deadline()), h.busy)
	if at < h.armed && at < math.MaxInt64 {
		h.armed = at
		h.w.queue.push(event{at: at, kind: timerEvent, host: h})
	}
}

// timer is called when a timer event comes. Those that are not the one armed are
// left over.
func (h *host) timer(at time.Duration) {
	if at != h.armed {
		return
	}
	h.armed = math.MaxInt64
	if h.pauses > 0 {
		return
	}
	if h.ring.Deadline() <= h.now() {
		h.turn()
		if h.ring.Deadline() > h.now() || h.busy > h.w.now {
			h.spins = 0
		} else if h.spins++; h.spins > 1000 {
			h.w.fail("hang", "%s lets its deadline %v stand at %v", h.slot.name, h.ring.Deadline(), h.now())
		}
	}
	h.arm()
}

// pause stops a daemon as SIGSTOP does. What arrives waits in the buffers.
func (h *host) pause() { h.pauses++ }

// resume undoes one pause.
func (h *host) resume() {
	h.pauses = max(0, h.pauses-1)
	if h.pauses > 0 || h.dead {
		return
	}
	h.note("resumed")
	if h.w.chance(0.5) && !h.inTurn { // which of timer and sockets it looks at first is open
		h.inTurn = true
		h.advance()
		h.inTurn = false
	}
	h.armed = math.MaxInt64
	if h.sighup {
		h.reload()
	}
	h.turn()
	h.arm()
}

// stop ends a life. It may be called in the middle of a turn of its own.
func (w *World) stop(h *host, how string) {
	if h.dead {
		return
	}
	h.note("%s", how)
	w.mix(uint64(w.now), uint64(h.slot.index), 0xdead)
	h.dead = true
	h.slot.host = nil
	h.log.crash()
	for _, c := range h.local {
		if c != nil {
			c.end()
		}
	}
	for _, q := range []*fifo{&h.control, &h.data} {
		for q.len() > 0 {
			w.net.release(q.pop())
		}
	}
}

// leave begins a planned stop.
func (h *host) leave() {
	if h.leaving || h.dead {
		return
	}
	h.note("leaves")
	h.leaving = true
	h.w.Seen.Leaves++
	h.ring.Leave(h.now())
	h.turn()
}

// note writes a line of the trace that belongs to this daemon.
func (h *host) note(format string, args ...any) {
	if w := h.w; w.trace != nil {
		fmt.Fprintf(w.trace, "%13.6f  %-4s "+format+"\n", append([]any{w.now.Seconds(), h.slot.name}, args...)...)
	}
}

// fifo is a queue of datagrams.
type fifo struct {
	items []*datagram
	head  int
}

func (q *fifo) len() int { return len(q.items) - q.head }

func (q *fifo) push(d *datagram) { q.items = append(q.items, d) }

func (q *fifo) pop() *datagram {
	d := q.items[q.head]
	q.items[q.head] = nil
	if q.head++; q.head == len(q.items) {
		q.items, q.head = q.items[:0], 0
	}
	return d
}
