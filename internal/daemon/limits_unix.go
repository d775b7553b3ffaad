//go:build unix

package daemon

import "syscall"

// sessionLimit is how many clients the file-descriptor limit allows.
func sessionLimit() int {
	var r syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &r); err != nil {
		return defaultSessions
	}
	return int(min(uint64(r.Cur), mostSessions)) - reservedFiles
}
