package ring

import (
	"container/heap"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"gospread/spread/internal/ringproto"
)

// claims is what a member of a running ring of three seems to say in a WAKE.
func claims(w *net, from DaemonID, say ringproto.Ring) {
	m := w.nodes[1]
	b := header(w.nodes[from], ringproto.Wake)
	b = append(b, make([]byte, ringproto.RingSize-len(b))...)
	h, _ := ringproto.ParseHeader(b)
	h.Config = m.ring.id
	h.Put(b)
	say.Put(b)
	m.Receive(w.now, b)
	w.turn(1)
}

// goesOn tells whether new messages of all three are delivered everywhere.
func goesOn(w *net) {
	w.tb.Helper()
	for i := range 3 {
		w.submit(DaemonID(1+i), Agreed, fmt.Sprint("after ", i))
	}
	w.run(leastStuck+2*LocalTiming().Loss, w.got(3, 1, 2, 3))
}

// A number that nobody has given, within the window, stops the order only until the ring
// has found out that nobody has it.
func TestClaimWithinWindow(t *testing.T) {
	w := running(t, 3)
	claims(w, 2, ringproto.Ring{Hop: 1, High: w.nodes[1].ring.high + maxWindow - 10})
	goesOn(w)
	if !slices.ContainsFunc(w.nodes[1].noted, func(n Note) bool { return n.Kind == NoteStuck }) {
		t.Error("the operator is not told")
	}
}

// The same for an aru that its sender does not have.
func TestClaimAru(t *testing.T) {
	w := running(t, 3)
	for i := range 3 {
		claims(w, DaemonID(2+i%2), ringproto.Ring{Hop: 1, Aru: w.nodes[1].ring.high + 5, High: w.nodes[1].ring.high})
	}
	goesOn(w)
}

// What is missing comes at last: that is no reason to end the ring, nor is a pause.
func TestNotStuck(t *testing.T) {
	w := running(t, 3)
	w.drop = func(_, to DaemonID, b []byte) bool { return to == 3 && kindOf(b) == ringproto.Data }
	w.submit(1, Agreed, "lost")
	w.run(leastStuck-LocalTiming().Loss, nil)
	w.pause(3)
	w.run(LocalTiming().Loss/2, nil)
	w.resume(3)
	w.drop = nil
	w.run(time.Second, w.got(1, 1, 2, 3))
	if n := w.changes(3); n > 1 {
		t.Errorf("%d changes of membership", n-1)
	}
}

// A member that gets all but packets does not stop the order of the others for ever.
func TestPacketsDoNotArrive(t *testing.T) {
	w := running(t, 4)
	w.drop = func(_, to DaemonID, b []byte) bool { return to == 3 && len(b) > 900 }
	const rounds = 600
	for range rounds {
		w.submit(1, Agreed, string(make([]byte, 1300)))
		w.submit(2, Safe, "small")
		w.run(100*time.Millisecond, nil)
	}
	w.run(2*leastStuck, w.got(rounds, 1, 2, 4))
	w.drop = nil
	w.run(10*time.Second, w.together(1, 2, 3, 4))
}

// breaks loses what lost says.
func (w *net) breaks(refused bool, lost func(from, to DaemonID, b []byte) bool) {
	w.drop = func(from, to DaemonID, b []byte) bool {
		return lost(from, to, b) && w.lose(from, to, refused)
	}
}

// lose loses the datagram that drop looks at. If it is refused, as by a firewall or a
// host on which nobody listens, the sender learns so of what was for one daemon alone.
func (w *net) lose(from, to DaemonID, refused bool) bool {
	if refused && !w.toAll {
		w.order++
		heap.Push(&w.queue, flight{at: w.now + w.latency, order: w.order, to: from, from: to})
	}
	return true
}

// A host that lets in what goes to everybody, and refuses the rest, leads to a division
// that stays for as long as it does so.
func TestUnicastRefused(t *testing.T) {
	w := newNet(t, 3)
	refuse := true
	w.breaks(true, func(_, to DaemonID, _ []byte) bool { return to == 3 && !w.toAll && refuse })
	w.start(1, 2, 3)
	w.run(20*time.Second, nil)
	before := w.changes(1) + w.changes(2) + w.changes(3)
	for range 200 {
		w.submit(3, Agreed, "from three")
		w.submit(1, Safe, "from one")
		w.run(100*time.Millisecond, nil)
	}
	if n := w.changes(1) + w.changes(2) + w.changes(3) - before; n > 0 || !w.together(1, 2)() || !w.together(3)() {
		t.Errorf("%d memberships in 20 s; %s", n, w.states())
	}
	refuse = false
	w.run(3*time.Second, w.together(1, 2, 3))
}

