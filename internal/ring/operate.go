package ring

import (
	"time"

	"gospread/spread/internal/ringproto"
)

// onRing takes a datagram that belongs to a configuration.
func (m *Machine) onRing(p *peer, h *ringproto.Header, b []byte) {
	known, err := ringproto.ParseRing(b)
	if err != nil {
		m.counts.Malformed++
		return
	}
	r := m.ring
	if r == nil || h.Config != r.id || p.index < 0 {
		m.foreign(p, h)
		m.onStranger(p, h, b[ringproto.RingSize:])
		return
	}
	line := min(max(r.stable, min(known.Stable, r.aru))+1, r.next) + maxWindow
	if h.Kind == ringproto.Ping {
		m.ackTo(p, stampOf(b[ringproto.RingSize:]))
	}
	if m.state == forming || known.Stable > known.Aru || known.High >= line || known.Aru >= line {
		m.counts.Stale++
		return
	}
	body := b[ringproto.RingSize:]
	if m.state == recovering {
		m.onRecovery(p, h, &known, b)
		return
	}
	teller := m.teller(p, h, b)
	m.observe(p, teller, h, &known)
	switch h.Kind {
	case ringproto.Data:
		m.onData(p, teller, h, &known, b)
	case ringproto.Ack:
		m.onAck(p, body)
	}
	if m.state != operational {
		return
	}
	switch h.Kind {
	case ringproto.Token:
		m.onToken(p, known.Hop, body)
	case ringproto.Wake:
		m.onWake(p, known.Hop, body)
	case ringproto.Ping:
		m.show()
	case ringproto.Beat:
		if h.Flags&ringproto.AckMe != 0 {
			m.ackTo(p, stampOf(body))
		}
	}
}

// foreign looks at a datagram of another configuration: a member of ours that
// has a later one has left us.
func (m *Machine) foreign(p *peer, h *ringproto.Header) {
	if m.state == operational && p.index >= 0 && h.Config.Time > m.ring.id.Time {
		m.note(Note{Kind: NoteMovedOn, Daemon: p.id})
		m.beginGather()
	}
	m.counts.Foreign++
}

// observe takes what every datagram of the ring tells of p, and of where the token is:
// that is known from teller.
func (m *Machine) observe(p, teller *peer, h *ringproto.Header, known *ringproto.Ring) {
	r := m.ring
	r.have[p.index] = max(r.have[p.index], known.Aru)
	r.high = max(r.high, known.High, known.Aru)
	if line := min(known.Stable, r.aru); line > r.stable {
		r.raise(line)
	}
	if h.Kind == ringproto.Token {
		return // it is not passed before it is accepted
	}
	if h.Kind == ringproto.Beat && h.Flags&ringproto.Resting != 0 {
		r.visit.moving = false
	}
	original := h.Kind == ringproto.Data && h.Flags&ringproto.Again == 0
	if r.passing.active && known.Hop >= r.passing.hop {
		r.passing.active = false
	}
	if known.Hop > r.hop {
		r.hop = known.Hop
		r.progress = m.now
	}
	if known.Hop == r.hop && (original || h.Flags&ringproto.Resting != 0) && !r.holding {
		r.holder, r.held[teller.index] = teller.index, known.Hop
		r.progress = m.now
	}
}

// onData keeps a packet, and delivers what is due by it.
func (m *Machine) onData(p, teller *peer, h *ringproto.Header, known *ringproto.Ring, b []byte) {
	r := m.ring
	fresh := r.accepts(known.High)
	if !m.keepData(h, known.High, b) {
		return
	}
	if fresh && m.state == operational {
		m.relay(p, h, known.Hop, known.High)
	}
	if m.state == operational && h.Flags&ringproto.AckMe != 0 {
		m.ackTo(teller, 0)
	}
	if len(b) > safeDatagram {
		r.gaps.pieces = false
	}
	if g := &r.gaps; g.tries > 0 && known.High <= g.asked {
		if h.Flags&ringproto.Again == 0 {
			// It was on its way: we have been too hasty.
			g.patience = min(g.patience*3/2, max(mostPatience, p.rtt.bound()))
		} else {
			g.patience = max(g.patience-g.patience/16, leastPatience)
			g.at = min(g.at, g.brought(p, m.now))
		}
	}
}

