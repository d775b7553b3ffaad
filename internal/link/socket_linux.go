package link

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"sync"
	"sync/atomic"
	"unsafe"

	"golang.org/x/sys/unix"
)

// kernelConn is a blocking UDP socket. Package net is not used: its poller costs
// more than the datagram.
type kernelConn struct {
	l     *Link
	fd    int
	local netip.AddrPort
	gso   bool
	gro   bool
	shut  atomic.Bool

	out   writer
	errmu sync.Mutex // around the error queue
	errs  errorQueue
}

// openConn opens one socket: of an address of this host, or of a group.
func openConn(l *Link, at netip.AddrPort, token, group bool) (conn, error) {
	if l.cfg.Without&Native != 0 {
		return openPortable(l, at, group)
	}
	family := unix.AF_INET
	if !at.Addr().Is4() {
		family = unix.AF_INET6
	}
	fd, err := unix.Socket(family, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, unix.IPPROTO_UDP)
	if err != nil {
		return nil, fmt.Errorf("link: cannot make a UDP socket for %s: %w", at, err)
	}
	c := &kernelConn{l: l, fd: fd, local: at}
	if err := c.set(family, token, group); err != nil {
		unix.Close(fd)
		return nil, err
	}
	c.out.init()
	return c, nil
}

// set makes the socket what it is for.
func (c *kernelConn) set(family int, token, group bool) error {
	on := func(level, opt int) error { return unix.SetsockoptInt(c.fd, level, opt, 1) }
	for force, plain := range map[int]int{unix.SO_RCVBUFFORCE: unix.SO_RCVBUF, unix.SO_SNDBUFFORCE: unix.SO_SNDBUF} {
		// The kernel doubles what it is asked for, and reports the doubled size.
		if unix.SetsockoptInt(c.fd, unix.SOL_SOCKET, force, c.l.cfg.Buffer/2) != nil {
			_ = unix.SetsockoptInt(c.fd, unix.SOL_SOCKET, plain, c.l.cfg.Buffer/2) // what was obtained is reported
		}
	}
	c.gso = c.l.cfg.Without&Segmentation == 0 && unix.SetsockoptInt(c.fd, unix.IPPROTO_UDP, unix.UDP_SEGMENT, 0) == nil
	if c.l.cfg.Without&Coalescing == 0 && !token {
		c.gro = on(unix.IPPROTO_UDP, unix.UDP_GRO) == nil
	}
	type option struct{ level, name, value int }
	opts := []option{{unix.SOL_SOCKET, unix.SO_BROADCAST, 1}}
	if family == unix.AF_INET {
		opts = append(opts,
			option{unix.IPPROTO_IP, unix.IP_RECVERR, 1},
			option{unix.IPPROTO_IP, unix.IP_MTU_DISCOVER, unix.IP_PMTUDISC_WANT},
			option{unix.IPPROTO_IP, unix.IP_MULTICAST_ALL, 0})
	} else {
		opts = append(opts,
			option{unix.IPPROTO_IPV6, unix.IPV6_V6ONLY, 1},
			option{unix.IPPROTO_IPV6, unix.IPV6_RECVERR, 1},
			option{unix.IPPROTO_IPV6, unix.IPV6_MTU_DISCOVER, unix.IPV6_PMTUDISC_WANT},
			option{unix.IPPROTO_IPV6, unix.IPV6_MULTICAST_ALL, 0})
	}
	if group { // other daemons of this host listen to it, too
		opts = append(opts, option{unix.SOL_SOCKET, unix.SO_REUSEADDR, 1})
	}
	for _, o := range opts {
		err := unix.SetsockoptInt(c.fd, o.level, o.name, o.value)
		if err != nil && o.name != unix.IP_MULTICAST_ALL && o.name != unix.IPV6_MULTICAST_ALL { // older kernels lack these two
			return fmt.Errorf("link: cannot set up the UDP socket for %s: %w", c.local, os.NewSyscallError("setsockopt", err))
		}
	}
	if err := unix.Bind(c.fd, sockaddr(c.local, uint32(c.l.host.index))); err != nil {
		return bindError(c.local, err)
	}
	if group {
		return c.join(c.local.Addr())
	}
	return nil
}

