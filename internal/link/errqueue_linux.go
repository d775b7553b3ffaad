package link

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// errorQueue is what one read of a socket's error queue needs.
type errorQueue struct {
	name    [unix.SizeofSockaddrInet6]byte
	control [256]byte
	data    [64]byte // the start of the datagram; of no use
	vec     unix.Iovec
	hdr     unix.Msghdr
}

// drain reads the error queue to its end, and tells whether there was anything.
// Both directions of the socket call it: an error wakes either.
func (c *kernelConn) drain() bool {
	c.errmu.Lock()
	defer c.errmu.Unlock()
	q := &c.errs
	for any := false; ; any = true {
		q.vec.Base = &q.data[0]
		q.vec.SetLen(len(q.data))
		q.hdr = unix.Msghdr{Name: &q.name[0], Namelen: uint32(len(q.name)), Iov: &q.vec, Control: &q.control[0]}
		q.hdr.SetIovlen(1)
		q.hdr.SetControllen(len(q.control))
		_, _, errno := unix.Syscall(unix.SYS_RECVMSG, uintptr(c.fd), uintptr(unsafe.Pointer(&q.hdr)), unix.MSG_ERRQUEUE|unix.MSG_DONTWAIT)
		if errno == unix.EINTR {
			continue
		}
		if errno != 0 {
			return any
		}
		if e := extended(q.control[:q.hdr.Controllen]); e != nil {
			c.explain(e)
		}
	}
}

// extended finds the report in the control data.
func extended(b []byte) *unix.SockExtendedErr {
	for len(b) >= unix.CmsgLen(0) {
		h := (*unix.Cmsghdr)(unsafe.Pointer(&b[0]))
		n := int(h.Len)
		if n < unix.CmsgLen(0) || n > len(b) {
			break
		}
		ours := h.Level == unix.IPPROTO_IP && h.Type == unix.IP_RECVERR || h.Level == unix.IPPROTO_IPV6 && h.Type == unix.IPV6_RECVERR
		if ours && n >= unix.CmsgLen(int(unsafe.Sizeof(unix.SockExtendedErr{}))) {
			return (*unix.SockExtendedErr)(unsafe.Pointer(&b[unix.CmsgLen(0)]))
		}
		b = b[min(len(b), unix.CmsgSpace(n-unix.CmsgLen(0))):]
	}
	return nil
}

// explain acts on one report. The address is that to which the datagram went.
func (c *kernelConn) explain(e *unix.SockExtendedErr) {
	remote := e.Origin == unix.SO_EE_ORIGIN_ICMP || e.Origin == unix.SO_EE_ORIGIN_ICMP6
	to := decodeAddr(&c.errs.name)
	peer := c.l.table.Load().source[to]
	switch errno := unix.Errno(e.Errno); {
	case remote && errno == unix.ECONNREFUSED:
		c.l.stats.refused.Add(1)
		if peer != 0 {
			c.l.notify(event{refused: peer})
		}
	case errno == unix.EMSGSIZE && e.Info > 0 && peer != 0:
		c.l.shrink(int(e.Info) - headers(to.Addr()))
	default:
		c.l.stats.unreachable.Add(1)
	}
}
