package link

import (
	"encoding/binary"
	"net/netip"
	"unsafe"

	"golang.org/x/sys/unix"
)

// rawAddr is a socket address as the kernel takes it.
type rawAddr struct {
	b   [unix.SizeofSockaddrInet6]byte
	len uint32
}

// encodeAddr makes one. The zone is used for link-local addresses.
func encodeAddr(a netip.AddrPort, zone uint32) rawAddr {
	var r rawAddr
	if ip := a.Addr().Unmap(); ip.Is4() {
		binary.NativeEndian.PutUint16(r.b[0:], unix.AF_INET)
		v := ip.As4()
		copy(r.b[4:], v[:])
		r.len = unix.SizeofSockaddrInet4
	} else {
		binary.NativeEndian.PutUint16(r.b[0:], unix.AF_INET6)
		v := ip.As16()
		copy(r.b[8:], v[:])
		if ip.IsLinkLocalUnicast() || ip.IsLinkLocalMulticast() || ip.IsInterfaceLocalMulticast() {
			binary.NativeEndian.PutUint32(r.b[24:], zone)
		}
		r.len = unix.SizeofSockaddrInet6
	}
	binary.BigEndian.PutUint16(r.b[2:], a.Port())
	return r
}

// decodeAddr reads what the kernel has written; the zone is left out.
func decodeAddr(b *[unix.SizeofSockaddrInet6]byte) netip.AddrPort {
	port := binary.BigEndian.Uint16(b[2:])
	switch binary.NativeEndian.Uint16(b[0:]) {
	case unix.AF_INET:
		return netip.AddrPortFrom(netip.AddrFrom4([4]byte(b[4:8])), port)
	case unix.AF_INET6:
		return netip.AddrPortFrom(netip.AddrFrom16([16]byte(b[8:24])).Unmap(), port)
	}
	return netip.AddrPort{}
}

// sockaddr is the same for calls of package unix.
func sockaddr(a netip.AddrPort, zone uint32) unix.Sockaddr {
	if ip := a.Addr().Unmap(); ip.Is4() {
		return &unix.SockaddrInet4{Addr: ip.As4(), Port: int(a.Port())}
	}
	s := &unix.SockaddrInet6{Addr: a.Addr().As16(), Port: int(a.Port())}
	if ip := a.Addr(); ip.IsLinkLocalUnicast() || ip.IsLinkLocalMulticast() || ip.IsInterfaceLocalMulticast() {
		s.ZoneId = zone
	}
	return s
}

// mmsghdr is one message of sendmmsg and recvmmsg.
type mmsghdr struct {
	h unix.Msghdr
	n uint32
}

// setControl points a message at its control data.
func (m *mmsghdr) setControl(b []byte) {
	m.h.Control = nil
	if len(b) > 0 {
		m.h.Control = &b[0]
	}
	m.h.SetControllen(len(b))
}

// putControl writes a control message of one number of size bytes.
func putControl(b []byte, level, kind int32, value uint16) []byte {
	h := (*unix.Cmsghdr)(unsafe.Pointer(&b[0]))
	h.Level, h.Type = level, kind
	h.SetLen(unix.CmsgLen(2))
	binary.NativeEndian.PutUint16(b[unix.CmsgLen(0):], value)
	return b[:unix.CmsgSpace(2)]
}
