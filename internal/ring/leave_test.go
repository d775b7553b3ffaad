package ring

import (
	"testing"
	"time"

	"gospread/spread/internal/ringproto"
)

// A planned stop while the membership changes waits for the change: it takes no
// time-out, and what clients have said is ordered first.
func TestLeaveWhileChanging(t *testing.T) {
	w := running(t, 5)
	t0 := w.now
	w.nodes[4].Leave(w.now)
	w.turn(4)
	w.run(300*time.Microsecond, nil)
	w.submit(5, Agreed, "hello")
	w.nodes[5].Leave(w.now)
	w.turn(5)
	w.run(5*time.Second, w.together(1, 2, 3))
	if took := w.now - t0; took > 30*time.Millisecond {
		t.Error("two planned stops at once took", took)
	}
	if !w.got(1, 1, 2, 3)() {
		t.Error("what was said before the stop is lost")
	}
}

// Nor does it lose what is held until groups have told each other their members.
func TestLeaveWhileHeld(t *testing.T) {
	w := running(t, 2)
	w.nodes[2].Hold(true)
	w.submit(2, Agreed, "hello")
	w.nodes[2].Leave(w.now)
	w.turn(2)
	w.run(5*time.Millisecond, nil)
	if w.nodes[2].Left() {
		t.Fatal("it has not waited")
	}
	w.nodes[2].Hold(false)
	w.turn(2)
	w.run(5*time.Second, w.together(1))
	if !w.got(1, 1)() {
		t.Error("what was said before the stop is lost")
	}
}

// Nor does a stop during an attempt wait for an answer from far away.
func TestLeaveInFarAttempt(t *testing.T) {
	w := newNet(t, 3)
	w.latency = 300 * time.Millisecond
	w.start(w.ids...)
	w.run(time.Minute, w.together(w.ids...))
	w.run(20*time.Second, nil)
	w.nodes[1].beginGather()
	w.turn(1)
	w.run(10*time.Second, func() bool { return w.nodes[3].state == forming })
	begun := w.now
	w.nodes[3].Leave(w.now)
	w.turn(3)
	w.run(10*time.Second, w.nodes[3].Left)
	if took := w.now - begun; took > leavePatience+10*time.Millisecond {
		t.Error("it took", took)
	}
}

// A member does not wait for a coordinator that has begun another life.
func TestCoordinatorRestartsInAttempt(t *testing.T) {
	w := running(t, 3)
	w.drop = func(_, _ DaemonID, b []byte) bool { return kindOf(b) == ringproto.Plan }
	w.nodes[1].beginGather()
	w.turn(1)
	m := w.nodes[2].Machine
	w.run(time.Second, func() bool { return m.state == forming && m.waitsFor(m.byID[1]) })
	m.hear(m.byID[1], m.byID[1].incarnation+1)
	if m.state != gathering {
		t.Error("it waits:", m.state)
	}
}
