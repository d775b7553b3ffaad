package ring

import (
	"container/heap"
	"fmt"
	"slices"
	"testing"
	"time"

	"gospread/spread/internal/ringproto"
)

// net is a small network without faults but those that a test makes by drop.
type net struct {
	tb       testing.TB
	now      time.Duration
	queue    flights
	order    int
	nodes    map[DaemonID]*node
	ids      []DaemonID
	drop     func(from, to DaemonID, b []byte) bool
	segments map[DaemonID]int
	toAll    bool // of the datagram that drop looks at: it goes to everybody
	bulk     bool // of the same: it goes to the port for data
	trace    bool

	// What daemons are started with, and how long a datagram takes.
	timing   Timing
	windows  Windows
	datagram int
	latency  time.Duration
	far      map[DaemonID]time.Duration // longer latencies of the links of some
	// budget, if not 0, is how many more turns there may be: a loop ends the test.
	budget int
	spins  int // turns by deadline at one time
}

type node struct {
	*Machine
	out    Output
	log    []string
	down   bool
	asleep bool
	missed []flight // while asleep
	sent   int
	config *Configuration
	signal *Configuration // the last transitional one
	noted  []Note
}

type flight struct {
	at    time.Duration
	order int
	to    DaemonID
	data  []byte // nil: refused
	from  DaemonID
}

type flights []flight

func (f flights) Len() int { return len(f) }
func (f flights) Less(i, j int) bool {
	return f[i].at < f[j].at || f[i].at == f[j].at && f[i].order < f[j].order
}
func (f flights) Swap(i, j int) { f[i], f[j] = f[j], f[i] }
func (f *flights) Push(x any)   { *f = append(*f, x.(flight)) }
func (f *flights) Pop() any {
	x := (*f)[len(*f)-1]
	*f = (*f)[:len(*f)-1]
	return x
}

func newNet(tb testing.TB, n int) *net {
	w := &net{tb: tb, nodes: make(map[DaemonID]*node), now: time.Second,
		datagram: 1472, latency: 100 * time.Microsecond}
	for i := range n {
		w.ids = append(w.ids, DaemonID(i+1))
	}
	return w
}

func (w *net) start(ids ...DaemonID) {
	for _, id := range ids {
		w.startAs(id, uint32(1000+w.now/time.Second))
	}
}

func (w *net) startAs(id DaemonID, incarnation uint32) {
	o := Options{Self: id, Incarnation: incarnation, Datagram: w.datagram,
		Timing: w.timing, Windows: w.windows, Digest: 0x5eed}
	for _, p := range w.ids {
		o.Peers = append(o.Peers, Peer{ID: p, Segment: w.segment(p)})
	}
	w.nodes[id] = &node{Machine: New(o, w.now)}
	w.turn(id)
}

// segment is that of a daemon.
func (w *net) segment(id DaemonID) int { return w.segments[id] }

func (w *net) spend() {
	if w.budget > 0 {
		if w.budget--; w.budget == 0 {
			w.tb.Fatalf("no end; %s", w.states())
		}
	}
}

func (w *net) turn(id DaemonID) {
	n := w.nodes[id]
	for again := true; again; {
		w.spend()
		n.out.Reset()
		n.Advance(w.now, &n.out)
		again = false
		for _, e := range n.out.Events {
			again = true
			switch e.Kind {
			case RegularConfiguration:
				n.config = e.Config
				n.log = append(n.log, fmt.Sprint("regular ", e.Config.Members))
			case TransitionalConfiguration:
				n.signal = e.Config
				n.log = append(n.log, fmt.Sprint("transitional ", e.Config.Members))
			case Deliver:
				n.log = append(n.log, fmt.Sprintf("%d: %.20s", e.Message.Sender, e.Message.Payload))
			}
			if w.trace {
				w.tb.Logf("%v %d: %s", w.now, id, n.log[len(n.log)-1])
			}
		}
		n.noted = append(n.noted, n.out.Notes...)
		for _, note := range n.out.Notes {
			if w.trace {
				w.tb.Logf("%v %d: note: %v", w.now, id, note)
			}
		}
		if again {
			n.Hold(false)
		}
		for _, p := range n.out.Packets {
			n.sent++
			for _, to := range w.ids {
				if to == id || !p.For(to, w.segment(to) == w.segment(id)) {
					continue
				}
				w.send(id, to, p)
			}
		}
	}
}

func (w *net) send(from, to DaemonID, p Packet) {
	if w.trace {
		r, _ := ringproto.ParseRing(p.Data)
		h, _ := ringproto.ParseHeader(p.Data)
		w.tb.Logf("%v %d -> %d %v %v", w.now, from, to, h.Kind, r)
	}
	w.order++
	f := flight{at: w.now + max(w.latency, w.far[from], w.far[to]), order: w.order, to: to, from: from}
	if m := w.nodes[to]; m != nil && !m.down {
		f.data = slices.Clone(p.Data)
	} else if p.To == 0 {
		return
	} else {
		f.to, f.from = from, to
	}
	w.toAll, w.bulk = p.To == 0, p.Bulk
	if w.drop != nil && w.drop(from, to, p.Data) {
		return
	}
	heap.Push(&w.queue, f)
}

