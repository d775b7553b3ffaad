package daemon

import (
	"testing"
	"time"
)

// Both timers ring after the time that they were set to at last, not before, and no
// more when they were stopped.
func TestTimers(t *testing.T) {
	for name, create := range map[string]func(func()) timer{"system": newTimer, "run-time": newRuntimeTimer} {
		t.Run(name, func(t *testing.T) {
			rung := make(chan time.Time, 100)
			x := create(func() { rung <- time.Now() })
			for _, after := range []time.Duration{-time.Second, 0, 1, 20 * time.Millisecond, 5 * time.Millisecond} {
				x.set(time.Hour)
				began := time.Now()
				x.set(after)
				select {
				case at := <-rung:
					if at.Sub(began) < after {
						t.Errorf("set to %v, it rings after %v", after, at.Sub(began))
					}
				case <-time.After(10 * time.Second):
					t.Fatalf("set to %v, it does not ring", after)
				}
			}
			x.set(time.Hour)
			x.stop()
			other := create(func() { rung <- time.Time{} }) // gives the first one time to err
			defer other.stop()
			other.set(20 * time.Millisecond)
			if at := <-rung; !at.IsZero() {
				t.Error("it rings, although it was stopped")
			}
		})
	}
}

// The alarm is not set anew for a deadline that moves by less than it may ring early,
// and rings no more once the ring has been left.
func TestAlarm(t *testing.T) {
	var x setTimes
	a := alarm{ring: func() {}, timer: &x}
	const ms = time.Millisecond
	for _, c := range []struct{ deadline, set time.Duration }{
		{100 * ms, 90 * ms}, {100*ms + early - 1, 0}, {100*ms + early, 90*ms + early}, {50 * ms, 40 * ms},
	} {
		x.last = 0
		if a.set(c.deadline, 10*ms, false); x.last != c.set {
			t.Errorf("the deadline is %v: set to %v, want %v", c.deadline, x.last, c.set)
		}
	}
	a.armed = false // it has rung
	if a.set(50*ms, 45*ms, false); x.last != 5*ms {
		t.Errorf("set to %v after it has rung", x.last)
	}
	a.set(60*ms, 50*ms, true)
	a.set(70*ms, 50*ms, false)
	a.stop()
	if !x.stopped || x.last != 5*ms {
		t.Errorf("after the end: %+v", x)
	}
}

// setTimes is a timer that never rings.
type setTimes struct {
	last    time.Duration
	stopped bool
}

func (s *setTimes) set(after time.Duration) { s.last = after }

func (s *setTimes) stop() {
	if s.stopped {
		panic("stopped twice")
	}
	s.stopped = true
}
