package ring

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"gospread/spread/internal/ringproto"
)

// lacking is a ring of three in which only 3 holds some packets, and of which 2 begins
// an attempt. 1 coordinates it. Data reaches only whom reach allows.
func lacking(t *testing.T, reach func(to DaemonID) bool) *net {
	w := running(t, 3)
	w.drop = func(_, to DaemonID, b []byte) bool { return kindOf(b) == ringproto.Data && to != 3 }
	for i := range 5 {
		w.submit(3, Agreed, fmt.Sprint(i))
		w.run(10*time.Millisecond, nil)
	}
	if n := w.nodes[3].ring.aru; n < 5 || w.nodes[1].ring.aru == n || w.nodes[2].ring.aru == n {
		t.Fatal("3 alone should hold something:", w.states())
	}
	w.drop = func(_, to DaemonID, b []byte) bool { return kindOf(b) == ringproto.Data && !reach(to) }
	w.nodes[2].beginGather()
	w.turn(2)
	w.run(time.Second, func() bool { return w.nodes[1].state == recovering && w.nodes[2].state == recovering })
	return w
}

// A member that still recovers what it lacks tells so: it is not left out because it
// speaks only to those who have that.
func TestStillRecovering(t *testing.T) {
	all := false
	w := lacking(t, func(to DaemonID) bool { return all || to == 1 })
	attempts := w.nodes[1].counts.Attempts
	w.run(3*w.nodes[1].t.Form, nil)
	if s := w.nodes[2].state; s != recovering {
		t.Errorf("it is %v", s)
	}
	all = true
	w.run(time.Second, w.got(5, 1, 2, 3))
	w.run(time.Second, w.together(1, 2, 3))
	if n := w.nodes[1].counts.Attempts - attempts; n > 0 {
		t.Errorf("%d more attempts", n)
	}
}

// One who was ready, and whom the others need, falls silent: they go on without.
func TestReadyFallsSilent(t *testing.T) {
	w := lacking(t, func(DaemonID) bool { return false })
	w.run(time.Second, func() bool { return slices.Contains(w.nodes[1].coord.ready, true) })
	w.drop = func(from, to DaemonID, _ []byte) bool { return (from == 3) != (to == 3) }
	w.run(3*time.Second, w.together(1, 2))
}

// A link to who has what a member lacks dies: the attempt ends long before its time, and
// what the member tells then leads to another.
func TestRecoversNothing(t *testing.T) {
	w := lacking(t, func(to DaemonID) bool { return to == 1 })
	w.drop = func(from, to DaemonID, b []byte) bool { return from == 3 && to == 2 }
	w.run(5*time.Second, func() bool { return w.together(1, 3)() && w.together(2)() })
}

// One that slept while it recovered does not say that nothing has come of what it lacks.
func TestSleptWhileRecovering(t *testing.T) {
	w := lacking(t, func(DaemonID) bool { return false })
	w.pause(2)
	w.run((mostBarren+1)*w.nodes[2].t.Form, nil)
	w.nodes[2].missed = nil
	w.resume(2)
	if n := w.nodes[2]; n.byID[3].deaf || n.state != recovering {
		t.Errorf("it is %v, and 3 deaf: %v", n.state, n.byID[3].deaf)
	}
}

// A member reads another configuration of daemons after it has told in which it can be:
// it cannot take part in what the coordinator has planned, and says so.
func TestOfferBeforePlan(t *testing.T) {
	for _, in := range []DaemonID{1, 3} { // who is already in the configuration that is planned
		t.Run(fmt.Sprint(in), func(t *testing.T) {
			w := newNet(t, 3)
			old, next, other := epochWith(first, 1, 2, 3), epochWith(second, 1, 2, 3), epochWith(third, 1, 2, 3)
			w.startWith(in, old)
			w.run(time.Second, w.together(in))
			w.offer(next, in)
			w.run(time.Second, w.inForce(second, in))
			w.drop = func(_, _ DaemonID, b []byte) bool { return kindOf(b) == ringproto.Plan }
			for _, id := range []DaemonID{1, 2} {
				if id != in {
					w.startWith(id, old)
					w.offer(next, id)
				}
			}
			w.run(time.Second, func() bool { return w.nodes[1].coord != nil && w.nodes[1].coord.bodies.plan != nil })
			w.drop = nil
			w.offer(other, 2)
			rest := slices.Compact([]DaemonID{1, in})
			w.run(time.Second, func() bool { return w.share(rest...) && w.share(2) })
			w.offer(other, rest...)
			w.run(5*time.Second, func() bool { return w.share(append(rest, 2)...) })
		})
	}
}

// A membership is installed with a former life of a member whose next life has already
// been heard: what that one says is no older for it.
func TestFormerLifeInstalled(t *testing.T) {
	w := running(t, 3)
	w.nodes[2].joins += 1000
	old := w.nodes[3].ring.id.Time
	w.drop = func(_, to DaemonID, b []byte) bool {
		h, _ := ringproto.ParseHeader(b)
		return to == 3 && (h.Kind == ringproto.Install || h.Config.Time > old)
	}
	w.nodes[3].beginGather()
	w.turn(3)
	w.run(time.Second, func() bool { return w.changes(1) == 2 })
	w.nodes[2].down = true
	w.startAs(2, 5000)
	w.run(time.Second, func() bool { return w.nodes[3].byID[2].incarnation == 5000 })
	a := w.nodes[3].attempt
	if a == nil || !a.done {
		t.Fatal("3 is not ready:", w.states())
	}
	w.nodes[3].Receive(w.now, append(header(w.nodes[1], ringproto.Install), ringproto.AppendAttempt(nil, a.id)...))
	w.turn(3)
	if w.changes(3) != 2 {
		t.Fatal("3 has not installed:", w.states())
	}
	w.drop = func(from, to DaemonID, _ []byte) bool { return (from == 1) != (to == 1) }
	w.run(3*time.Second, w.together(2, 3))
}

