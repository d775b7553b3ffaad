//go:build unix

package daemon

import (
	"syscall"

	"golang.org/x/sys/unix"

	"gospread/spread/internal/conf"
)

// reuseControl sets what SocketPortReuse asks for. Reusing the address is what
// lets a daemon restart while old connections linger; only `off` gives it up.
func reuseControl(t conf.TriState) func(network, address string, c syscall.RawConn) error {
	value := 1
	if t == conf.Off {
		value = 0
	}
	return func(_, _ string, c syscall.RawConn) error {
		var err error
		if e := c.Control(func(fd uintptr) {
			err = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_REUSEADDR, value)
		}); e != nil {
			return e
		}
		return err
	}
}
