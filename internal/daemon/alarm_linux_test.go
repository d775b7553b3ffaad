package daemon

import "testing"

// A timer of the system that is stopped ends its goroutine, and frees what it had.
func TestTimerEnds(t *testing.T) {
	x := newTimer(func() {}).(*kernelTimer)
	x.stop()
	waitFor(t, "the timer to end", func() bool {
		x.mu.Lock()
		defer x.mu.Unlock()
		return x.fd == -1
	})
}
