package link

import (
	"encoding/binary"
	"net/netip"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

const (
	slotSize     = 1 << 16
	slotsGro     = 16 // of 64 KB, likely to be filled
	slotsPlain   = 64
	retryReceive = time.Millisecond
)

// reader is what recvmmsg fills.
type reader struct {
	hdrs    []mmsghdr
	vecs    []unix.Iovec
	names   [][unix.SizeofSockaddrInet6]byte
	control [][24]byte
	data    []byte
}

func newReader(slots int) *reader {
	r := &reader{
		hdrs:    make([]mmsghdr, slots),
		vecs:    make([]unix.Iovec, slots),
		names:   make([][unix.SizeofSockaddrInet6]byte, slots),
		control: make([][24]byte, slots),
		data:    make([]byte, slots*slotSize),
	}
	for i := range r.hdrs {
		r.vecs[i].Base = &r.data[i*slotSize]
		r.vecs[i].SetLen(slotSize)
		h := &r.hdrs[i].h
		h.Iov = &r.vecs[i]
		h.SetIovlen(1)
		h.Name = &r.names[i][0]
		r.reset(i)
	}
	return r
}

// reset makes a slot ready again.
func (r *reader) reset(i int) {
	r.hdrs[i].h.Namelen = unix.SizeofSockaddrInet6
	r.hdrs[i].setControl(r.control[i][:])
}

func (c *kernelConn) receive(in *inbox) {
	slots, flags := slotsPlain, uintptr(unix.MSG_WAITFORONE)
	if c.gro {
		slots = slotsGro
	}
	if c.l.cfg.Without&Batching != 0 {
		slots = 1
	}
	r := newReader(slots)
	for {
		n, _, errno := unix.Syscall6(unix.SYS_RECVMMSG, uintptr(c.fd), uintptr(unsafe.Pointer(&r.hdrs[0])), uintptr(slots), flags, 0, 0)
		if c.shut.Load() {
			return
		}
		if errno != 0 {
			// An error report has come, or a call to send has taken it already.
			if !c.drain() && errno != unix.EINTR && errno != unix.EAGAIN {
				c.l.stats.receiveFails.Add(1)
				if fatal(errno) {
					time.Sleep(retryReceive)
				}
			}
			continue
		}
		c.l.stats.callsIn.Add(1)
		for i := range int(n) {
			c.slot(r, i, in)
			r.reset(i)
		}
		in.deliver()
	}
}

// fatal tells errors that the next call may well return again.
func fatal(errno unix.Errno) bool {
	switch errno {
	case unix.ENOMEM, unix.ENOBUFS, unix.EBADF, unix.ENOTSOCK, unix.EFAULT, unix.EINVAL, unix.ENOSYS, unix.EPERM:
		return true
	}
	return false
}

// slot takes one message.
func (c *kernelConn) slot(r *reader, i int, in *inbox) {
	m := &r.hdrs[i]
	size := int(m.n)
	if m.h.Flags&unix.MSG_TRUNC != 0 {
		c.l.stats.truncated.Add(1)
		return
	}
	if size == 0 || m.h.Namelen == 0 {
		return
	}
	source := decodeAddr(&r.names[i])
	if source == (netip.AddrPort{}) {
		return
	}
	segment := size
	if m.h.Controllen > 0 {
		if s := coalesced(r.control[i][:m.h.Controllen]); s > 0 {
			segment = s
		}
	}
	in.add(source, r.data[i*slotSize:i*slotSize+size], segment)
}

// coalesced is the size of the datagrams in a message, 0 if it is one.
func coalesced(b []byte) int {
	for len(b) >= unix.CmsgLen(0) {
		h := (*unix.Cmsghdr)(unsafe.Pointer(&b[0]))
		n := int(h.Len)
		if n < unix.CmsgLen(0) || n > len(b) {
			break
		}
		if h.Level == unix.IPPROTO_UDP && h.Type == unix.UDP_GRO && n >= unix.CmsgLen(4) {
			return int(int32(binary.NativeEndian.Uint32(b[unix.CmsgLen(0):])))
		}
		b = b[min(len(b), unix.CmsgSpace(n-unix.CmsgLen(0))):]
	}
	return 0
}