// header is that of a datagram of a daemon without a ring.
func header(n *node, k ringproto.Kind) []byte {
	b := make([]byte, ringproto.HeaderSize)
	h := ringproto.Header{Kind: k, Sender: uint32(n.self.id), Incarnation: n.self.incarnation, Digest: n.epoch.Digest}
	h.Put(b)
	return b
}

// The first of those who gather falls silent after its JOIN: it is not waited for longer
// than anybody else, however long an attempt may take.
func TestFirstSilentWhileGathering(t *testing.T) {
	timing := LocalTiming()
	timing.Form = 5 * time.Second
	w := running(t, 3, func(w *net) { w.timing = timing })
	w.drop = func(_, _ DaemonID, b []byte) bool { return kindOf(b) == ringproto.Propose }
	w.nodes[3].beginGather()
	w.turn(3)
	w.run(time.Second, func() bool { return w.nodes[1].state == forming })
	w.drop = func(from, to DaemonID, _ []byte) bool { return (from == 1) != (to == 1) }
	w.run(2*time.Second, w.together(2, 3))
}

// What was said in a former attempt of the same coordinator, and comes late, counts for
// nothing in the next.
func TestFormerAttempt(t *testing.T) {
	stuck := func(t *testing.T, at ringproto.Kind) *net {
		w := running(t, 3)
		w.drop = func(_, _ DaemonID, b []byte) bool { return kindOf(b) == at }
		w.nodes[3].beginGather()
		w.turn(3)
		w.run(time.Second, func() bool { return w.nodes[1].coord != nil && w.nodes[2].attempt != nil && w.nodes[3].attempt != nil })
		w.run(20*time.Millisecond, nil)
		return w
	}
	former := func(id ringproto.Attempt) ringproto.Attempt {
		id.Number--
		return id
	}
	say := func(w *net, from, to DaemonID, k ringproto.Kind, body []byte) {
		w.nodes[to].Receive(w.now, append(header(w.nodes[from], k), body...))
		w.turn(to)
	}
	t.Run("PROPOSE", func(t *testing.T) {
		w := stuck(t, ringproto.State)
		id := w.nodes[2].attempt.id
		var b ringproto.ProposeBody
		if err := b.Parse(w.nodes[1].coord.bodies.propose); err != nil {
			t.Fatal(err)
		}
		b.Attempt = former(b.Attempt)
		say(w, 1, 2, ringproto.Propose, b.Append(nil))
		if now := w.nodes[2].attempt.id; now != id {
			t.Errorf("it takes part in %v, was in %v", now, id)
		}
	})
	t.Run("STATE", func(t *testing.T) {
		w := stuck(t, ringproto.State)
		var b ringproto.StateBody
		if err := b.Parse(w.nodes[2].attempt.state); err != nil {
			t.Fatal(err)
		}
		b.Attempt = former(b.Attempt)
		say(w, 2, 1, ringproto.State, b.Append(nil))
		if w.nodes[1].coord.states[1] != nil {
			t.Error("it counts")
		}
		b.Attempt = w.nodes[1].attempt.id
		if say(w, 2, 1, ringproto.State, b.Append(nil)); w.nodes[1].coord.states[1] == nil {
			t.Error("that of this attempt does not count")
		}
	})
	t.Run("PLAN", func(t *testing.T) {
		w := stuck(t, ringproto.Plan)
		var b ringproto.PlanBody
		if err := b.Parse(w.nodes[1].coord.bodies.plan); err != nil {
			t.Fatal(err)
		}
		b.Attempt = former(b.Attempt)
		say(w, 1, 2, ringproto.Plan, b.Append(nil))
		if w.nodes[2].attempt.plan != nil {
			t.Error("it is followed")
		}
		b.Attempt = w.nodes[2].attempt.id
		if say(w, 1, 2, ringproto.Plan, b.Append(nil)); w.nodes[2].attempt.plan == nil {
			t.Error("that of this attempt is not followed")
		}
	})
	t.Run("READY", func(t *testing.T) {
		w := stuck(t, ringproto.Ready)
		id := w.nodes[1].attempt.id
		say(w, 2, 1, ringproto.Ready, ringproto.AppendAttempt(nil, former(id)))
		if w.nodes[1].coord.ready[1] {
			t.Error("it counts")
		}
		if say(w, 2, 1, ringproto.Ready, ringproto.AppendAttempt(nil, id)); !w.nodes[1].coord.ready[1] {
			t.Error("that of this attempt does not count")
		}
	})
	t.Run("INSTALL", func(t *testing.T) {
		w := stuck(t, ringproto.Ready)
		id, was := w.nodes[2].attempt.id, w.changes(2)
		if !w.nodes[2].attempt.done {
			t.Fatal("2 is not ready:", w.states())
		}
		say(w, 1, 2, ringproto.Install, ringproto.AppendAttempt(nil, former(id)))
		if w.changes(2) != was {
			t.Error("it is followed")
		}
		if say(w, 1, 2, ringproto.Install, ringproto.AppendAttempt(nil, id)); w.changes(2) == was {
			t.Error("that of this attempt is not followed")
		}
	})
}
