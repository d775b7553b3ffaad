//go:build !linux

package link

import (
	"net"
	"net/netip"
)

// rawAddr is of use on Linux only.
type rawAddr struct{}

func encodeAddr(netip.AddrPort, uint32) rawAddr { return rawAddr{} }

func openConn(l *Link, at netip.AddrPort, _, group bool) (conn, error) {
	return openPortable(l, at, group)
}

func setMulticast(to conn, h host, loop bool) error {
	return setPortableMulticast(to.(*portableConn), h, loop)
}

// broadcast tells whether a is the last address of one of this host's networks.
func (h host) broadcast(a netip.Addr) bool {
	if a == netip.AddrFrom4([4]byte{255, 255, 255, 255}) {
		return true
	}
	for _, p := range h.addrs {
		if !a.Is4() || !p.Addr().Is4() || p.Bits() >= 31 || !p.Contains(a) {
			continue
		}
		last := p.Addr().As4()
		for i, m := range net.CIDRMask(p.Bits(), 32) {
			last[i] |= ^m
		}
		if netip.AddrFrom4(last) == a {
			return true
		}
	}
	return false
}

func pathMTU(netip.Addr, netip.AddrPort, uint32) int { return 0 }

const (
	receiveAdvice = "raise the system's limit (kern.ipc.maxsockbuf)"
	sendAdvice    = receiveAdvice
)

func features(*Link) Feature { return 0 }

func probe() error { return nil }
