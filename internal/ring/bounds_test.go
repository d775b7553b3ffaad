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

// A plan that names what cannot be is not carried out; its coordinator is alone with it.
func TestPlanLies(t *testing.T) {
	w := running(t, 3)
	for i := range 3 {
		w.submit(1, Agreed, "x")
		w.run(time.Second, w.got(i+1, 1, 2, 3))
	}
	var body []byte
	w.drop = func(_, _ DaemonID, d []byte) bool {
		if kindOf(d) == ringproto.Plan {
			body = slices.Clone(d[ringproto.HeaderSize:])
		}
		return body != nil
	}
	w.nodes[1].beginGather()
	w.turn(1)
	m := w.nodes[2].Machine
	w.run(time.Second, func() bool { return body != nil && m.state == forming })
	plan := func(lie func(p *ringproto.PlanBody)) *ringproto.PlanBody {
		p := &ringproto.PlanBody{}
		if err := p.Parse(body); err != nil {
			t.Fatal(err)
		}
		lie(p)
		return p
	}
	if _, ok := m.validPlan(plan(func(*ringproto.PlanBody) {})); !ok {
		t.Fatal("the plan itself is refused")
	}
	for name, lie := range map[string]func(p *ringproto.PlanBody){
		"without us":          func(p *ringproto.PlanBody) { p.Members = slices.Delete(p.Members, 1, 2) },
		"twice the same":      func(p *ringproto.PlanBody) { p.Members[2] = p.Members[1] },
		"a stranger":          func(p *ringproto.PlanBody) { p.Members[2].ID = 1000 },
		"of another":          func(p *ringproto.PlanBody) { p.New.Leader = 3 },
		"a used time":         func(p *ringproto.PlanBody) { p.New.Time = m.known },
		"not of our ring":     func(p *ringproto.PlanBody) { p.Rings[0].Old.Time++ },
		"too many":            func(p *ringproto.PlanBody) { p.Rings[0].Members = append(p.Rings[0].Members, 2) },
		"a member it had not": func(p *ringproto.PlanBody) { p.Rings[0].Members[2] = 1000 },
		"more than we hold":   func(p *ringproto.PlanBody) { p.Rings[0].Stable += 10; p.Rings[0].High += 10 },
		"less than we have":   func(p *ringproto.PlanBody) { p.Rings[0].High = m.ring.high - 1 },
		"beyond the window":   func(p *ringproto.PlanBody) { p.Rings[0].High = m.ring.store.low + maxWindow },
		"holes beyond":        func(p *ringproto.PlanBody) { o := &p.Rings[0]; o.Holes.Add(o.High+1, o.High+1) },
	} {
		if _, ok := m.validPlan(plan(lie)); ok {
			t.Errorf("taken: %s", name)
		}
	}
	m.recover(plan(func(p *ringproto.PlanBody) { p.Rings[0].Commit = []uint32{2, 1000} }))
	if !m.attempt.done || !m.ring.commit[2] || m.ring.commit[1000] {
		t.Errorf("the commit set is %v", m.ring.commit)
	}
	// Ids of a plan that is out are used up, whatever becomes of it.
	own := plan(func(p *ringproto.PlanBody) { p.New.Time += 100; p.Members = p.Members[1:] })
	first := w.nodes[1].Machine
	if first.coord == nil {
		t.Fatal("1 coordinates nothing")
	}
	if first.recover(own); first.known < own.New.Time {
		t.Error("a time may come again:", first.known)
	}
}