// Links that stay broken in one way or another, with traffic, lead to a membership that
// stays, whether silence or a refusal tells of them.
func TestLinksStayBroken(t *testing.T) {
	data := func(b []byte) bool { return kindOf(b) == ringproto.Data }
	// A firewall that lets in one of a daemon's two ports only. What goes to everybody
	// and packets sent again are for the first, the rest for the second.
	first := func(w *net) bool { return w.toAll || w.bulk }
	for name, broken := range map[string]func(w *net, a, b DaemonID, d []byte) bool{
		"to all, to 3":          func(w *net, _, b DaemonID, _ []byte) bool { return b == 3 && w.toAll },
		"alone, to 3":           func(w *net, _, b DaemonID, _ []byte) bool { return b == 3 && !w.toAll },
		"alone, data to 3":      func(w *net, _, b DaemonID, d []byte) bool { return b == 3 && !w.toAll && data(d) },
		"alone, no data from 3": func(w *net, a, _ DaemonID, d []byte) bool { return a == 3 && !w.toAll && !data(d) },
		"alone, 2 to 3":         func(w *net, a, b DaemonID, _ []byte) bool { return a == 2 && b == 3 && !w.toAll },
		"alone, 3 to 2":         func(w *net, a, b DaemonID, _ []byte) bool { return a == 3 && b == 2 && !w.toAll },
		"data 3 to 2":           func(_ *net, a, b DaemonID, d []byte) bool { return a == 3 && b == 2 && data(d) },
		"data 1 to 2":           func(_ *net, a, b DaemonID, d []byte) bool { return a == 1 && b == 2 && data(d) },
		"to all, 1 to 2":        func(w *net, a, b DaemonID, _ []byte) bool { return a == 1 && b == 2 && w.toAll },
		"BEAT 1 to 2":           func(_ *net, a, b DaemonID, d []byte) bool { return a == 1 && b == 2 && kindOf(d) == ringproto.Beat },
		"first port of 3":       func(w *net, _, b DaemonID, _ []byte) bool { return b == 3 && first(w) },
		"second port of 3":      func(w *net, _, b DaemonID, _ []byte) bool { return b == 3 && !first(w) },
		"first port, 2 to 3":    func(w *net, a, b DaemonID, _ []byte) bool { return a == 2 && b == 3 && first(w) },
		"second port, 2 to 3":   func(w *net, a, b DaemonID, _ []byte) bool { return a == 2 && b == 3 && !first(w) },
		"ACK 2 to 1":            func(_ *net, a, b DaemonID, d []byte) bool { return a == 2 && b == 1 && kindOf(d) == ringproto.Ack },
	} {
		for _, refused := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, refused %v", name, refused), func(t *testing.T) {
				w := newNet(t, 4)
				w.breaks(refused, func(a, b DaemonID, d []byte) bool { return broken(w, a, b, d) })
				w.start(1, 2, 3, 4)
				talk := func() {
					for range 200 {
						for _, id := range w.ids {
							w.submit(id, Agreed, "agreed")
							w.submit(id, Safe, "safe")
						}
						w.run(100*time.Millisecond, nil)
					}
				}
				changes := func() uint64 { return w.changes(1) + w.changes(2) + w.changes(3) + w.changes(4) }
				talk()
				before := changes()
				talk()
				if n := changes() - before; n > 0 {
					t.Errorf("%d memberships in 20 s; %s", n, w.states())
				}
				for _, id := range w.ids {
					if n := w.nodes[id].Backlog(); n > 0 {
						t.Errorf("%d bytes wait at %d; %s", n, id, w.states())
					}
				}
			})
		}
	}
}

