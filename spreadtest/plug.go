package spreadtest

import (
	"net/netip"
	"slices"
	"sync"
	"time"

	"gospread/spread/internal/link"
)

const (
	// maxDatagram is what fits a packet of an Ethernet.
	maxDatagram = 1500 - 20 - 8
	// maxQueued is how many bytes may wait for a daemon, as in the buffer of a socket;
	// what comes beyond is lost.
	maxQueued = link.DefaultBuffer
	// maxBatch is how many datagrams a daemon gets at once.
	maxBatch = 64
)

// plug is the connection of one life of a daemon to the hub: its carrier.
type plug struct {
	hub  *hub
	site *site

	// Guarded by the hub.
	queue   []parcel // by due
	bytes   int
	handler link.Handler
	gate    *gate // not nil: paused
	stats   link.Counters
	members []uint32 // nil: not known

	wake    chan struct{} // holds one: something was put
	started chan struct{} // closed by Start
	done    chan struct{} // closed by Close
	closing sync.Once
	running sync.WaitGroup
}

// gate is where a paused daemon waits.
type gate struct {
	reached chan struct{} // closed when it does
	open    chan struct{} // closed when it may go on
	once    sync.Once
}

// connect plugs a new life in.
func (h *hub) connect(s *site) *plug {
	p := &plug{hub: h, site: s, wake: make(chan struct{}, 1), started: make(chan struct{}), done: make(chan struct{})}
	h.set(func() { s.plug = p })
	return p
}

// Send implements daemon.Carrier.
func (p *plug) Send(batch []link.Datagram) {
	h := p.hub
	h.mu.Lock()
	defer h.mu.Unlock()
	if p.site.plug != p {
		return
	}
	now := time.Now()
	for i := range batch {
		d := &batch[i]
		for _, to := range h.sites {
			if to != p.site && goesTo(d, p.site, to) && p.has(d, to) {
				p.stats.DatagramsOut++
				p.stats.BytesOut += uint64(len(d.Data))
				h.carry(d, p.site, to, now)
			}
		}
	}
}

// goesTo tells whether a datagram is for a site.
func goesTo(d *link.Datagram, from, to *site) bool {
	switch {
	case d.To != 0:
		return d.To == to.id
	case d.Near:
		return to.segment == from.segment || slices.Contains(d.Via, to.id)
	}
	return true
}

// has tells whether a site is not left out for being no member, as if all sites were
// sent a copy each.
func (p *plug) has(d *link.Datagram, to *site) bool {
	return d.To != 0 || !d.Members || p.members == nil || slices.Contains(p.members, to.id)
}

// SendTo implements daemon.Carrier: there is nobody but the daemons.
func (p *plug) SendTo(netip.AddrPort, []byte) {}

// put queues a parcel, behind all that were queued before. The caller holds the
// hub's lock.
func (p *plug) put(c parcel) {
	if p.bytes+len(c.data) > maxQueued {
		p.stats.Overflow++
		return
	}
	if n := len(p.queue); n > 0 && p.queue[n-1].due.After(c.due) {
		c.due = p.queue[n-1].due
	}
	p.queue = append(p.queue, c)
	p.bytes += len(c.data)
	select {
	case p.wake <- struct{}{}:
	default:
	}
}

// take returns what is due: datagrams, or one site that refuses. With neither, the
// next parcel is due in wait, or none is there (wait is negative).
func (p *plug) take(batch []link.Received) (_ []link.Received, refused *site, wait time.Duration) {
	h := p.hub
	h.mu.Lock()
	defer h.mu.Unlock()
	now := time.Now()
	for len(p.queue) > 0 && len(batch) < maxBatch {
		c := p.queue[0]
		if wait = c.due.Sub(now); wait > 0 || c.refused && len(batch) > 0 {
			return batch, nil, wait
		}
		p.queue = p.queue[1:]
		p.bytes -= len(c.data)
		switch {
		case h.cuts[way{c.from, p.site}]: // it was cut with this on it
		case c.refused:
			p.stats.Refused++
			return batch, c.from, 0
		default:
			p.stats.DatagramsIn++
			p.stats.BytesIn += uint64(len(c.data))
			batch = append(batch, link.Received{From: c.from.id, Source: c.from.addr, Token: c.token, Data: c.data})
		}
	}
	return batch, nil, -1
}

// Start implements daemon.Carrier.
func (p *plug) Start(h link.Handler) {
	p.hub.set(func() { p.handler = h })
	close(p.started)
	p.running.Go(p.run)
}

// run hands over what comes, until Close.
func (p *plug) run() {
	var batch []link.Received
	for {
		var refused *site
		var wait time.Duration
		batch, refused, wait = p.take(batch[:0])
		var due <-chan time.Time
		switch {
		case refused != nil:
			p.handler.Refused(refused.id)
		case len(batch) > 0:
			p.handler.Receive(batch)
			clear(batch)
		case wait > 0:
			due = time.After(wait)
			fallthrough
		default:
			select {
			case <-p.wake:
			case <-due:
			case <-p.done:
				return
			}
		}
	}
}

// MaxDatagram implements daemon.Carrier. A paused daemon waits here.
func (p *plug) MaxDatagram() int {
	p.hub.mu.Lock()
	g := p.gate
	p.hub.mu.Unlock()
	if g != nil {
		g.once.Do(func() { close(g.reached) })
		<-g.open
	}
	return maxDatagram
}

// pause stops the daemon in a turn: it is told that its datagrams may have another
// size, and finds a gate where it asks which. So nothing of it moves, not even its clients'
// messages, and it finds a gap in its own time afterwards. It returns when that is so,
// or the daemon has ended.
func (p *plug) pause() {
	select {
	case <-p.started:
	case <-p.done:
		return
	}
	g := &gate{reached: make(chan struct{}), open: make(chan struct{})}
	p.hub.set(func() {
		if p.gate == nil && p.site.plug == p {
			p.gate = g
			p.running.Go(func() { p.handler.Resized(maxDatagram) })
		} else {
			close(g.reached)
		}
	})
	<-g.reached
}

// resume lets a paused daemon go on.
func (p *plug) resume() {
	p.hub.set(func() {
		if p.gate != nil {
			close(p.gate.open)
			p.gate = nil
		}
	})
}

// Close implements daemon.Carrier.
func (p *plug) Close() error {
	p.closing.Do(func() { close(p.done) })
	p.hub.unplug(p)
	p.running.Wait()
	return nil
}

// SetPeers implements daemon.Carrier: the hub knows them all.
func (p *plug) SetPeers([]link.Peer) error { return nil }

// SetMembers implements daemon.Carrier.
func (p *plug) SetMembers(ids []uint32) { p.hub.set(func() { p.members = ids }) }

// Report implements daemon.Carrier.
func (p *plug) Report() link.Report { return link.Report{} }

// Counters implements daemon.Carrier.
func (p *plug) Counters() link.Counters {
	p.hub.mu.Lock()
	defer p.hub.mu.Unlock()
	return p.stats
}
