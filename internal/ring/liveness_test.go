package ring

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"gospread/spread/internal/ringproto"
)

func running(t *testing.T, n int, options ...func(w *net)) *net {
	w := newNet(t, n)
	for _, o := range options {
		o(w)
	}
	w.start(w.ids...)
	w.run(10*time.Second, w.together(w.ids...))
	w.run(300*time.Millisecond, nil)
	return w
}

// changes is how many configurations a daemon has installed.
func (w *net) changes(id DaemonID) uint64 { return w.nodes[id].counts.Installed }

// A daemon that was asleep, the others awake, comes back into a ring that has not
// changed; what was sent meanwhile is not lost.
func TestPaused(t *testing.T) {
	for _, who := range []DaemonID{1, 2, 3} {
		for _, busy := range []bool{false, true} {
			t.Run(fmt.Sprintf("%d, busy: %v", who, busy), func(t *testing.T) {
				w := running(t, 3)
				w.submit(2, FIFO, "the token goes to two")
				w.run(time.Second, w.got(1, 1, 2, 3))
				w.pause(who)
				if busy {
					for i := range 100 {
						w.submit(1+who%3, Safe, fmt.Sprint(i))
					}
				}
				w.run(400*time.Millisecond, nil)
				w.resume(who)
				if busy {
					w.run(time.Second, w.got(101, 1, 2, 3))
				}
				w.run(2*time.Second, nil)
				for _, id := range w.ids {
					if n := w.changes(id); n != 1 {
						t.Errorf("%d has had %d configurations", id, n)
					}
				}
			})
		}
	}
}

// A daemon that was asleep for long does not suspect those whose datagrams it has
// not had time to look at.
func TestOverslept(t *testing.T) {
	x := newMember(t, 3)
	x.now += 5 * time.Second
	x.out.Reset()
	x.Advance(x.now, &x.out)
	if x.state != operational {
		t.Errorf("it is %v", x.state)
	}
	if len(x.out.Notes) == 0 || x.out.Notes[0].Kind != NoteOverslept || x.out.Notes[0].For < 4*time.Second {
		t.Errorf("notes: %v", x.out.Notes)
	}
	x.pass(3 * time.Second)
	if x.state == operational && len(x.ring.members) == 3 {
		t.Error("it waits for ever")
	}
}

// A daemon whose answers took long some time ago is pinged before it is suspected: it
// may have nothing to say to what it was asked.
func TestPingedBeforeSuspected(t *testing.T) {
	x := newMember(t, 3, func(w *net) { w.timing = Timing{Loss: 200 * time.Millisecond, Beat: 60 * time.Millisecond} })
	for range 8 {
		x.byID[3].rtt.add(190 * time.Millisecond)
	}
	x.gets(3, x.ring.high+2, x.ring.stable, whole(Agreed, "behind a gap"))
	x.out.Reset()
	x.pass(80 * time.Millisecond) // before it is asked for the token
	if asks := x.sentOf(ringproto.Ack); len(asks) == 0 || asks[0].To != 3 {
		t.Fatalf("3 was not asked for what is missing: %v", asks)
	}
	if !slices.ContainsFunc(x.sentOf(ringproto.Ping), func(p Packet) bool { return p.To == 3 }) {
		t.Error("3 was not pinged long before it is suspected")
	}
}

// One refused datagram may have been for an earlier life; two in a row, with nothing
// heard between, end the ring.
func TestRefused(t *testing.T) {
	x := newMember(t, 3)
	x.Refused(x.now, 3)
	x.advance()
	if p := x.sentOf(ringproto.Ping); len(p) != 1 || p[0].To != 3 || x.state != operational {
		t.Fatalf("after the first: %v, %v", x.state, p)
	}
	x.acks(3, 0)
	x.Refused(x.now, 3)
	x.advance()
	if x.state != operational {
		t.Error("it has been heard between")
	}
	x.Refused(x.now, 3)
	x.advance()
	if x.state != gathering {
		t.Error("after two:", x.state)
	}
	x.Refused(x.now, 2) // ourselves
	x.Refused(x.now, 99)
	x.advance()
}

