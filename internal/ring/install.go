package ring

import (
	"slices"

	"gospread/spread/internal/ringproto"
)

// install ends the old configuration and begins the new one, in one step
// (semantics 3.5): what can be without the signal, the transitional configuration,
// the rest, the regular configuration.
func (m *Machine) install() {
	a := m.attempt
	if a.plan.Epoch != m.epoch.Digest && (m.next == nil || m.next.Digest != a.plan.Epoch) {
		m.beginGather() // what was to come into force has been taken back
		return
	}
	if m.ring != nil {
		m.noteMissing(a)
		m.finish(a)
		for _, p := range m.ring.members {
			p.index = -1
		}
	}
	if a.plan.Epoch != m.epoch.Digest {
		m.adopt(*m.next)
	}
	var members []*peer
	for i, c := range a.plan.Members {
		p := m.byID[DaemonID(c.ID)]
		p.index = i
		if p.incarnation < c.Incarnation {
			p.anew(c.Incarnation)
		}
		if p.incarnation == c.Incarnation {
			p.join.Number = max(p.join.Number, c.Joined)
		}
		p.joined = never
		p.asked = 0
		members = append(members, p)
	}
	r := newInstalled(a.plan.New, members, m.self, &m.pool, m.now)
	r.by = a.id
	r.hop = 1
	r.holding = r.me == 0
	m.ring = r
	m.state = operational
	m.held = true
	m.attempt, m.coord = nil, nil
	m.probe = probe{next: m.now, last: never}
	m.exchange = outbox{size: m.datagram, pool: &m.pool}
	m.offers = outbox{size: m.datagram, pool: &m.pool}
	m.made = nil
	m.clients.repack(m.datagram)
	m.counts.Installed++
	if m.next != nil {
		m.offer()
	}
	m.events = append(m.events, Event{Kind: RegularConfiguration, Config: r.config})
}

// noteMissing tells of those whom others may have missed first, what is known here:
// for how long they have been silent.
func (m *Machine) noteMissing(a *attempt) {
	for _, p := range m.ring.members {
		in := slices.ContainsFunc(a.plan.Members, func(c ringproto.Candidate) bool { return DaemonID(c.ID) == p.id })
		if silent := m.now - p.heard; !in && p != m.self && p.alive() && !p.deaf && silent >= m.t.Loss/2 {
			m.note(Note{Kind: NoteSilent, Daemon: p.id, For: silent})
		}
	}
}

// finish delivers what is left of the old configuration, around the signal.
func (m *Machine) finish(a *attempt) {
	r := m.ring
	m.deliver()
	signal := &Configuration{ID: ID{Leader: DaemonID(a.plan.New.Leader), Time: a.mine.Time}}
	for _, id := range a.mine.Members {
		signal.Members = append(signal.Members, DaemonID(id))
	}
	m.events = append(m.events, Event{Kind: TransitionalConfiguration, Config: signal})
	gap := false
	for seq := r.next; seq <= r.high; seq++ {
		p := r.store.get(seq)
		if p == nil {
			gap = true
			continue
		}
		// Behind a gap only those may speak whose messages cannot be in it
		// (semantics D9, D10).
		if gap && !p.loose && !r.commit[p.origin.id] {
			continue
		}
		if seq != r.next {
			r.next, r.offset, r.index = seq, 0, 0
		}
		m.deliverPacket(p, afterSignal)
	}
}
