package doctor

import (
	"context"
	"fmt"
	"net/netip"
	"slices"

	"gospread/spread/internal/conf"
)

// ownEntry finds which daemon this machine is to run; false ends the examination.
func (e *examination) ownEntry(ctx context.Context) bool {
	s := e.on("machine.entry", "")
	all, err := e.env.Interfaces()
	if err != nil {
		s.problem(oneLine(err), "nothing can be said of this machine", "run the doctor with more rights")
		return false
	}
	for _, i := range all {
		for _, p := range i.Addrs {
			e.local = append(e.local, p.Addr().Unmap())
		}
	}
	known := slices.Clone(e.local)
	if addrs, err := e.env.Lookup(ctx, e.env.Hostname); err == nil {
		known = append(known, addrs...) // as the daemon does
	}
	if e.self, err = e.cfg.Self(e.o.Name, known); err != nil {
		s.problem(oneLine(err), "the daemon does not start on this machine",
			"give the entry of this machine one of its addresses (ip addr shows them), or name the entry: -n NAME")
		return false
	}
	e.Daemon = e.self.Name
	for i := range all {
		if slices.ContainsFunc(all[i].Addrs, func(p netip.Prefix) bool { return bare(p.Addr()) == bare(e.self.Addr) }) {
			e.own = &all[i]
		}
	}
	s.ok("this machine runs %s, id %d, at %s port %d", e.self.Name, e.self.ID, e.self.Addr, e.self.Port)
	e.interfaceOf()
	return true
}

// interfaceOf judges the interface with the own address.
func (e *examination) interfaceOf() {
	s := e.on("machine.interface", "")
	switch {
	case e.self.Addr.IsLoopback():
		return // see addresses
	case e.own == nil:
		s.problem(fmt.Sprintf("no interface has the address %s; the name of this machine is looked up as it", e.self.Addr),
			"the daemon cannot bind the address and does not start", "give the address to an interface, or correct /etc/hosts or the file")
	case !e.own.Up:
		s.problem(fmt.Sprintf("%s is on %s, which is down", e.self.Addr, e.own.Name), "nothing gets in or out",
			"ip link set dev "+e.own.Name+" up")
	case e.own.MTU > 0 && e.own.MTU < 1280:
		s.warning(fmt.Sprintf("%s is on %s, whose packets have at most %d bytes", e.self.Addr, e.own.Name, e.own.MTU),
			"many small packets are sent where one would do", "raise the MTU of the interface, if the network has it")
	default:
		s.ok("%s is on %s, MTU %d", e.self.Addr, e.own.Name, e.own.MTU)
	}
}

// addresses finds loopback addresses among those of several machines.
func (e *examination) addresses() {
	var loopback, others []string
	for _, d := range e.all {
		if d.Addr.IsLoopback() {
			loopback = append(loopback, d.Name)
		} else {
			others = append(others, d.Name)
		}
	}
	s := e.on("machine.loopback", "")
	switch {
	case len(loopback) > 0 && len(others) > 0:
		s.problem(fmt.Sprintf("%s: a loopback address, in a file with other addresses", list(loopback)),
			"a loopback address is that of whoever reads it: no other machine reaches such a daemon",
			"give each daemon the address that its machine has in the network")
	case len(loopback) > 1:
		s.ok("all daemons have loopback addresses: they all run on this machine")
	}
}

// segment judges the address by which all daemons of the own segment are reached.
func (e *examination) segment() {
	seg := e.cfg.Segments[e.self.Segment]
	if len(seg.Daemons) < 2 || e.own == nil || e.own.Loopback {
		return
	}
	s := e.on("machine.segment", "")
	broadcast := e.broadcast()
	for _, a := range seg.Addrs {
		switch {
		case a.IsMulticast() && !e.own.Multicast:
			s.problem(fmt.Sprintf("the segment has the multicast address %s, and %s does no multicast", a, e.own.Name),
				"the daemons of the segment do not hear each other", "ip link set dev "+e.own.Name+" multicast on")
		case a.IsMulticast(), a == broadcast:
			s.ok("the segment address %s suits %s", a, e.own.Name)
		case a.Is4() && broadcast.IsValid() && a != netip.AddrFrom4([4]byte{255, 255, 255, 255}):
			s.warning(fmt.Sprintf("the segment address %s is neither a multicast address nor the broadcast address of %s, which is %s", a, e.own.Name, broadcast),
				"each packet is sent once to each member, which costs more", fmt.Sprintf("write %s for it, in the files of all machines", broadcast))
		}
	}
	e.subnet(seg.Daemons, seg.Addrs)
}

// subnet finds members of the segment that a broadcast does not reach.
func (e *examination) subnet(members []conf.Daemon, addrs []netip.Addr) {
	prefix, ok := e.prefix()
	if !ok || slices.ContainsFunc(addrs, netip.Addr.IsMulticast) {
		return
	}
	for _, d := range members {
		if !prefix.Contains(bare(d.Addr)) {
			e.on("machine.subnet", d.Name).problem(fmt.Sprintf("%s is in the segment, but %s is not in the network %s", d.Name, d.Addr, prefix.Masked()),
				"a broadcast does not get there", "give it a segment of its own, or the segment a multicast address that is routed")
		}
	}
}

// prefix is the network of the own address.
func (e *examination) prefix() (netip.Prefix, bool) {
	if e.own != nil {
		for _, p := range e.own.Addrs {
			if bare(p.Addr()) == bare(e.self.Addr) {
				return p, true
			}
		}
	}
	return netip.Prefix{}, false
}

// broadcast is the broadcast address of the own network, if it has one.
func (e *examination) broadcast() netip.Addr {
	p, ok := e.prefix()
	if !ok || !p.Addr().Is4() || p.Bits() > 30 {
		return netip.Addr{}
	}
	b := p.Addr().As4()
	for i := p.Bits(); i < 32; i++ {
		b[i/8] |= 0x80 >> (i % 8)
	}
	return netip.AddrFrom4(b)
}
