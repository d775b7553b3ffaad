package daemon

import "time"

// alarm makes a turn when the ring's deadline comes. Its fields belong to the
// engine's lock.
type alarm struct {
	ring  func() // makes the turn, in a goroutine of the timer's
	timer timer  // nil until it is needed
	at    time.Duration
	armed bool
	off   bool
}

// timer makes a call when the time of its last set has come. One that is due when it
// is set anew or stopped may still be made. One may wait for the end of the one before.
type timer interface {
	set(after time.Duration)
	// stop ends it. It must not be set any more.
	stop()
}

// early is how much too early the alarm may ring: it finds nothing to do then, and
// is set anew, which costs more than to set it once in a while.
const early = time.Millisecond

// set lets the alarm ring at the deadline at the latest, and not much before.
func (a *alarm) set(deadline, now time.Duration, last bool) {
	switch {
	case a.ring == nil || a.off:
	case last:
		a.stop()
	case a.armed && a.at <= deadline && deadline-a.at < early:
	default:
		if a.timer == nil {
			a.timer = newTimer(a.ring)
		}
		a.timer.set(deadline - now)
		a.at, a.armed = deadline, true
	}
}

// stop ends the alarm for good.
func (a *alarm) stop() {
	a.off = true
	if a.timer != nil {
		a.timer.stop()
		a.timer = nil
	}
}

// runtimeTimer is a timer of the run-time's.
type runtimeTimer struct{ *time.Timer }

func newRuntimeTimer(ring func()) timer {
	t := time.AfterFunc(time.Hour, ring)
	t.Stop()
	return runtimeTimer{t}
}

func (t runtimeTimer) set(after time.Duration) { t.Reset(after) }
func (t runtimeTimer) stop()                   { t.Stop() }
