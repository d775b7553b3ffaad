package link

import (
	"fmt"
	"net"
	"net/netip"
	"time"
)

const (
	// lookEvery is how often the link looks whether this host is as it was.
	lookEvery = 5 * time.Second
	// measureEvery is how often paths are measured anew: a router's demand for smaller
	// datagrams counts for as long (RFC 1191, 6.3).
	measureEvery = 10 * time.Minute
)

// watch looks at this host until the link is closed.
func (l *Link) watch() {
	ticks := l.cfg.ticks
	if ticks == nil {
		t := time.NewTicker(lookEvery)
		defer t.Stop()
		ticks = t.C
	}
	for {
		select {
		case <-l.done:
			return
		case now := <-ticks:
			l.look(now)
		}
	}
}

// look takes up what has changed on this host since the last time.
func (l *Link) look(now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return
	}
	l.follow()
	switch {
	case l.measured.IsZero():
		l.measured = now
	case now.Sub(l.measured) >= measureEvery:
		l.measured = now
		l.setLimit(l.measure(l.peers, l.used))
	}
}

// follow keeps to the interface that has the own address. Groups are joined, and sent
// to, on an interface by its index. One that was taken away and comes back under its
// old name is another one to the system: without this, nothing would come or go there.
func (l *Link) follow() {
	// One that was missed is joined on anew, though it looks as it did: it may have been
	// elsewhere, where its groups were forgotten.
	if len(l.groups) == 0 || l.host.index == 0 || !l.missed && l.host.present() {
		return
	}
	h, err := survey(l.own.Addr.Addr())
	switch {
	case err != nil: // nothing is known
	case h.index == 0:
		l.miss(fmt.Sprintf("no interface has this daemon's address %s any more; it was on %s. The daemon hears the others again when it is back", l.own.Addr.Addr(), l.host.name))
	case h.index == l.host.index && !l.missed: // it has just come back
	case l.host.zone != 0: // the own sockets are tied to the interface, too
		l.miss(fmt.Sprintf("interface %s was replaced while its link-local address %s is in use: restart this daemon", h.name, l.own.Addr.Addr()))
	default:
		if err := l.moveTo(h); err != nil {
			l.miss(fmt.Sprintf("interface %s, which has this daemon's address %s now, cannot be used yet: %v", h.name, l.own.Addr.Addr(), err))
			return
		}
		l.missed = false
		l.stats.moves.Add(1)
		l.notify(event{note: fmt.Sprintf("the address %s of this daemon is on a new interface, %s: its multicast groups were joined anew there", l.own.Addr.Addr(), h.name)})
	}
}

// miss tells the operator, once, why nothing comes from the interface.
func (l *Link) miss(why string) {
	if !l.missed {
		l.missed = true
		l.notify(event{note: why})
	}
}

// moveTo takes what is tied to the interface to another one. After an error it can be
// tried again.
func (l *Link) moveTo(h host) error {
	from := l.host
	l.setHost(h)
	if err := l.move(from.index); err != nil {
		l.setHost(from)
		return err
	}
	return nil
}

// setHost changes what is known of this host. Those who send read it too.
func (l *Link) setHost(h host) {
	l.sending.Lock()
	defer l.sending.Unlock()
	l.host = h
}

// move takes the groups from an interface to that of l.host.
func (l *Link) move(from int) error {
	for _, g := range l.groups {
		if !g.IsMulticast() {
			continue
		}
		if err := l.moveGroup(g, from); err != nil {
			return err
		}
	}
	return l.arrange(l.peers)
}

// mover is a socket that can take a group from one interface to another. One that is
// opened anew may get a smaller buffer, if the daemon has given up privileges since.
type mover interface {
	move(group netip.Addr, from int) (able bool, err error)
}

func (l *Link) moveGroup(g netip.Addr, from int) error {
	s := &socket{conn: l.data}
	for _, t := range l.sockets {
		if t.group == g {
			s = t
		}
	}
	if m, ok := s.conn.(mover); ok {
		if able, err := m.move(g, from); able {
			return err
		}
	}
	if err := l.openGroup(g); err != nil {
		return err
	}
	if s.group == g {
		l.retire(s)
	}
	return nil
}

// present tells whether the interface is there and still has the own address.
func (h host) present() bool {
	i, err := net.InterfaceByIndex(h.index)
	if err != nil {
		return false
	}
	addrs, err := i.Addrs()
	if err != nil {
		return false
	}
	for _, a := range addrs {
		if p, ok := prefixOf(a); ok && (sameAddr(p.Addr(), h.self) || covers(*i, p, h.self)) {
			return true
		}
	}
	return false
}
