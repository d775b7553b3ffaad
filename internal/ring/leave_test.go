package ring

import (
	"testing"
	"time"
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
