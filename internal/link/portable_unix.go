//go:build unix

package link

import (
	"errors"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// share lets other daemons of this host bind the same group address.
func share(_, _ string, c syscall.RawConn) error {
	var err error
	if e := c.Control(func(fd uintptr) { err = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_REUSEADDR, 1) }); e != nil {
		return e
	}
	return err
}

// multicastOptions chooses the interface, and whether this host hears itself.
func multicastOptions(fd uintptr, h host, loop bool) error {
	back := 0
	if loop {
		back = 1
	}
	if h.self.Is4() {
		if err := unix.SetsockoptInet4Addr(int(fd), unix.IPPROTO_IP, unix.IP_MULTICAST_IF, h.self.As4()); err != nil {
			return err
		}
		return unix.SetsockoptByte(int(fd), unix.IPPROTO_IP, unix.IP_MULTICAST_LOOP, byte(back))
	}
	if err := unix.SetsockoptInt(int(fd), unix.IPPROTO_IPV6, unix.IPV6_MULTICAST_IF, h.index); err != nil {
		return err
	}
	return unix.SetsockoptInt(int(fd), unix.IPPROTO_IPV6, unix.IPV6_MULTICAST_LOOP, back)
}

func isTooLarge(err error) bool { return errors.Is(err, unix.EMSGSIZE) }

func isFull(err error) bool {
	return errors.Is(err, unix.ENOBUFS) || errors.Is(err, os.ErrDeadlineExceeded)
}