// bindError explains why an address cannot be used.
func bindError(at netip.AddrPort, err error) error {
	advice := ""
	switch err {
	case unix.EADDRINUSE:
		advice = "; another daemon or program has this port: stop it, or give the segment another port"
	case unix.EADDRNOTAVAIL:
		advice = "; the address is not on this host: correct the daemon's address in the configuration, or start the daemon with the name that belongs to this host"
	case unix.EACCES:
		advice = "; this port needs privileges: use one above 1023"
	}
	return fmt.Errorf("link: cannot listen for daemons on UDP %s: %w%s", at, err, advice)
}

// join joins a group on the interface of the own address. There is nothing to do for
// a broadcast address.
func (c *kernelConn) join(group netip.Addr) error {
	var err error
	switch {
	case !group.IsMulticast():
	case group.Is4():
		err = unix.SetsockoptIPMreqn(c.fd, unix.IPPROTO_IP, unix.IP_ADD_MEMBERSHIP,
			&unix.IPMreqn{Multiaddr: group.As4(), Ifindex: int32(c.l.host.index)})
	default:
		err = unix.SetsockoptIPv6Mreq(c.fd, unix.IPPROTO_IPV6, unix.IPV6_JOIN_GROUP,
			&unix.IPv6Mreq{Multiaddr: group.As16(), Interface: uint32(c.l.host.index)})
	}
	if err != nil {
		return &joinError{group: group, on: c.l.host.name, err: err}
	}
	return nil
}

// move implements mover, but for groups whose sockets the system ties to an interface
// when they are bound.
func (c *kernelConn) move(group netip.Addr, from int) (able bool, err error) {
	if group.Is6() && (group.IsLinkLocalMulticast() || group.IsInterfaceLocalMulticast()) && !c.l.anywhere {
		return false, nil
	}
	// The membership is left as far as there is one: it counts against a limit.
	if group.Is4() {
		_ = unix.SetsockoptIPMreqn(c.fd, unix.IPPROTO_IP, unix.IP_DROP_MEMBERSHIP, &unix.IPMreqn{Multiaddr: group.As4(), Ifindex: int32(from)})
	} else {
		_ = unix.SetsockoptIPv6Mreq(c.fd, unix.IPPROTO_IPV6, unix.IPV6_LEAVE_GROUP, &unix.IPv6Mreq{Multiaddr: group.As16(), Interface: uint32(from)})
	}
	if err := c.join(group); !errors.Is(err, unix.EADDRINUSE) { // a former try that did not get further
		return true, err
	}
	return true, nil
}

// setMulticast prepares the data socket to send to groups: on the interface of the
// own address, to its network only, and back to this host if another member is here.
func setMulticast(to conn, h host, loop bool) error {
	c, ok := to.(*kernelConn)
	if !ok {
		return setPortableMulticast(to.(*portableConn), h, loop)
	}
	back := 0
	if loop {
		back = 1
	}
	if h.self.Is4() {
		if err := unix.SetsockoptIPMreqn(c.fd, unix.IPPROTO_IP, unix.IP_MULTICAST_IF, &unix.IPMreqn{Ifindex: int32(h.index)}); err != nil {
			return err
		}
		if err := unix.SetsockoptInt(c.fd, unix.IPPROTO_IP, unix.IP_MULTICAST_TTL, 1); err != nil {
			return err
		}
		return unix.SetsockoptInt(c.fd, unix.IPPROTO_IP, unix.IP_MULTICAST_LOOP, back)
	}
	if err := unix.SetsockoptInt(c.fd, unix.IPPROTO_IPV6, unix.IPV6_MULTICAST_IF, h.index); err != nil {
		return err
	}
	if err := unix.SetsockoptInt(c.fd, unix.IPPROTO_IPV6, unix.IPV6_MULTICAST_HOPS, 1); err != nil {
		return err
	}
	return unix.SetsockoptInt(c.fd, unix.IPPROTO_IPV6, unix.IPV6_MULTICAST_LOOP, back)
}

