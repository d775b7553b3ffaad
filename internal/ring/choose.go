package ring

import (
	"slices"

	"gospread/spread/internal/ringproto"
)

// unit is what may become part of a configuration as a whole: a daemon without a
// ring, or all members of a ring that is alive.
type unit []*peer

// choose finds those with whom this daemon should be together, in configuration
// order: units of which everybody hears everybody. It goes through them in
// configuration order and takes each that fits to all it has, so that all who
// know the same come to the same result, and one-way links lead to a stable
// division. The result is nil if our own unit does not know itself yet.
func (m *Machine) choose() []*peer {
	units := m.units()
	hears := m.hearing()
	for len(units) > 0 {
		var group unit
		var rest []unit
		for _, u := range units {
			if hears.mutual(group, u) && m.agree(group, u) {
				group = append(group, u...)
			} else {
				rest = append(rest, u)
			}
		}
		if slices.Contains(group, m.self) {
			m.sort(group, m.shared(group))
			return group
		}
		if len(group) == 0 {
			break
		}
		units = rest
	}
	return nil
}

// sort brings daemons into the order of an epoch.
func (m *Machine) sort(list []*peer, e *Epoch) {
	place := func(p *peer) int { return p.place }
	if e.Digest != m.epoch.Digest {
		place = func(p *peer) int { return e.place(p.id) }
	}
	slices.SortFunc(list, func(a, b *peer) int { return place(a) - place(b) })
}

// units lists what there is, by the first daemon of each.
func (m *Machine) units() []unit {
	var units []unit
	for _, p := range m.peers {
		if !m.present(p) {
			continue
		}
		ids := m.companions(p)
		if len(ids) == 0 {
			units = append(units, unit{p})
			continue
		}
		if DaemonID(ids[0]) != p.id {
			continue // comes with its first member
		}
		if u := m.ringUnit(p, ids); u != nil {
			units = append(units, u)
		}
	}
	return units
}

// present tells whether p has told of itself lately. While we gather, we ask all the
// time: who has said nothing for as long as a member is waited for is not there.
func (m *Machine) present(p *peer) bool {
	if p == m.self {
		return true
	}
	return p.alive() && p.joined >= m.heardSince() && (m.state != gathering || m.now-p.heard <= m.t.Gather)
}

// companions are the members of p's ring if it is alive.
func (m *Machine) companions(p *peer) []uint32 {
	if p == m.self {
		if m.state != operational {
			return nil
		}
		return m.memberIDs()
	}
	if !p.join.Operational {
		return nil
	}
	return p.join.Members
}

// ringUnit is the ring of first, if all its members have told that they are in it.
func (m *Machine) ringUnit(first *peer, ids []uint32) unit {
	config := m.configOf(first)
	u := make(unit, 0, len(ids))
	for _, id := range ids {
		p := m.byID[DaemonID(id)]
		if p == nil || !m.present(p) || m.configOf(p) != config || slices.Contains(u, p) ||
			!slices.Equal(m.companions(p), ids) {
			return nil
		}
		u = append(u, p)
	}
	return u
}

// configOf is the configuration in which p stands.
func (m *Machine) configOf(p *peer) ringproto.Config {
	if p != m.self {
		return p.joinConfig
	}
	if m.ring == nil {
		return ringproto.Config{}
	}
	return m.ring.id
}

// hearing tells who hears whom, by places: [p][q].
type hearing [][]bool

// hearing sums up what all have told.
func (m *Machine) hearing() hearing {
	h := make(hearing, len(m.peers))
	since := m.heardSince()
	for i, p := range m.peers {
		h[i] = make([]bool, len(m.peers))
		if p != m.self {
			for _, l := range p.join.Heard {
				if q := m.byID[DaemonID(l.ID)]; q != nil && q.life() == l {
					h[i][q.place] = true
				}
			}
			continue
		}
		for k, q := range m.peers {
			h[i][k] = q.alive() && q.said >= since && !q.deaf
		}
	}
	return h
}

// mutual tells whether everybody in a hears everybody in b, and the other way.
// Within a ring, its token has shown it.
func (h hearing) mutual(a, b unit) bool {
	for _, p := range a {
		for _, q := range b {
			if !h[p.place][q.place] || !h[q.place][p.place] {
				return false
			}
		}
	}
	return true
}
