package conf

import (
	"fmt"
	"net/netip"
	"strings"
)

// daemon = identity [ "VirtualID" "=" number ] [ stanza ] [ ";" ] .
func (p *parser) daemon(seg *Segment) error {
	if len(p.names) == MaxDaemons {
		return p.fail(p.tok, fmt.Sprintf("there are more than %d daemons", MaxDaemons), "")
	}
	d := Daemon{Port: seg.Port, Segment: len(p.cfg.Segments), Index: len(p.names)}
	name := p.tok
	if err := p.identity(&d); err != nil {
		return err
	}
	p.echo(LevelInfo, "Configured daemon '%s' with IP '%s'", d.Name, addrText(d.Addr))
	if err := p.virtualID(&d, name); err != nil {
		return err
	}
	if p.tok.kind == kindOpen {
		if err := p.stanza(&d); err != nil {
			return err
		}
	}
	seg.Daemons = append(seg.Daemons, d)
	if p.tok.kind == kindSemicolon {
		return p.next()
	}
	return nil
}

// identity = word address | word | address . An address may repeat the port of the segment.
func (p *parser) identity(d *Daemon) error {
	first := p.tok
	switch first.kind {
	case kindWord:
		if err := p.setName(d, first); err != nil {
			return err
		}
		if err := p.next(); err != nil {
			return err
		}
		if p.tok.kind != kindAddr && p.tok.kind != kindAddrPort {
			return p.lookup(d, first)
		}
	case kindAddr, kindAddrPort:
		if err := p.setName(d, first); err != nil {
			return err
		}
	default:
		return p.fail(first, "expected a daemon or }, found "+first.describe(), hintDaemon(first))
	}
	at := p.tok
	if at.port != 0 && at.port != d.Port {
		return p.fail(at, fmt.Sprintf("the port of a daemon is that of its segment, here %d", d.Port), "leave the port out, or give the segment this port")
	}
	if err := p.setAddr(d, at, at.addr); err != nil {
		return err
	}
	return p.next()
}

// setName takes the name from a word, or from an address without its zone.
func (p *parser) setName(d *Daemon, t token) error {
	d.Name = t.text
	if len(d.Name) > MaxNameLen {
		d.Name = d.Name[:MaxNameLen]
		p.warn(t, fmt.Sprintf("the daemon name is longer than %d bytes and is cut to %s", MaxNameLen, quote(d.Name)), "give it a shorter name")
	}
	if d.Name == "" {
		return p.fail(t, "a daemon needs a name", "")
	}
	for _, c := range []byte(d.Name) {
		if c < '$' || c > '~' {
			return p.fail(t, fmt.Sprintf("the daemon name %s contains the byte %#02x", quote(d.Name), c), hintNameByte(t))
		}
	}
	if other, ok := p.names[d.Name]; ok {
		return p.fail(t, fmt.Sprintf("the daemon name %s is already in use in line %d", quote(d.Name), other.Line), "every daemon needs a name of its own")
	}
	p.names[d.Name] = t.pos
	if hint := hintGlued(d.Name); hint != "" {
		p.warn(t, "the daemon name looks like an option", hint)
	}
	if strings.HasSuffix(t.text, ";") {
		p.warn(t, "the daemon name ends with a semicolon", "a ; that separates daemons stands alone, with blanks around it")
	}
	return nil
}

// lookup finds the address of a daemon that is given by name only. The whole name counts, also what was cut.
func (p *parser) lookup(d *Daemon, t token) error {
	if p.env.LookupHost == nil {
		return p.fail(t, fmt.Sprintf("the daemon %s has no address, and names are not looked up here", quote(shorten(t.text))), hintBareName(t, p.tok))
	}
	list, err := p.env.LookupHost(t.text)
	if err != nil {
		return &Error{Err: err, Diagnostic: p.diagnostic(t, fmt.Sprintf("looking up the address of daemon %s: %v", quote(shorten(t.text)), err), hintBareName(t, p.tok))}
	}
	for _, a := range list {
		if a.Is4In6() {
			a = a.Unmap() // resolvers may give IPv4 addresses in this form
		}
		if a.IsValid() && (p.family == 0 || familyOf(a) == p.family) {
			return p.setAddr(d, t, a)
		}
	}
	return p.fail(t, fmt.Sprintf("the name %s has no %s address, which %s asks for", quote(shorten(t.text)), p.family, p.familyOwner), hintBareName(t, p.tok))
}

