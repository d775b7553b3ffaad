package spreadtest

import (
	"fmt"
	"math"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"gospread/spread/internal/link"
)

// inbox is a handler that writes down what it is told and when.
type inbox struct {
	h     *hub
	began time.Time
	got   []string
	stall chan struct{} // not nil: Receive waits for its end
}

func (b *inbox) note(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	if d := time.Since(b.began); d > 0 {
		text += " after " + d.String()
	}
	b.got = append(b.got, text)
}

func (b *inbox) Receive(batch []link.Received) {
	for _, r := range batch {
		kind := ""
		if r.Token {
			kind = "token "
		}
		b.note("%s%s from %d", kind, r.Data, r.From)
	}
	if b.stall != nil {
		<-b.stall
	}
}

func (b *inbox) Refused(peer uint32) { b.note("refused by %d", peer) }
func (b *inbox) Resized(int)         {}
func (b *inbox) Noted(string)        {}

// world is a hub with the daemons 1 and 2 in one segment and 3 in another.
type world struct {
	*hub
	plugs []*plug
	boxes []*inbox
}

func newWorld(seed uint64) *world {
	w := &world{hub: newHub(seed)}
	for i := range 3 {
		s := &site{name: defaultName(i), id: uint32(i + 1), segment: i / 2}
		w.sites = append(w.sites, s)
		p, b := w.connect(s), &inbox{h: w.hub, began: time.Now()}
		p.Start(b)
		w.plugs, w.boxes = append(w.plugs, p), append(w.boxes, b)
	}
	return w
}

func (w *world) close() {
	for _, p := range w.plugs {
		_ = p.Close()
	}
}

// send sends from 1; to 0 is to all.
func (w *world) send(to uint32, text string) {
	data := []byte(text)
	w.plugs[0].Send([]link.Datagram{{To: to, Data: data}})
	clear(data) // it is the sender's again
}

func TestHub(t *testing.T) {
	const ms = time.Millisecond
	for _, c := range []struct {
		name string
		run  func(w *world)
		want [3][]string // what each is told
	}{
		{"to all", func(w *world) { w.send(0, "x") },
			[3][]string{nil, {"x from 1"}, {"x from 1"}}},
		{"to one", func(w *world) { w.send(3, "x") },
			[3][]string{nil, nil, {"token x from 1"}}},
		{"bulk to one", func(w *world) { w.plugs[1].Send([]link.Datagram{{To: 1, Bulk: true, Data: []byte("x")}}) },
			[3][]string{{"x from 2"}, nil, nil}},
		{"to nobody", func(w *world) { w.send(7, "x") }, [3][]string{}},
		{"in order", func(w *world) { w.send(0, "x"); w.send(2, "y"); w.send(0, "z") },
			[3][]string{nil, {"x from 1", "token y from 1", "z from 1"}, {"x from 1", "z from 1"}}},

		{"to one that is down", func(w *world) { w.unplug(w.plugs[1]); w.send(2, "x") },
			[3][]string{{"refused by 2"}, nil, nil}},
		{"multicast does not draw a refusal", func(w *world) { w.unplug(w.plugs[1]); w.send(0, "x") },
			[3][]string{nil, nil, {"x from 1"}}},
		{"copies to another segment do", func(w *world) { w.unplug(w.plugs[2]); w.send(0, "x") },
			[3][]string{{"refused by 3"}, {"x from 1"}, nil}},
		{"a refusal needs the way back", func(w *world) {
			w.unplug(w.plugs[1])
			w.set(func() { w.cuts[way{w.sites[1], w.sites[0]}] = true })
			w.send(2, "x")
		}, [3][]string{}},
		{"a refusal may get lost", func(w *world) {
			w.unplug(w.plugs[1])
			w.set(func() { w.loss = 1 })
			w.send(2, "x")
		}, [3][]string{}},
		{"for members only", func(w *world) {
			w.plugs[0].SetMembers([]uint32{1, 3})
			w.plugs[0].Send([]link.Datagram{{Members: true, Data: []byte("x")}, {Members: true, To: 2, Data: []byte("y")}, {Data: []byte("z")}})
		}, [3][]string{nil, {"token y from 1", "z from 1"}, {"x from 1", "z from 1"}}},
		{"one that is down sends nothing", func(w *world) { w.unplug(w.plugs[0]); w.send(0, "x") }, [3][]string{}},
		{"and gets nothing that was waiting", func(w *world) {
			w.set(func() { w.delay = ms })
			w.send(2, "x")
			w.unplug(w.plugs[1])
		}, [3][]string{}},
		{"another life gets only its own", func(w *world) {
			w.set(func() { w.delay = ms })
			w.send(2, "x")
			w.unplug(w.plugs[1])
			p := w.connect(w.sites[1])
			p.Start(w.boxes[1])
			w.plugs = append(w.plugs, p)
			_ = w.plugs[1].Close()
			w.send(2, "y")
		}, [3][]string{nil, {"token y from 1 after 1ms"}, nil}},

		{"cut", func(w *world) {
			w.set(func() { w.cuts[way{w.sites[0], w.sites[1]}] = true })
			w.send(0, "x")
			w.plugs[1].Send([]link.Datagram{{Data: []byte("y")}})
		}, [3][]string{{"y from 2"}, nil, {"x from 1", "y from 2"}}},
		{"cut with something on the way", func(w *world) {
			w.set(func() { w.delay = ms })
			w.send(2, "x")
			w.set(func() { w.cuts[way{w.sites[0], w.sites[1]}] = true })
		}, [3][]string{}},
		{"all lost", func(w *world) { w.set(func() { w.loss = 1 }); w.send(0, "x") }, [3][]string{}},

		{"delay", func(w *world) { w.set(func() { w.delay = 5 * ms }); w.send(3, "x") },
			[3][]string{nil, nil, {"token x from 1 after 5ms"}}},
		{"delayed refusal", func(w *world) {
			w.unplug(w.plugs[1])
			w.set(func() { w.delay = 5 * ms })
			w.send(2, "x")
		}, [3][]string{{"refused by 2 after 10ms"}, nil, nil}},
		{"nothing overtakes", func(w *world) {
			w.set(func() { w.delay = 5 * ms })
			w.send(2, "x")
			w.set(func() { w.delay = 0 })
			w.send(2, "y")
		}, [3][]string{nil, {"token x from 1 after 5ms", "token y from 1 after 5ms"}, nil}},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(1)
				c.run(w)
				time.Sleep(time.Second)
				w.close()
				for i, b := range w.boxes {
					if !slices.Equal(b.got, c.want[i]) {
						t.Errorf("%d was told %q, want %q", i+1, b.got, c.want[i])
					}
				}
			})
		})
	}
}

