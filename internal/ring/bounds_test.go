package ring

import (
	"container/heap"
	"runtime"
	"slices"
	"testing"
	"time"

	"gospread/spread/internal/ringproto"
)

// A member that tells in its State what cannot be, of our own configuration, keeps the
// others from nothing.
func TestStateLies(t *testing.T) {
	for name, lie := range map[string]func(s *ringproto.StateBody){
		"strangers": func(s *ringproto.StateBody) {
			s.Commit = nil
			for i := range uint32(mostMembers) {
				s.Commit = append(s.Commit, 1000+i)
			}
		},
		"numbers far ahead": func(s *ringproto.StateBody) { s.High = s.Stable + maxWindow + 100 },
		"more than we hold": func(s *ringproto.StateBody) { s.Stable += 10; s.High = s.Stable },
	} {
		t.Run(name, func(t *testing.T) {
			w := running(t, 3)
			w.drop = func(a, b DaemonID, d []byte) bool {
				if a != 3 || kindOf(d) != ringproto.State {
					return false
				}
				var s ringproto.StateBody
				if err := s.Parse(d[ringproto.HeaderSize:]); err != nil {
					t.Fatal(err)
				}
				lie(&s)
				w.order++
				heap.Push(&w.queue, flight{at: w.now + w.latency, order: w.order, to: b, from: a,
					data: s.Append(slices.Clone(d[:ringproto.HeaderSize]))})
				return true
			}
			w.nodes[1].beginGather()
			w.turn(1)
			w.run(20*time.Second, func() bool { return w.changes(1) > 1 && w.changes(2) > 1 })
		})
	}
}

// Nobody gets much memory, or much of the engine's time, on his mere word.
func TestWordCostsLittle(t *testing.T) {
	x := newMember(t, 3)
	first := x.ring.high + 1
	const many = 500
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for k := many - 1; k >= 0; k-- {
		x.gets(3, first+uint64(k), 0, part{Agreed, true, false, "x", maxMessage})
	}
	x.advance()
	runtime.ReadMemStats(&after)
	if x.ring.aru < first+many-1 {
		t.Fatal("they have not come:", x.ring.aru)
	}
	if mb := (after.TotalAlloc - before.TotalAlloc) >> 20; mb > many/4 {
		t.Errorf("%d beginnings of messages take %d MB", many, mb)
	}
}

// What no daemon of ours says is refused.
func TestTooLong(t *testing.T) {
	x := newMember(t, 3)
	refused := func(what string, says func()) {
		t.Helper()
		before := x.counts.Malformed
		says()
		if x.counts.Malformed == before {
			t.Error("taken:", what)
		}
	}
	life := ringproto.Life{ID: 9, Incarnation: 9}
	lives, ids := slices.Repeat([]ringproto.Life{life}, 2*mostMembers+1), slices.Repeat([]uint32{9}, 2*mostMembers+1)
	for name, j := range map[string]ringproto.JoinBody{"heard": {Heard: lives}, "dead": {Dead: lives}, "members": {Operational: true, Members: ids}} {
		refused("JOIN, "+name, func() {
			j.Number = x.byID[3].join.Number + 1
			h := &ringproto.Header{Kind: ringproto.Join, Sender: 3, Incarnation: x.byID[3].incarnation, Digest: x.o.Digest, Config: x.ring.id}
			x.onJoin(x.byID[3], h, j.Append(nil))
		})
	}
	refused("DATA", func() {
		x.gets(3, x.ring.high+1, 0, whole(Agreed, string(make([]byte, mostDatagram))))
	})
	x.noteMismatch(x.byID[3], string(make([]byte, ringproto.MaxWhole)))
	x.Advance(x.now, &x.out)
	if n := x.out.Notes; len(n) == 0 || len(n[len(n)-1].Theirs) != mostDescribed {
		t.Error("a description is noted as it comes")
	}
	var pieces assemblies
	for at := range 2 * mostRangesOfPieces {
		pieces.add(&ringproto.PieceBody{Number: 1, Total: ringproto.MaxWhole, Offset: 4 * at, Bytes: []byte{1}})
		if len(pieces.list) > 0 && len(pieces.list[0].have.Ranges()) > mostRangesOfPieces {
			t.Fatal("pieces of a byte each are kept")
		}
	}
}

// Another's word that a member has ended, which alone ends nothing, does not hide what
// its host says to us.
func TestRefusedAfterWord(t *testing.T) {
	w := running(t, 4)
	m := w.nodes[1].Machine
	p := m.byID[3]
	h := &ringproto.Header{Kind: ringproto.Join, Sender: 4, Incarnation: m.byID[4].incarnation, Digest: m.o.Digest, Config: m.ring.id}
	j := ringproto.JoinBody{Number: m.byID[4].join.Number + 1, Operational: true, Members: m.memberIDs(), Dead: []ringproto.Life{p.life()}}
	p.heard -= 300 * time.Millisecond
	m.onJoin(m.byID[4], h, j.Append(nil))
	if p.alive() || m.state != operational {
		t.Fatal("the word is not believed, or ends the ring:", m.state)
	}
	m.Refused(w.now, 3)
	m.Refused(w.now, 3)
	if m.state != gathering {
		t.Error("it waits for its silence")
	}
}

// Times that delays have stretched shrink when those who were slow have fallen silent:
// who is left alone is so soon.
func TestStretchedThenAlone(t *testing.T) {
	w := running(t, 3)
	slow := w.latency
	w.latency = 500 * time.Millisecond
	for range 8 {
		for _, p := range w.nodes[1].peers[1:] {
			w.nodes[1].ping(p)
		}
		w.turn(1)
		w.run(300*time.Millisecond, nil)
	}
	w.run(1200*time.Millisecond, nil)
	if !w.nodes[1].stretched {
		t.Fatal("the times are not stretched")
	}
	w.latency = slow
	w.drop = func(a, b DaemonID, _ []byte) bool { return a == 1 || b == 1 }
	begun := w.now
	w.run(time.Minute, w.together(1))
	if took := w.now - begun; took > 8*time.Second {
		t.Error("it took", took)
	}
}
