//go:build unix

package daemon

import "syscall"

// reservedFiles are descriptors that clients cannot have: listeners, log, and
// what the run-time needs.
const reservedFiles = 64

// sessionLimit is how many clients the file-descriptor limit allows.
func sessionLimit() int {
	var r syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &r); err != nil {
		return defaultSessions
	}
	return int(min(uint64(r.Cur), mostSessions)) - reservedFiles
}
