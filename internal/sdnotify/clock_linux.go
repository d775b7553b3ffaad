package sdnotify

import (
	"time"

	"golang.org/x/sys/unix"
)

// Monotonic is the system's monotonic clock.
func Monotonic() time.Duration {
	var t unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &t); err != nil {
		return 0
	}
	return time.Duration(t.Nano())
}