func (p *parser) setAddr(d *Daemon, t token, a netip.Addr) error {
	switch {
	case a.IsUnspecified():
		return p.fail(t, "the unspecified address cannot be the address of a daemon", "give the address at which the other daemons reach it")
	case a.IsMulticast():
		return p.fail(t, fmt.Sprintf("a daemon cannot have the multicast address %s", addrText(a)), "multicast addresses belong to the segment")
	}
	if err := p.fixFamily(t, a, "the daemon "+d.Name); err != nil {
		return err
	}
	d.Addr = a
	place := netip.AddrPortFrom(a.WithZone(""), d.Port)
	if other, ok := p.addrs[place]; ok {
		return p.fail(t, fmt.Sprintf("the daemon %s already has the address %v", quote(other), place),
			"two daemons may share an address only in segments with different ports")
	}
	p.addrs[place] = d.Name
	return nil
}

// virtualID settles the id: the number after VirtualID, else one derived from the name.
func (p *parser) virtualID(d *Daemon, name token) error {
	source := name
	d.ID = nameID(d.Name)
	if p.tok.is(wordVirtualID) {
		if err := p.next(); err != nil {
			return err
		}
		if err := p.expect(kindEquals, "expected = after VirtualID", hintEquals(wordVirtualID, p.tok)); err != nil {
			return err
		}
		source = p.tok
		if source.kind != kindNumber || source.num == 0 {
			return p.fail(source, "VirtualID must be a number from 1 to 999999999", hintNumber(source))
		}
		d.ID, d.ExplicitID = uint32(source.num), true
		if err := p.next(); err != nil {
			return err
		}
		p.echo(LevelInfo, "Explicit virtual ID = '%d' for daemon '%s'", d.ID, d.Name)
	} else {
		p.echo(LevelInfo, "Auto-generated virtual ID = '%d' for daemon '%s'", d.ID, d.Name)
	}
	if other, ok := p.ids[d.ID]; ok {
		return p.fail(source, fmt.Sprintf("the id %d of daemon %s is already that of %s", d.ID, quote(d.Name), quote(other)),
			"give one of them another id with VirtualID")
	}
	p.ids[d.ID] = d.Name
	return nil
}

// stanza = "{" interface { interface } "}" .
func (p *parser) stanza(d *Daemon) error {
	open := p.tok
	if err := p.next(); err != nil {
		return err
	}
	primary := false
	for p.tok.kind != kindClose {
		if len(d.Interfaces) == MaxInterfaces {
			return p.fail(p.tok, fmt.Sprintf("the daemon %s has more than %d interfaces", quote(d.Name), MaxInterfaces), "")
		}
		i, err := p.iface()
		if err != nil {
			return err
		}
		d.Interfaces = append(d.Interfaces, i)
		primary = primary || i.Daemon && (i.Addr.IsUnspecified() || i.Addr.WithZone("") == d.Addr.WithZone(""))
	}
	if len(d.Interfaces) == 0 {
		return p.fail(p.tok, fmt.Sprintf("the interface list of daemon %s is empty", quote(d.Name)), "name at least one address, or leave the braces out")
	}
	if !primary {
		return p.fail(open, fmt.Sprintf("the interface list of daemon %s has no D entry for its address %s", quote(d.Name), addrText(d.Addr)),
			fmt.Sprintf("add: D %s", addrText(d.Addr)))
	}
	return p.next()
}

// iface = { "M" | "C" | "D" } address . No letter means all three.
func (p *parser) iface() (Interface, error) {
	var i Interface
	for p.tok.kind == kindLetter {
		switch p.tok.raw {
		case "C":
			i.Client = true
		case "D":
			i.Daemon = true
		case "M":
			i.Monitor = true
		}
		if err := p.next(); err != nil {
			return i, err
		}
	}
	if p.tok.kind != kindAddr {
		return i, p.fail(p.tok, "expected an address, M, C, D or } in the interface list, found "+p.tok.describe(), hintInterface(p.tok))
	}
	if !i.Client && !i.Daemon && !i.Monitor {
		i.Client, i.Daemon, i.Monitor = true, true, true
	}
	i.Addr = p.tok.addr
	return i, p.next()
}
