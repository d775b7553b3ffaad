package ring

import (
	"encoding/binary"
	"slices"

	"gospread/spread/internal/ringproto"
)

// Epoch is a configuration of daemons that is in force, or offered. Daemons that
// share a ring share its epoch. One that has read a new configuration offers it;
// when all members that the new one knows have offered it, it comes into force, at
// the same place of the order for all of them.
type Epoch struct {
	// Digest identifies it.
	Digest uint32
	// Peers are its daemons in configuration order, Self among them.
	Peers []Peer
	// Describe is it as text, for daemons that have another.
	Describe string
}

// place is the place of a daemon in configuration order, or -1.
func (e *Epoch) place(id DaemonID) int {
	return slices.IndexFunc(e.Peers, func(p Peer) bool { return p.ID == id })
}

// Offer offers a new configuration, in which Self must be. It is in force when an
// event says so. The configuration that is in force takes an earlier offer back.
func (m *Machine) Offer(e Epoch) {
	e.Peers = slices.Clone(e.Peers)
	m.wanted, m.next = e, nil
	if e.Digest != m.epoch.Digest {
		m.next = &e
	}
	m.offer()
}

// Lack is a member that has not offered what is offered here.
type Lack struct {
	Daemon DaemonID
	// Offers is the digest of what it offers instead, 0 for nothing.
	Offers uint32
}

// Lacking tells whether a configuration is offered here that is not yet in force, and
// which members of the present ring have not offered it.
func (m *Machine) Lacking() (members []Lack, offering bool) {
	if m.next == nil {
		return nil, false
	}
	if m.state == operational {
		for i, p := range m.ring.members {
			if offers := m.ring.offers[i]; m.next.place(p.id) >= 0 && offers != m.next.Digest {
				members = append(members, Lack{p.id, offers})
			}
		}
	}
	return members, true
}

// mostOffered is how many offers of ours are remembered that may already have their
// place in the order.
const mostOffered = 16

// offer tells the ring what is offered here. It does not wait behind what clients
// send.
func (m *Machine) offer() {
	if m.state == operational {
		if m.next != nil {
			m.made = append(m.made, *m.next)
			m.made = m.made[max(0, len(m.made)-mostOffered):]
		}
		m.offers.add(control, binary.BigEndian.AppendUint32(nil, m.offered()))
	}
}

// offered is the digest of what is offered here, 0 for nothing.
func (m *Machine) offered() uint32 {
	if m.next == nil {
		return 0
	}
	return m.next.Digest
}

// onOffer takes an offer of a member at its place in the order. One that comes
// when the ring has ended means nothing: offers are made anew in the next.
func (m *Machine) onOffer(p *peer, payload []byte) {
	if m.state != operational || len(payload) != 4 || p.index < 0 {
		return
	}
	r := m.ring
	r.offers[p.index] = binary.BigEndian.Uint32(payload)
	// What counts is what is offered at this place of the order, also by ourselves:
	// a later offer of ours may still wait for its place.
	i := slices.IndexFunc(m.made, func(e Epoch) bool { return e.Digest == r.offers[r.me] })
	if i < 0 || r.offers[r.me] == m.epoch.Digest {
		return
	}
	e := m.made[i]
	for i, q := range r.members {
		if e.place(q.id) >= 0 && r.offers[i] != e.Digest {
			return
		}
	}
	m.adopt(e)
	m.regroup = !m.inOrder(r.members) || !r.relays.fits(r.members)
	m.probe.next = m.now
}

// inOrder tells whether all of these are in the configuration, in its order.
func (m *Machine) inOrder(list []*peer) bool {
	last := -1
	for _, p := range list {
		if m.byID[p.id] != p || p.place <= last {
			return false
		}
		last = p.place
	}
	return true
}

// adopt brings an epoch that was offered here into force.
func (m *Machine) adopt(e Epoch) {
	m.dismiss(&e)
	m.past, m.epoch = m.epoch.Digest, e
	m.setPeers(e.Peers)
	m.events = append(m.events, Event{Kind: EpochBegins, Digest: e.Digest})
	// What was offered last may be another, or what was in force until now.
	m.next = nil
	if m.wanted.Digest != e.Digest {
		w := m.wanted
		m.next = &w
		m.offer()
	}
}