// Everybody tells that a member is silent, not only who has missed it first.
func TestAllTellOfSilence(t *testing.T) {
	w := running(t, 3)
	w.submit(2, FIFO, "the token goes to two")
	w.run(time.Second, w.got(1, 1, 2, 3))
	w.pause(3)
	w.run(5*time.Second, w.together(1, 2))
	for _, id := range []DaemonID{1, 2} {
		if !slices.ContainsFunc(w.nodes[id].noted, func(n Note) bool { return n.Kind == NoteSilent && n.Daemon == 3 }) {
			t.Errorf("%d does not tell why 3 is gone: %v", id, w.nodes[id].noted)
		}
	}
}

// Who hears from another that a member has ended tells the operator of that, and not
// only that the other has moved on.
func TestEndedElsewhere(t *testing.T) {
	x := newMember(t, 3)
	x.now += x.Machine.t.Beat
	j := ringproto.JoinBody{Number: x.byID[1].join.Number + 1, Dead: []ringproto.Life{x.byID[3].life()}}
	b := make([]byte, ringproto.HeaderSize)
	h := ringproto.Header{Kind: ringproto.Join, Sender: 1, Incarnation: x.byID[1].incarnation, Digest: x.o.Digest, Config: x.ring.id}
	h.Put(b)
	x.Receive(x.now, append(b, j.Append(nil)...))
	x.advance()
	var kinds []NoteKind
	for _, n := range x.out.Notes {
		kinds = append(kinds, n.Kind)
	}
	if !slices.Equal(kinds, []NoteKind{NoteEnded, NoteMovedOn}) || x.out.Notes[0].Daemon != 3 {
		t.Errorf("%v", x.out.Notes)
	}
}

// A daemon that leaves is out of the others' way at once, and what it has sent is
// delivered before.
func TestLeave(t *testing.T) {
	for _, who := range []DaemonID{1, 2, 3} {
		for _, size := range []int{10, 100_000} {
			t.Run(fmt.Sprintf("%d, %d bytes", who, size), func(t *testing.T) {
				w := running(t, 3)
				var rest []DaemonID
				for _, id := range w.ids {
					if id != who {
						rest = append(rest, id)
					}
				}
				w.submit(rest[0], Safe, "before")
				for i := range 5 {
					w.nodes[who].Submit(Safe, fmt.Appendf(nil, "%0*d", size, i))
				}
				t0 := w.now
				w.nodes[who].Leave(w.now)
				w.turn(who)
				w.run(time.Second, w.together(rest...))
				if d := w.now - t0; d > 30*time.Millisecond {
					t.Errorf("took %v", d)
				}
				if !w.nodes[who].Left() {
					t.Error("it has not left")
				}
				for _, id := range rest {
					got := 0
					for _, l := range w.nodes[id].log {
						if strings.HasPrefix(l, fmt.Sprint(who, ": 0")) {
							got++
						}
					}
					if got != 5 {
						t.Errorf("%d has %d of its messages", id, got)
					}
				}
				w.nodes[who].down = true
				w.run(2*time.Second, nil)
				for _, id := range rest {
					if n := w.changes(id); n != 2 {
						t.Errorf("%d has had %d configurations", id, n)
					}
				}
			})
		}
	}
}

// A daemon alone, or without a ring yet, leaves at once.
func TestLeaveAlone(t *testing.T) {
	w := newNet(t, 2)
	w.start(1)
	w.nodes[1].Leave(w.now)
	w.turn(1)
	w.run(time.Second, w.nodes[1].Left)
	if w.nodes[1].config != nil {
		t.Error("it has formed a configuration")
	}
	w.start(2)
	w.run(time.Second, w.together(2))
	w.nodes[2].Leave(w.now)
	w.turn(2)
	if !w.nodes[2].Left() {
		t.Error("it waits")
	}
}

// At each step of forming a ring the one who coordinates, or another, dies: the
// rest form theirs. With and without word of the host.
func TestDiesAtEachStep(t *testing.T) {
	for _, k := range []ringproto.Kind{ringproto.Join, ringproto.Propose, ringproto.State, ringproto.Plan, ringproto.Ready, ringproto.Install, ringproto.Beat, ringproto.Token} {
		for _, who := range []DaemonID{1, 3, 4} {
			for _, host := range []bool{true, false} {
				for nth := range 3 {
					t.Run(fmt.Sprintf("%v %d, %d dies, host lives: %v", k, nth, who, host), func(t *testing.T) {
						w := running(t, 4)
						w.submit(2, Safe, "some")
						w.submit(3, Safe, "thing")
						seen, out := 0, false
						w.drop = func(a, b DaemonID, data []byte) bool {
							if a == who && kindOf(data) == k {
								if seen++; seen == nth*3+1 {
									w.nodes[who].down = true
								}
							}
							return !host && w.nodes[who].down && (a == who || b == who) || out && (a == 2 || b == 2)
						}
						out = true // two is cut off, and all others gather
						w.run(1500*time.Millisecond, nil)
						var rest []DaemonID
						for _, id := range w.ids {
							if id != 2 && (id != who || !w.nodes[who].down) {
								rest = append(rest, id)
							}
						}
						w.run(5*time.Second, w.together(rest...))
						w.run(5*time.Second, w.together(2))
						out = false
						w.drop = nil
						if w.nodes[who].down {
							w.start(who)
						}
						w.run(5*time.Second, w.together(w.ids...))
					})
				}
			}
		}
	}
}