// run lets d pass, or ends when done says so.
func (w *net) run(d time.Duration, done func() bool) {
	w.tb.Helper()
	end := w.now + d
	for done == nil || !done() {
		next, id := end, DaemonID(0)
		for _, x := range w.ids {
			if n := w.nodes[x]; n != nil && !n.down && !n.asleep && n.Deadline() < next {
				next, id = n.Deadline(), x
			}
		}
		switch {
		case len(w.queue) > 0 && w.queue[0].at <= next:
			f := heap.Pop(&w.queue).(flight)
			w.now = max(w.now, f.at)
			n := w.nodes[f.to]
			if n == nil || n.down {
				continue
			}
			if n.asleep {
				n.missed = append(n.missed, f)
				continue
			}
			if f.data == nil {
				n.Refused(w.now, f.from)
			} else {
				n.Receive(w.now, f.data)
			}
			w.turn(f.to)
		case id != 0:
			if next > w.now {
				w.spins = 0
			} else if w.spins++; w.spins > 1000 {
				w.tb.Fatalf("%d lets its deadline stand; %s", id, w.states())
			}
			w.now = max(w.now, next)
			w.turn(id)
		default:
			w.now = end
			if done != nil {
				w.tb.Fatalf("not done after %v; %s", d, w.states())
			}
			return
		}
	}
}

// pause stops a daemon as SIGSTOP does; what arrives waits.
func (w *net) pause(id DaemonID) { w.nodes[id].asleep = true }

// resume lets it go on.
func (w *net) resume(id DaemonID) {
	n := w.nodes[id]
	n.asleep = false
	for _, f := range n.missed {
		f.at = w.now
		heap.Push(&w.queue, f)
	}
	n.missed = nil
	w.turn(id)
}

func (w *net) states() string {
	s := ""
	for _, id := range w.ids {
		if n := w.nodes[id]; n != nil {
			s += fmt.Sprintf("%d %v %v; ", id, n.State(), n.config)
		}
	}
	return s
}

// together tells whether these, and nobody else, share a configuration.
func (w *net) together(ids ...DaemonID) func() bool {
	return func() bool {
		for _, id := range ids {
			n := w.nodes[id]
			if n.config == nil || n.state != operational || !slices.Equal(n.config.Members, ids) || n.config.ID != w.nodes[ids[0]].config.ID {
				return false
			}
		}
		return true
	}
}

// got tells whether all of ids have n lines of log with text.
func (w *net) got(count int, ids ...DaemonID) func() bool {
	return func() bool {
		for _, id := range ids {
			n := 0
			for _, l := range w.nodes[id].log {
				if l[0] >= '0' && l[0] <= '9' {
					n++
				}
			}
			if n < count {
				return false
			}
		}
		return true
	}
}

func (w *net) submit(id DaemonID, s Service, text string) {
	w.nodes[id].Submit(s, []byte(text))
	w.turn(id)
}

func TestSmoke(t *testing.T) {
	w := newNet(t, 3)
	w.start(1, 2, 3)
	t0 := w.now
	w.run(time.Second, w.together(1, 2, 3))
	t.Logf("formed after %v", w.now-t0)
	w.run(300*time.Millisecond, nil)
	for i, id := range w.ids {
		t0 = w.now
		w.submit(id, Agreed, fmt.Sprint("agreed ", i))
		w.run(time.Second, w.got(2*i+1, 1, 2, 3))
		t.Logf("agreed from %d after %v", id, w.now-t0)
		t0 = w.now
		w.submit(id, Safe, fmt.Sprint("safe ", i))
		w.run(time.Second, w.got(2*i+2, 1, 2, 3))
		t.Logf("safe from %d after %v", id, w.now-t0)
	}
	before := w.nodes[1].sent + w.nodes[2].sent + w.nodes[3].sent
	w.run(time.Second, nil)
	t.Logf("idle: %d datagrams in a second", w.nodes[1].sent+w.nodes[2].sent+w.nodes[3].sent-before)
	w.nodes[3].down = true
	t0 = w.now
	w.run(time.Second, w.together(1, 2))
	t.Logf("dead daemon out after %v", w.now-t0)
	w.run(200*time.Millisecond, nil)
	t0 = w.now
	w.start(3)
	w.run(2*time.Second, w.together(1, 2, 3))
	t.Logf("restarted daemon in after %v", w.now-t0)
	w.nodes[1].down = true
	t0 = w.now
	w.run(time.Second, w.together(2, 3))
	t.Logf("dead leader out after %v", w.now-t0)
	t0 = w.now
	w.start(1)
	w.run(2*time.Second, w.together(1, 2, 3))
	t.Logf("restarted leader in after %v", w.now-t0)
	t0 = w.now
	cut := true
	w.drop = func(a, b DaemonID, _ []byte) bool { return cut && (a == 3) != (b == 3) }
	w.run(3*time.Second, w.together(1, 2))
	t.Logf("cut: out after %v", w.now-t0)
	w.run(3*time.Second, w.together(3))
	cut = false
	t0 = w.now
	w.run(3*time.Second, w.together(1, 2, 3))
	t.Logf("healed after %v", w.now-t0)
	w.drop = func(a, b DaemonID, _ []byte) bool { return a == 1 && b == 3 }
	t0 = w.now
	w.run(3*time.Second, w.together(1, 2))
	w.run(3*time.Second, w.together(3))
	t.Logf("one-way: out after %v", w.now-t0)
	before = len(w.nodes[1].log)
	w.run(10*time.Second, nil)
	t.Logf("%d changes in ten seconds of a one-way link", len(w.nodes[1].log)-before)
	w.drop = nil
	t0 = w.now
	w.run(3*time.Second, w.together(1, 2, 3))
	t.Logf("healed after %v", w.now-t0)
	w.nodes[2].Leave(w.now)
	w.turn(2)
	t0 = w.now
	w.run(3*time.Second, w.together(1, 3))
	t.Logf("left after %v", w.now-t0)
}
