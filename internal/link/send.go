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
		c, to := l.route(t, batch[0])
		switch {
		case len(batch[0].Data) == 0:
			l.stats.dropSize.Add(uint64(n))
		case to == nil:
			l.stats.dropUnknown.Add(uint64(n))
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
	l.oneDest[0] = nil
}

// route is where a datagram goes; nil destinations: its daemon is unknown.
func (l *Link) route(t *table, d Datagram) (conn, []*dest) {
	if d.To == 0 {
		if t.everybody == nil {
			return l.data, []*dest{}
		}
		return l.data, t.everybody
	}
	c, m := l.token, t.token
	if d.Bulk {
		c, m = l.data, t.data
	}
	to, ok := m[d.To]
	if !ok {
		return nil, nil
	}
	l.oneDest[0] = to
	return c, l.oneDest[:]
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
	l.oneDest[0] = &dest{addr: to, raw: encodeAddr(to, l.host.zone)}
	l.data.queue(l.one[:], l.oneDest[:])
	l.data.flush()
	l.one[0], l.oneDest[0] = Datagram{}, nil
}

// patience is how long a call to Send may still wait, from its first wait on.
func (l *Link) patience() time.Duration {
	if l.until.IsZero() {
		l.until = time.Now().Add(maxPause)
	}
	return time.Until(l.until)
}
