package link

import (
	"fmt"
	"net/netip"
	"slices"
	"time"
)

// Peer is a daemon of the configuration.
type Peer struct {
	ID      uint32         // not 0
	Addr    netip.AddrPort // its address and the port of its segment; the token port is the next one
	Segment int            // index of its segment
}

// Feature is a set of kernel features.
type Feature uint8

// The features that can be switched off.
const (
	Segmentation Feature = 1 << iota // UDP_SEGMENT: one message for many datagrams to send
	Coalescing                       // UDP_GRO: one message for many datagrams received
	Batching                         // sendmmsg and recvmmsg: many messages in one call
	Native                           // the system's own calls; without it package net, and none of the above
)

// Config is what Open needs to know.
type Config struct {
	Self  uint32 // ID of this daemon, which is among Peers
	Peers []Peer // all daemons of the configuration

	// Segment has the addresses of the own segment. They are used when it has a
	// second daemon. One that is neither multicast nor a broadcast address of
	// this host reaches nobody but itself, and is replaced by copies to each member.
	Segment []netip.Addr

	// Bind has the addresses for daemon traffic of this daemon's interface stanza;
	// none: its own address. An unspecified one stands for all addresses: then the
	// own address need not be on this host (it may be translated on the way).
	Bind []netip.Addr

	// IgnoreJoinErrors turns a multicast group that cannot be joined into a
	// warning; it is then neither sent to nor received from.
	IgnoreJoinErrors bool

	Buffer    int     // bytes wanted for each socket's buffers, 0: DefaultBuffer
	Datagram  int     // upper limit of MaxDatagram in bytes, 0: by the path
	Without   Feature // features not to be used
	Strangers bool    // deliver datagrams of unknown senders too, with From 0

	ticks <-chan time.Time // of tests: when to look at this host; nil: every lookEvery
}

// DefaultBuffer is the size in bytes that is asked for each socket's buffers.
const DefaultBuffer = 8 << 20

// check finds what no socket could make up for.
func check(self uint32, peers []Peer) (Peer, error) {
	i := slices.IndexFunc(peers, func(p Peer) bool { return p.ID == self })
	if i < 0 {
		return Peer{}, fmt.Errorf("link: daemon %d is not among the daemons of the configuration", self)
	}
	own := peers[i]
	ids := make(map[uint32]bool, len(peers))
	addrs := make(map[netip.AddrPort]bool, len(peers))
	for _, p := range peers {
		switch a := p.Addr.Addr(); {
		case p.ID == 0 || ids[p.ID]:
			return Peer{}, fmt.Errorf("link: daemon id %d of %s is not unique", p.ID, p.Addr)
		case addrs[bare(p.Addr)]:
			return Peer{}, fmt.Errorf("link: two daemons have the address %s", p.Addr)
		case !a.IsValid() || a.IsUnspecified() || a.IsMulticast():
			return Peer{}, fmt.Errorf("link: daemon %d cannot have the address %s", p.ID, p.Addr)
		case p.Addr.Port() == 0 || p.Addr.Port() == 65535:
			return Peer{}, fmt.Errorf("link: %s: the port must be 1 to 65534, as the token uses the next one", p.Addr)
		case a.Unmap().Is4() != own.Addr.Addr().Unmap().Is4():
			return Peer{}, fmt.Errorf("link: this daemon's address %s cannot reach %s: both must be IPv4 or both IPv6", own.Addr, p.Addr)
		}
		ids[p.ID], addrs[bare(p.Addr)] = true, true
	}
	return own, nil
}

// bare is the address as it is compared: no zone, no IPv4 in IPv6 clothes.
func bare(a netip.AddrPort) netip.AddrPort {
	return netip.AddrPortFrom(a.Addr().Unmap().WithZone(""), a.Port())
}