// Times that the file sets very short or very long do not keep a ring from forming,
// living and healing.
func TestTimes(t *testing.T) {
	const ms = time.Millisecond
	for _, c := range []struct {
		name    string
		t       Timing
		latency time.Duration
		within  time.Duration
	}{
		{"10 ms each", Timing{10 * ms, 10 * ms / 3, 10 * ms, 20 * ms, 10 * ms, 10 * ms, 10 * ms}, 100 * time.Microsecond, 3 * time.Second},
		{"minutes", Timing{time.Minute, 20 * time.Second, time.Minute, 2 * time.Minute, time.Minute, time.Minute, 5 * time.Minute}, 100 * time.Microsecond, time.Hour},
		{"wide", WideTiming(), 140 * ms, 30 * time.Second},
		{"local times in a wide area", LocalTiming(), 60 * ms, 30 * time.Second},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newNet(t, 3)
			w.timing, w.latency, w.budget = c.t, c.latency, 2_000_000
			w.start(1, 2, 3)
			w.run(c.within, w.together(1, 2, 3))
			w.run(5*c.t.Loss, nil)
			before := w.changes(1)
			for i := range 50 {
				w.submit(DaemonID(1+i%3), Safe, fmt.Sprint(i))
			}
			w.run(c.within, w.got(50, 1, 2, 3))
			w.run(5*c.t.Loss, nil)
			if n := w.changes(1) - before; n > 0 {
				t.Errorf("%d changes without a reason", n)
			}
			out := true
			w.drop = func(a, b DaemonID, _ []byte) bool { return out && (a == 1) != (b == 1) }
			w.run(c.within, w.together(2, 3))
			w.run(c.within, w.together(1))
			out = false
			w.run(c.within, w.together(1, 2, 3))
		})
	}
}

// Many daemons that begin at once form one ring in a few round trips.
func TestManyForm(t *testing.T) {
	w := newNet(t, 40)
	w.start(w.ids...)
	t0 := w.now
	w.run(5*time.Second, w.together(w.ids...))
	if d := w.now - t0; d > 100*time.Millisecond {
		t.Errorf("took %v", d)
	}
	for _, id := range w.ids {
		if n := w.nodes[id].sent; n > 400 {
			t.Errorf("%d has sent %d datagrams", id, n)
		}
	}
}

// One that is far away for some time does not make the ring slow for ever.
func TestTimingShrinksAgain(t *testing.T) {
	for _, latency := range []time.Duration{65 * time.Millisecond, 200 * time.Millisecond} {
		w := newNet(t, 3)
		w.start(1, 2, 3)
		w.run(2*time.Second, w.together(1, 2, 3))
		w.latency = latency
		w.run(20*time.Second, nil)
		long := w.nodes[1].t
		w.latency = 100 * time.Microsecond
		w.run(time.Minute, nil)
		for _, id := range w.ids {
			if got := w.nodes[id].t; got.Loss > LocalTiming().Loss*5/4 {
				t.Errorf("latency was %v: loss was %v, is %v", latency, long.Loss, got.Loss)
			}
		}
	}
}

