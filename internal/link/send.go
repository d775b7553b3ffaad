package link

import (
	"net/netip"
	"time"
)

const (
	maxPause = 3 * time.Millisecond   // that one Send waits in all
	pause    = 100 * time.Microsecond // where nothing tells when to try again
)

// Send hands a batch to the kernel, in order for each destination. It never waits
// longer than a few milliseconds; what the kernel does not take is dropped and
// counted. It calls no handler.
func (l *Link) Send(batch []Datagram) {
	l.sending.Lock()
	defer l.sending.Unlock()
	if l.data == nil {
		return
	}
	l.until = time.Time{}
	t := l.table.Load()
	var last conn
	for len(batch) > 0 {
		n := chunk(batch)
		c, to, known := l.route(t, batch[0])
		if !known {
			l.stats.dropUnknown.Add(uint64(n))
		}
		switch {
		case len(batch[0].Data) == 0:
			l.stats.dropSize.Add(uint64(n))
		case len(to) == 0:
		default:
			if last != nil && last != c {
				last.flush()
			}
			last = c
			c.queue(batch[:n], to)
		}
		batch = batch[n:]
	}
	if last != nil {
		last.flush()
	}
	clear(l.several)
}

// route is where a datagram goes. known is false if it is for a daemon that is not.
func (l *Link) route(t *table, d Datagram) (c conn, to []*dest, known bool) {
	known = true
	add := func(m map[uint32]*dest, id uint32) {
		if d, ok := m[id]; ok {
			l.several = append(l.several, d)
		} else {
			known = false
		}
	}
	l.several = l.several[:0]
	switch {
	case d.To == 0 && !d.Near:
		return l.data, t.all.of(d.Members), true
	case d.To == 0:
		l.several = append(l.several, t.near.of(d.Members)...)
		for _, id := range d.Via {
			add(t.data, id)
		}
		return l.data, l.several, known
	case d.Bulk:
		add(t.data, d.To)
		return l.data, l.several, known
	}
	add(t.token, d.To)
	return l.token, l.several, known
}

// SendTo sends one datagram from the data socket to any address, such as the
// answer to a sender that is no daemon.
func (l *Link) SendTo(to netip.AddrPort, data []byte) {
	l.sending.Lock()
	defer l.sending.Unlock()
	if l.data == nil {
		return
	}
	l.until = time.Time{}
	to = bare(to)
	if len(data) == 0 || to.Addr().Is4() != l.own.Addr.Addr().Unmap().Is4() {
		l.stats.dropSize.Add(1)
		return
	}
	l.one[0] = Datagram{Data: data}
	l.several = append(l.several[:0], &dest{addr: to, raw: encodeAddr(to, l.host.zone)})
	l.data.queue(l.one[:], l.several)
	l.data.flush()
	l.one[0] = Datagram{}
	clear(l.several)
}

// patience is how long a call to Send may still wait, from its first wait on.
func (l *Link) patience() time.Duration {
	if l.until.IsZero() {
		l.until = time.Now().Add(maxPause)
	}
	return time.Until(l.until)
}