// What is lost depends on the seed, and is as much as was asked for.
func TestLoss(t *testing.T) {
	const n = 10000
	lossy := func(seed uint64) (got []string) {
		synctest.Test(t, func(*testing.T) {
			w := newWorld(seed)
			w.set(func() { w.loss = 0.25 })
			for i := range n {
				w.send(2, fmt.Sprint(i))
			}
			synctest.Wait()
			w.close()
			got = w.boxes[1].got
		})
		return got
	}
	a, b, c := lossy(1), lossy(1), lossy(2)
	if !slices.Equal(a, b) {
		t.Error("the same seed lost others")
	}
	if slices.Equal(a, c) {
		t.Error("another seed lost the same")
	}
	// Five standard deviations.
	if off := math.Abs(float64(len(a)) - 0.75*n); off > 5*math.Sqrt(n*0.25*0.75) {
		t.Errorf("%d of %d have arrived", len(a), n)
	}
}

// A daemon that takes nothing does not fill the memory.
func TestOverflow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(1)
		w.boxes[1].stall = make(chan struct{})
		size := 1000
		n := maxQueued/size + 100
		for range n {
			w.plugs[0].Send([]link.Datagram{{To: 2, Data: make([]byte, size)}})
			synctest.Wait()
		}
		if b := w.plugs[1].bytes; b > maxQueued {
			t.Errorf("%d bytes wait", b)
		}
		close(w.boxes[1].stall)
		synctest.Wait()
		lost := int(w.plugs[1].Counters().Overflow)
		if lost == 0 || lost > 100 || len(w.boxes[1].got) != n-lost {
			t.Errorf("%d of %d lost, %d received", lost, n, len(w.boxes[1].got))
		}
		w.close()
	})
}

func TestDefaultName(t *testing.T) {
	for i, want := range map[int]string{0: "a", 25: "z", 26: "aa", 27: "ab", 51: "az", 52: "ba", 127: "dx"} {
		if got := defaultName(i); got != want {
			t.Errorf("%d is %q, want %q", i, got, want)
		}
	}
}

// A long log keeps its end.
func TestTail(t *testing.T) {
	var l tail
	for i := range maxLog {
		fmt.Fprintf(&l, "line %d\n", i)
	}
	s := l.String()
	if end := fmt.Sprintf("line %d\n", maxLog-1); s[len(s)-len(end):] != end || s[:5] != "[...]" || len(s) > 2*maxLog {
		t.Errorf("%d bytes, from %q to %q", len(s), s[:20], s[len(s)-20:])
	}
}