// Control datagrams too may be too large for the path: the second time they go in
// pieces, as data does.
func TestControlThroughNarrowPath(t *testing.T) {
	w := newNet(t, 2)
	w.datagram, w.windows = 8900, Windows{Global: 4000, Personal: 4000}
	w.start(1, 2)
	w.run(time.Second, w.together(1, 2))
	w.run(50*time.Millisecond, nil)
	lossy := true
	w.drop = func(a, b DaemonID, data []byte) bool {
		switch kindOf(data) {
		case ringproto.Data:
			r, _ := ringproto.ParseRing(data)
			return lossy && r.High%2 == 0
		case ringproto.State, ringproto.Plan:
			return len(data) > 1500
		}
		return false
	}
	w.nodes[1].SetDatagram(576)
	for i := range 4000 {
		w.nodes[1].Submit(Agreed, fmt.Appendf(nil, "%0500d", i))
	}
	w.turn(1)
	w.run(5*time.Millisecond, nil)
	w.nodes[1].SetDatagram(8900)
	w.nodes[2].beginGather()
	w.turn(2)
	lossy = false
	w.run(5*time.Second, w.got(4000, 1, 2))
	w.run(5*time.Second, w.together(1, 2))
}

// In a wide area too what one lacks is recovered in a few round trips, and no small
// pieces are asked for before an answer can be there.
func TestRecoverFarAway(t *testing.T) {
	w := newNet(t, 3)
	w.timing, w.latency, w.datagram = WideTiming(), 120*time.Millisecond, 8900
	w.start(w.ids...)
	w.run(10*time.Second, w.together(1, 2, 3))
	w.run(3*time.Second, nil)
	pieces, lossy := 0, true
	w.drop = func(a, b DaemonID, data []byte) bool {
		if kindOf(data) == ringproto.Piece {
			pieces++
		}
		return lossy && b == 2 && kindOf(data) == ringproto.Data
	}
	for i := range 300 {
		w.nodes[1].Submit(Agreed, fmt.Appendf(nil, "%08000d", i))
	}
	w.turn(1)
	w.run(300*time.Millisecond, nil)
	t0, high := w.now, w.nodes[1].ring.high
	lossy = false
	w.nodes[2].beginGather()
	w.turn(2)
	w.run(30*time.Second, func() bool { return w.changes(2) == 2 })
	t.Logf("%d packets recovered in %v", high, w.now-t0)
	if d := w.now - t0; d > 3*time.Second {
		t.Errorf("took %v", d)
	}
	if pieces > 50 {
		t.Errorf("%d pieces", pieces)
	}
}

// A ring at rest does no more than it must: once all have answered the sign of the
// token, its holder sleeps until the next. While one has not, it looks after that.
func TestRest(t *testing.T) {
	w := running(t, 3)
	var m *Machine
	for _, id := range w.ids {
		if n := w.nodes[id]; n.ring.holding {
			m = n.Machine
		}
	}
	beat := func() {
		last := m.ring.acks.beatAt
		w.run(time.Second, func() bool { return m.ring.acks.beatAt > last })
		w.run(5*time.Millisecond, nil)
	}
	for range 3 {
		beat()
		if m.Deadline() != m.ring.acks.beatAt {
			t.Errorf("all have answered, and it wakes %v before the next sign", m.ring.acks.beatAt-m.Deadline())
		}
	}
	w.pause(m.ring.members[(m.ring.me+1)%3].id)
	beat()
	if m.Deadline() >= m.ring.acks.beatAt {
		t.Error("one has not answered, and it does not look after it")
	}
}

// loses lets that share of all datagrams be lost, from now on.
func (w *net) loses(share float64) {
	r := rand.New(rand.NewPCG(1, 3))
	w.drop = func(_, _ DaemonID, _ []byte) bool { return r.Float64() < share }
}

// At rest, who does not answer is asked often enough that loss makes nobody look dead.
func TestRestWithLoss(t *testing.T) {
	w := running(t, 5)
	w.loses(0.3)
	w.run(20*time.Minute, nil)
	for _, id := range w.ids {
		if n := w.changes(id); n != 1 {
			t.Errorf("%d has had %d configurations", id, n)
		}
	}
}

// Where nothing else is said, a SAFE message does not wait for the sign of a token at
// rest when an answer to it was lost.
func TestLoneSafeWithLoss(t *testing.T) {
	w := running(t, 3)
	w.loses(0.1)
	var took []time.Duration
	for i := range 1500 {
		w.run(time.Duration(300+i*7%300)*time.Millisecond, nil)
		began := w.now
		w.submit(DaemonID(1+i%3), Safe, "x")
		w.run(10*time.Second, w.got(i+1, 1, 2, 3))
		took = append(took, w.now-began)
	}
	slices.Sort(took)
	if late := took[len(took)*99/100]; late > 120*time.Millisecond {
		t.Errorf("one of 100 takes %v", late)
	}
}