// dismiss takes leave of members of the ring that are not in the configuration to
// come: nobody will speak to them any more.
func (m *Machine) dismiss(e *Epoch) {
	if m.ring == nil {
		return
	}
	for _, p := range m.ring.members {
		if e.place(p.id) < 0 {
			for range leaveRepeats {
				m.emit(p.id, ringproto.Leave, 0, nil)
			}
		}
	}
}

// setPeers takes the daemons of a configuration. Those that stay keep what is
// known of them.
func (m *Machine) setPeers(list []Peer) {
	was := m.byID
	m.peers, m.byID = nil, make(map[DaemonID]*peer, len(list))
	for i, x := range list {
		p := was[x.ID]
		if p == nil {
			p = &peer{id: x.ID, index: -1, heard: never, said: never, refused: never, joined: never, pinged: never, mismatch: never, noted: never}
		}
		p.place, p.segment = i, x.Segment
		m.peers = append(m.peers, p)
		m.byID[x.ID] = p
	}
	m.self = m.byID[m.o.Self]
}

// accepts tells whether datagrams of that epoch are for us: the present one, the
// one before, which others may still be in, and that which may follow.
func (m *Machine) accepts(digest uint32) bool {
	return digest == m.epoch.Digest || digest == m.past && m.past != 0 || m.next != nil && digest == m.next.Digest
}

// ofOurs tells whether a member says something of the present ring. It may not have come
// to the places yet at which several configurations of daemons came into force.
func (m *Machine) ofOurs(p *peer, h *ringproto.Header) bool {
	return m.ring != nil && p.index >= 0 && h.Config == m.ring.id
}

// fits tells whether we can share an epoch with a daemon in one that offers another.
func (m *Machine) fits(in, offers uint32) bool {
	_, ok := common([]epochs{m.epochsOf(m.self), {in, offers}})
	return ok
}

// before tells whether p goes before q where both want to coordinate: by their
// places, or, while they are in configurations that may differ in those, by id.
func (m *Machine) before(p, q *peer) bool {
	if m.epochsOf(p).in == m.epochsOf(q).in {
		return p.place < q.place
	}
	return p.id < q.id
}

// epochs are what a daemon can be in: its epoch, and what it offers.
type epochs struct{ in, offers uint32 }

func (e epochs) has(digest uint32) bool {
	return digest == e.in || digest == e.offers && e.offers != 0
}

func (m *Machine) epochsOf(p *peer) epochs {
	if p == m.self {
		return epochs{m.epoch.Digest, m.offered()}
	}
	return epochs{p.digest, p.join.Offer}
}

// common is the epoch that all of the list can be in: the one that they are in, or
// else one that some are in and the others offer.
func common(list []epochs) (digest uint32, ok bool) {
	for _, e := range list {
		if !slices.ContainsFunc(list, func(o epochs) bool { return !o.has(e.in) }) {
			return e.in, true
		}
	}
	return 0, false
}

// agree tells whether these can share an epoch.
func (m *Machine) agree(group, more unit) bool {
	var list []epochs
	for _, u := range []unit{group, more} {
		for _, p := range u {
			list = append(list, m.epochsOf(p))
		}
	}
	_, ok := common(list)
	return ok
}

// shared is the epoch that the members of a group, ourselves among them, can share.
func (m *Machine) shared(group unit) *Epoch {
	var list []epochs
	for _, p := range group {
		list = append(list, m.epochsOf(p))
	}
	if digest, ok := common(list); ok {
		if e := m.epochOf(digest); e != nil {
			return e
		}
	}
	return &m.epoch
}

// epochOf is the epoch with that digest, nil if it is not known here.
func (m *Machine) epochOf(digest uint32) *Epoch {
	switch {
	case digest == m.epoch.Digest:
		return &m.epoch
	case m.next != nil && digest == m.next.Digest:
		return m.next
	}
	return nil
}

// control is the service of the ring's own messages. They are ordered as AGREED.
const control = Service(ringproto.Control)