// A daemon whose clock has not been set, or is far ahead, takes part with the others.
func TestClocksFarApart(t *testing.T) {
	const now = 1_800_000_000
	for _, clocks := range [][]uint32{{100, now, now}, {now, now, 100}, {4_000_000_000, now, now}, {now, now, 4_000_000_000}, {now, 2_700_000_000, now}} {
		w := newNet(t, 3)
		for i, at := range clocks {
			w.startAs(DaemonID(i+1), at)
		}
		w.run(2*time.Second, w.together(1, 2, 3))
		w.run(10*time.Second, nil)
		if n := w.changes(1); n > 3 || !w.together(1, 2, 3)() {
			t.Errorf("%v: %d memberships; %s", clocks, n, w.states())
		}
	}
}

// To ask three sources is one try to get what is missing, and no sign that large
// datagrams do not arrive.
func TestManySources(t *testing.T) {
	w := running(t, 5, func(w *net) { w.datagram = 8900 })
	first := w.nodes[4].ring.high + 1
	lost := map[DaemonID][]uint64{5: {0, 1, 2}, 2: {1}, 3: {2}} // seen from first
	w.drop = func(_, to DaemonID, b []byte) bool {
		if kindOf(b) != ringproto.Data {
			return false
		}
		k, _ := ringproto.ParseRing(b)
		return slices.Contains(lost[to], k.High-first)
	}
	for i := range 3 {
		w.submit(4, Agreed, fmt.Sprintf("%d %08500d", 4, i))
	}
	w.run(400*time.Microsecond, nil)
	if n := w.nodes[5].ring.aru; n != first-1 {
		t.Fatal("5 should lack all:", n)
	}
	// 1 is gone: 5 recovers what it lacks from 2, 3, and 4. What they send unasked is lost.
	asked := w.nodes[5].counts.Asked
	w.drop = func(from, to DaemonID, b []byte) bool {
		return from == 1 || to == 1 || to == 5 && kindOf(b) == ringproto.Data && w.nodes[5].counts.Asked == asked
	}
	w.nodes[2].beginGather()
	w.turn(2)
	w.run(5*time.Second, w.together(2, 3, 4, 5))
	if n := w.nodes[5].counts.Asked - asked; n < 3 {
		t.Errorf("it has asked %d members", n)
	}
	for _, id := range w.ids[1:] {
		if n := w.nodes[id].datagram; n <= safeDatagram {
			t.Errorf("%d uses datagrams of %d bytes", id, n)
		}
	}
}

// Two reloads in quick succession that change nothing for the members, and a few lost
// packets, cost no change of membership.
func TestTwoReloads(t *testing.T) {
	for seed := range uint64(400) {
		r := rand.New(rand.NewPCG(seed, 1))
		w := newNet(t, 3)
		for _, id := range w.ids {
			w.startWith(id, epochWith(first, 1, 2, 3))
		}
		w.run(time.Second, w.together(1, 2, 3))
		w.run(300*time.Millisecond, nil)
		before := w.changes(1) + w.changes(2) + w.changes(3)
		lossy := true
		w.drop = func(_, _ DaemonID, b []byte) bool { return lossy && kindOf(b) == ringproto.Data && r.IntN(100) < 5 }
		for _, e := range []Epoch{epochWith(second, 1, 2, 3, 4), epochWith(third, 1, 2, 3, 5)} {
			for _, id := range w.ids {
				w.offer(e, id)
				w.run(time.Duration(r.IntN(3000))*time.Microsecond, nil)
			}
		}
		w.run(50*time.Millisecond, nil)
		lossy = false
		w.run(5*time.Second, func() bool { return w.inForce(third, 1, 2, 3)() && w.share(1, 2, 3) })
		if n := w.changes(1) + w.changes(2) + w.changes(3) - before; n > 0 {
			t.Errorf("seed %d: %d memberships", seed, n)
		}
	}
}

// When a large datagram comes again, no small pieces are asked for any more.
func TestPiecesEnd(t *testing.T) {
	w := running(t, 2, func(w *net) { w.datagram = 8900 })
	w.drop = func(_, _ DaemonID, b []byte) bool { return len(b) > 1500 }
	w.submit(1, Agreed, string(make([]byte, 30000)))
	w.run(time.Second, w.got(1, 1, 2))
	w.drop = nil
	w.run(time.Minute, nil)
	w.submit(1, Agreed, string(make([]byte, 30000)))
	w.run(time.Second, w.got(2, 1, 2))
	if w.nodes[2].ring.gaps.pieces {
		t.Error("it asks for small pieces for ever")
	}
}
