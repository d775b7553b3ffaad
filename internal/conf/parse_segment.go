package conf

import (
	"fmt"
	"net/netip"
	"strings"
)

// segment = "Spread_Segment" first-address { address } "{" { daemon } "}" .
func (p *parser) segment() error {
	head := p.tok
	if len(p.cfg.Segments) == MaxSegments {
		return p.fail(head, fmt.Sprintf("there are more than %d segments", MaxSegments), "")
	}
	if err := p.next(); err != nil {
		return err
	}
	seg := Segment{Port: DefaultPort}
	var places []token
	for p.tok.kind == kindAddr || p.tok.kind == kindAddrPort {
		places = append(places, p.tok)
		if err := p.segmentAddr(&seg); err != nil {
			return err
		}
	}
	if len(seg.Addrs) == 0 || p.tok.kind != kindOpen {
		return p.badSegmentHead(&seg)
	}
	if err := p.next(); err != nil {
		return err
	}
	for p.tok.kind != kindClose {
		if p.tok.kind == kindEOF {
			return p.fail(p.tok, fmt.Sprintf("the segment that begins in line %d has no end", head.pos.Line), "close it with a }")
		}
		if err := p.daemon(&seg); err != nil {
			return err
		}
	}
	if len(seg.Daemons) == 0 {
		return p.fail(p.tok, "the segment has no daemons", "name at least one between the braces, or leave the segment out")
	}
	p.cfg.Segments = append(p.cfg.Segments, seg)
	p.checkSegment(places, &seg)
	p.echoSegment(&seg)
	return p.next()
}

// segmentAddr takes one address of the segment's head.
func (p *parser) segmentAddr(seg *Segment) error {
	t := p.tok
	switch {
	case len(seg.Addrs) == MaxSegmentAddrs:
		return p.fail(t, fmt.Sprintf("the segment has more than %d addresses", MaxSegmentAddrs), "")
	case t.kind == kindAddrPort && len(seg.Addrs) > 0:
		return p.fail(t, "a further address of a segment has a port", "only the first address may have one; it holds for all of them")
	case t.addr.IsUnspecified():
		return p.fail(t, "the unspecified address cannot be the address of a segment",
			"give a multicast address, the broadcast address of the network, or for a single daemon its own address")
	}
	if err := p.fixFamily(t, t.addr, "the segment address "+shorten(t.raw)); err != nil {
		return err
	}
	if t.port != 0 {
		seg.Port = t.port
	}
	seg.Addrs = append(seg.Addrs, t.addr)
	if len(seg.Addrs) == 1 && t.kind == kindAddr && portLike(t) {
		p.warn(t, "the last group of this address looks like a port; the segment has the default port "+fmt.Sprint(DefaultPort),
			"write [address]:port if a port was meant")
	}
	return p.next()
}

// portLike reports whether the last group of an IPv6 address, written without brackets, may be a port glued to it.
func portLike(t token) bool {
	i := strings.LastIndexByte(t.raw, ':')
	return i >= 0 && len(t.raw)-i-1 == 4 && digits(t.raw[i+1:]) && t.raw[i+1] != '0'
}

// badSegmentHead says what is wrong where an address or { of a segment should be.
func (p *parser) badSegmentHead(seg *Segment) error {
	want := "expected an address or { after the segment's address"
	if len(seg.Addrs) == 0 {
		want = "expected the address of the segment"
	}
	return p.fail(p.tok, want+", found "+p.tok.describe(), hintSegmentAddr(p.tok, len(seg.Addrs)))
}

// fixFamily makes sure that all addresses are of one family; the first one, or ActiveIPVersion, says of which.
func (p *parser) fixFamily(t token, a netip.Addr, owner string) error {
	switch f := familyOf(a); p.family {
	case 0:
		p.family = f
		p.familyOwner = fmt.Sprintf("%s in line %d", owner, t.pos.Line)
	case f:
	default:
		return p.fail(t, fmt.Sprintf("the address %s is %s, but %s says %s", addrText(a), f, p.familyOwner, p.family),
			"all segment and daemon addresses must be of one family")
	}
	return nil
}

// checkSegment warns of segment addresses that cannot carry data between machines. With one daemon they are not used.
func (p *parser) checkSegment(places []token, seg *Segment) {
	if len(seg.Daemons) < 2 {
		return
	}
	for i, a := range seg.Addrs {
		switch {
		case a.IsLoopback():
			p.warn(places[i], fmt.Sprintf("the segment address %s is a loopback address", addrText(a)),
				"daemons on other machines cannot be reached through it")
		case a.Is6() && !a.IsMulticast():
			p.warn(places[i], fmt.Sprintf("the segment address %s is not a multicast address", addrText(a)),
				"IPv6 has no broadcast, so data goes to that one address only")
		}
	}
}