// broadcast asks the kernel: it connects no socket to a broadcast address without
// SO_BROADCAST.
func (h host) broadcast(a netip.Addr) bool {
	if !a.Is4() {
		return false
	}
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return false
	}
	defer unix.Close(fd)
	return unix.Connect(fd, sockaddr(netip.AddrPortFrom(a, 9), 0)) == unix.EACCES
}

// pathMTU asks the kernel what it knows of the way to an address; 0: nothing.
func pathMTU(own netip.Addr, to netip.AddrPort, zone uint32) int {
	family, level, opt := unix.AF_INET, unix.IPPROTO_IP, unix.IP_MTU
	if !to.Addr().Is4() {
		family, level, opt = unix.AF_INET6, unix.IPPROTO_IPV6, unix.IPV6_MTU
	}
	fd, err := unix.Socket(family, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return 0
	}
	defer unix.Close(fd)
	_ = unix.Bind(fd, sockaddr(netip.AddrPortFrom(own, 0), zone)) // without it the route decides alone
	if unix.Connect(fd, sockaddr(to, zone)) != nil {
		return 0
	}
	mtu, err := unix.GetsockoptInt(fd, level, opt)
	if err != nil {
		return 0
	}
	return mtu
}

func (c *kernelConn) buffers() (receive, send int) {
	receive, _ = unix.GetsockoptInt(c.fd, unix.SOL_SOCKET, unix.SO_RCVBUF) // cannot fail
	send, _ = unix.GetsockoptInt(c.fd, unix.SOL_SOCKET, unix.SO_SNDBUF)
	return receive, send
}

// overflow asks for the socket's own count of drops.
func (c *kernelConn) overflow() uint64 {
	var info [16]uint32
	const drops = 8 // SK_MEMINFO_DROPS
	size := uint32(unsafe.Sizeof(info))
	_, _, errno := unix.Syscall6(unix.SYS_GETSOCKOPT, uintptr(c.fd), unix.SOL_SOCKET, unix.SO_MEMINFO,
		uintptr(unsafe.Pointer(&info)), uintptr(unsafe.Pointer(&size)), 0)
	if errno != 0 || size <= 4*drops {
		return 0
	}
	return uint64(info[drops])
}

// close wakes a waiting receive: it is what shutdown does even to a UDP socket
// that is not connected, although it reports an error.
func (c *kernelConn) close() {
	c.shut.Store(true)
	_ = unix.Shutdown(c.fd, unix.SHUT_RDWR)
}

func (c *kernelConn) release() { unix.Close(c.fd) }

const (
	receiveAdvice = "raise net.core.rmem_max to 8388608 or more, or give the daemon CAP_NET_ADMIN"
	sendAdvice    = "raise net.core.wmem_max to 8388608 or more, or give the daemon CAP_NET_ADMIN"
)

// features are those in use.
func features(l *Link) Feature {
	c, ok := l.data.(*kernelConn)
	if !ok {
		return 0
	}
	f := Native | Batching
	if c.gso {
		f |= Segmentation
	}
	if c.gro {
		f |= Coalescing
	}
	return f &^ l.cfg.Without
}

// probe tells whether the system lets us make the calls that kernelConn is built on;
// some sandboxes do not.
func probe() error {
	for name, call := range map[string]uintptr{"sendmmsg": unix.SYS_SENDMMSG, "recvmmsg": unix.SYS_RECVMMSG} {
		// Of no socket: EBADF from a system that has the call.
		_, _, errno := unix.Syscall6(call, ^uintptr(0), 0, 0, unix.MSG_DONTWAIT, 0, 0)
		if errno == unix.ENOSYS || errno == unix.EPERM {
			return os.NewSyscallError(name, errno)
		}
	}
	return nil
}
