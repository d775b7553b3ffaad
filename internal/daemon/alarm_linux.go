package daemon

import (
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// kernelTimer is a timer that a goroutine waits for in a system call. A timer of the
// run-time's that is set to later wakes the process at the former time too; and a
// goroutine that it has started makes the run-time's monitor look after the readers
// in their system calls for 10 ms, every 20 us at first, where there is nothing else to
// do. Between daemons at rest both cost far more than the work itself.
type kernelTimer struct {
	ring func()
	fd   int

	mu      sync.Mutex // around the end: fd is not closed while stop uses it
	stopped bool
}

func newTimer(ring func()) timer {
	fd, err := unix.TimerfdCreate(unix.CLOCK_MONOTONIC, unix.TFD_CLOEXEC)
	if err != nil {
		return newRuntimeTimer(ring)
	}
	t := &kernelTimer{ring: ring, fd: fd}
	go t.run()
	return t
}

// set lets it ring after a time, at once if that is not positive.
func (t *kernelTimer) set(after time.Duration) {
	at := unix.ItimerSpec{Value: unix.NsecToTimespec(int64(max(after, 1)))}
	_ = unix.TimerfdSettime(t.fd, 0, &at, nil) // it has no failure but of its arguments
}

func (t *kernelTimer) run() {
	var count [8]byte
	for {
		_, err := unix.Read(t.fd, count[:])
		if t.ended() {
			return
		}
		if err == nil {
			t.ring()
		}
	}
}

// ended closes it once it is stopped.
func (t *kernelTimer) ended() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.stopped {
		unix.Close(t.fd)
		t.fd = -1
	}
	return t.stopped
}

func (t *kernelTimer) stop() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.stopped = true
	t.set(0) // ends the wait
}