// keepData adds a packet to the store. It reports false if it is not valid; one
// that is there already, or not wanted, is valid.
func (m *Machine) keepData(h *ringproto.Header, seq uint64, b []byte) bool {
	r := m.ring
	origin, err := ringproto.Origin(b)
	o := r.member(DaemonID(origin))
	loose := h.Flags&ringproto.Loose != 0
	if err != nil || len(b) > mostDatagram || o == nil || o == m.self && r.store.get(seq) == nil && seq > r.stable ||
		!ringproto.ValidChunks(b[ringproto.DataSize:], loose) {
		m.counts.Malformed++
		return false
	}
	if !r.accepts(seq) {
		m.counts.Duplicates++
		return true
	}
	k := m.pool.get(len(b))
	copy(k.data, b)
	k.seq, k.origin, k.loose = seq, o, loose
	r.keep(k)
	m.counts.Received++
	if loose && m.state != recovering {
		m.giveLoose(k)
	}
	return true
}

// operate does what is due in an operational ring.
func (m *Machine) operate() {
	r := m.ring
	if m.leaving != nil && m.leaveNow() {
		return
	}
	if len(r.members) == 1 {
		for m.waiting() {
			m.sendAlone()
		}
		m.probeOthers()
		return
	}
	if m.regroup {
		m.note(Note{Kind: NoteRegroup})
		m.beginGather()
		return
	}
	if m.datagram < m.o.Datagram && m.now >= m.growAt {
		m.useDatagram(m.o.Datagram)
	}
	r.settle()
	if r.holding {
		m.adjust()
		m.useToken()
		r.settle()
	} else {
		m.askForToken()
	}
	m.deliver()
	if m.regroup {
		m.note(Note{Kind: NoteRegroup})
		m.beginGather()
		return
	}
	r.settle()
	m.tell()
	m.askStable()
	m.fillGaps()
	m.measure()
	m.watch()
	if m.state == operational {
		m.probeOthers()
	}
}

// sendAlone gives one packet of what has waited its place in a ring of one.
func (m *Machine) sendAlone() {
	r := m.ring
	p := m.takeNext()
	m.clients.keepPartial()
	m.exchange.keepPartial()
	r.high++
	p.seq, p.origin, p.at = r.high, m.self, m.now
	r.keep(p)
	r.stable = r.high
	m.counts.Packets++
	if m.o.Trace {
		m.traceSent(p)
	}
	m.deliver()
	r.settle()
}

// operateBy tells when operate is due.
func (m *Machine) operateBy(d *earliest) {
	r := m.ring
	if m.leaving != nil {
		d.by(m.leaving.at)
	}
	m.probeBy(d)
	if len(r.members) == 1 {
		return
	}
	if r.gaps.at != 0 {
		d.by(r.gaps.at)
	}
	if m.stretched {
		d.by(m.measureAt)
	}
	for _, at := range []time.Duration{r.acks.checkAt, r.acks.stableAt} {
		if at != 0 {
			d.by(at)
		}
	}
	switch {
	case r.holding:
		d.by(r.acks.beatAt)
		if r.acks.settleAt != 0 {
			d.by(r.acks.settleAt)
		}
		if m.windowClosed() {
			d.by(r.acks.asked + m.slowest(answerLeast))
		}
	case r.passing.active:
		d.by(min(r.passing.again, r.passing.since+m.t.Loss+1))
		fallthrough
	default:
		d.by(max(r.progress+m.silenceAllowed(), r.acks.beatAt))
		if r.wake.active {
			d.by(r.wake.again)
		}
	}
}

// silenceAllowed is how long the token may show no sign before its holder is
// asked.
func (m *Machine) silenceAllowed() time.Duration { return m.t.Beat * 5 / 4 }
