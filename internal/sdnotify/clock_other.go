//go:build !linux

package sdnotify

import "time"

// Monotonic is 0 where there is no systemd.
func Monotonic() time.Duration { return 0 }
