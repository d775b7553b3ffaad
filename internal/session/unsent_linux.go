package session

import "golang.org/x/sys/unix"

// unsent is how many bytes of the connection the kernel holds that the peer has
// not taken; negative if it does not say.
func unsent(r *rawIO) int {
	n := -1
	err := r.conn.Control(func(fd uintptr) {
		if v, err := unix.IoctlGetInt(int(fd), unix.SIOCOUTQ); err == nil {
			n = v
		}
	})
	if err != nil {
		return -1
	}
	return n
}
