package link

import (
	"fmt"
	"net"
	"net/netip"
	"strconv"
)

const (
	minDatagram = 512
	// maxLoopback is the datagram size on paths that never leave the host.
	maxLoopback = 60000
	headers4    = 20 + 8 // IPv4 without options, UDP
	headers6    = 40 + 8
)

// headers is the number of bytes before a datagram's data.
func headers(a netip.Addr) int {
	if a.Unmap().Is4() {
		return headers4
	}
	return headers6
}

// host is what this machine's interfaces looked like at Open, or when that of the own
// address was last replaced.
type host struct {
	self  netip.Addr
	name  string // of the interface that has self, or "any"
	index int    // of the same, 0: none
	mtu   int    // of the same, 0: unknown
	zone  uint32 // interface for link-local addresses
	addrs []netip.Prefix
}

// survey looks at the interfaces.
func survey(self netip.Addr) (host, error) {
	h := host{self: self.Unmap(), name: "any"}
	all, err := net.Interfaces()
	if err != nil {
		return h, fmt.Errorf("link: cannot list the network interfaces: %w", err)
	}
	for _, i := range all {
		addrs, err := i.Addrs()
		if err != nil {
			return h, fmt.Errorf("link: cannot list the addresses of interface %s: %w", i.Name, err)
		}
		for _, a := range addrs {
			p, ok := prefixOf(a)
			if !ok {
				continue
			}
			h.addrs = append(h.addrs, p)
			mine := sameAddr(p.Addr(), self)
			if zone := self.Zone(); zone != "" {
				mine = mine && (zone == i.Name || zone == strconv.Itoa(i.Index))
			}
			if mine || h.index == 0 && covers(i, p, self) {
				h.name, h.index, h.mtu = i.Name, i.Index, i.MTU
			}
		}
	}
	if self.Zone() != "" || self.IsLinkLocalUnicast() {
		h.zone = uint32(h.index)
	}
	return h, nil
}

// covers: the loopback interface has all of its network, not just its address.
func covers(i net.Interface, p netip.Prefix, a netip.Addr) bool {
	return i.Flags&net.FlagLoopback != 0 && a.Unmap().Is4() && p.Contains(a.Unmap())
}

func prefixOf(a net.Addr) (netip.Prefix, bool) {
	n, ok := a.(*net.IPNet)
	if !ok {
		return netip.Prefix{}, false
	}
	ip, ok := netip.AddrFromSlice(n.IP)
	if !ok {
		return netip.Prefix{}, false
	}
	ones, _ := n.Mask.Size()
	return netip.PrefixFrom(ip.Unmap(), ones), true
}

// has tells whether an address is one of this host.
func (h host) has(a netip.Addr) bool {
	a = a.Unmap().WithZone("")
	if a.IsLoopback() {
		return true
	}
	for _, p := range h.addrs {
		if p.Addr() == a {
			return true
		}
	}
	return false
}

// sameAddr compares without zones.
func sameAddr(a, b netip.Addr) bool { return a.Unmap().WithZone("") == b.Unmap().WithZone("") }

// unspecified is the address of a's family that stands for all.
func unspecified(a netip.Addr) netip.Addr {
	if a.Is4() {
		return netip.IPv4Unspecified()
	}
	return netip.IPv6Unspecified()
}

// measure is the largest datagram that goes to all in one piece.
func (l *Link) measure(peers []Peer, groups []netip.Addr) int {
	limit := maxLoopback
	take := func(mtu int, a netip.Addr) {
		if mtu > 0 {
			limit = min(limit, mtu-headers(a))
		}
	}
	own := l.own.Addr.Addr()
	if len(groups) > 0 || len(peers) == 1 {
		take(l.host.mtu, own)
	}
	for _, p := range peers {
		if p.ID == l.own.ID {
			continue
		}
		mtu := pathMTU(own, bare(p.Addr), l.host.zone)
		if mtu == 0 {
			mtu = l.host.mtu
		}
		take(mtu, p.Addr.Addr())
	}
	return limit
}
