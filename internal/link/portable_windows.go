package link

import (
	"errors"
	"os"
	"syscall"

	"golang.org/x/sys/windows"
)

// share lets other daemons of this host bind the same group address.
func share(_, _ string, c syscall.RawConn) error {
	var err error
	if e := c.Control(func(fd uintptr) {
		err = windows.SetsockoptInt(windows.Handle(fd), windows.SOL_SOCKET, windows.SO_REUSEADDR, 1)
	}); e != nil {
		return e
	}
	return err
}

// multicastOptions chooses the interface. Whether this host hears itself is set at
// the receiving socket here, and package net leaves it on.
func multicastOptions(fd uintptr, h host, _ bool) error {
	if h.self.Is4() {
		return windows.SetsockoptInet4Addr(windows.Handle(fd), windows.IPPROTO_IP, windows.IP_MULTICAST_IF, h.self.As4())
	}
	return windows.SetsockoptInt(windows.Handle(fd), windows.IPPROTO_IPV6, windows.IPV6_MULTICAST_IF, h.index)
}

func isTooLarge(err error) bool { return errors.Is(err, windows.WSAEMSGSIZE) }

func isFull(err error) bool {
	return errors.Is(err, windows.WSAENOBUFS) || errors.Is(err, os.ErrDeadlineExceeded)
}
