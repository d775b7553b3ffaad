package ringtest

import (
	"slices"

	"gospread/spread/internal/ring"
)

// Form makes a configuration of the given daemons. All of them recover what
// their old configurations left, but only those in install get as far as
// installing it: the others stay in their old configuration, as when the attempt
// is interrupted, until they are part of a further one.
func (m *Model) Form(members, install []*Node) {
	members = slices.DeleteFunc(slices.Clone(members), func(n *Node) bool { return n.down })
	slices.SortFunc(members, func(a, b *Node) int { return a.place - b.place })
	if len(members) == 0 {
		return
	}
	signals := m.recover(members)
	m.time++
	next := &epoch{
		config: &ring.Configuration{ID: ring.ID{Leader: members[0].ID, Time: m.time}, Members: ids(members)},
		holds:  make(map[*Node]*holding),
	}
	for _, n := range members {
		if slices.Contains(install, n) {
			if n.ring != nil {
				n.close(signals[n.ring])
			}
			n.ring = next
			n.hold = &holding{commit: map[ring.DaemonID]bool{n.ID: true}}
			next.holds[n] = n.hold
			n.apply(&ring.Event{Kind: ring.RegularConfiguration, Config: next.config})
		}
	}
}

// FormAll makes a configuration that all its members install.
func (m *Model) FormAll(members ...*Node) { m.Form(members, members) }

func ids(nodes []*Node) []ring.DaemonID {
	ids := make([]ring.DaemonID, len(nodes))
	for i, n := range nodes {
		ids[i] = n.ID
	}
	return ids
}

// recover lets members of the same old configuration share all they hold and
// know of it, and returns its transitional configuration.
func (m *Model) recover(members []*Node) map[*epoch]*ring.Configuration {
	signals := make(map[*epoch]*ring.Configuration)
	for _, first := range members {
		old := first.ring
		if old == nil || signals[old] != nil {
			continue
		}
		old.broken = true
		trans := slices.DeleteFunc(slices.Clone(members), func(n *Node) bool { return n.ring != old })
		m.time++
		signals[old] = &ring.Configuration{ID: ring.ID{Leader: first.ID, Time: m.time}, Members: ids(trans)}
		union := holding{commit: make(map[ring.DaemonID]bool)}
		union.grow(len(old.log))
		for _, n := range trans {
			n.hold.grow(len(old.log))
			for i, held := range n.hold.held {
				union.held[i] = union.held[i] || held
			}
			union.stable = max(union.stable, n.hold.stable)
			for id := range n.hold.commit {
				union.commit[id] = true
			}
			union.commit[n.ID] = true
		}
		for _, n := range trans {
			n.hold.held = slices.Clone(union.held)
			n.hold.stable = union.stable
			n.hold.commit = union.commit
			n.hold.frozen = true
		}
	}
	return signals
}

// close delivers the rest of the old configuration, with the transitional
// configuration at its place (D17, D9).
func (n *Node) close(signal *ring.Configuration) {
	r, h := n.ring, n.hold
	i := h.next
	for ; i < len(r.log) && h.held[i]; i++ {
		if r.log[i].Service == ring.Safe && i >= h.stable {
			break
		}
		n.give(i)
	}
	n.apply(&ring.Event{Kind: ring.TransitionalConfiguration, Config: signal})
	hole := false
	for ; i < len(r.log); i++ {
		switch m := &r.log[i]; {
		case !h.held[i]:
			hole = true
		case !hole || loose(m) || h.commit[m.Sender]:
			n.give(i)
		}
	}
}

// Settle lets everything happen that can: waiting payloads get their places,
// all members of a configuration receive and learn everything.
func (m *Model) Settle() {
	for moved := true; moved; {
		moved = false
		for _, n := range m.Alive() {
			for n.Sequence() {
				moved = true
			}
		}
		for _, n := range m.Alive() {
			for _, i := range n.Missing() {
				n.Receive(i)
				moved = true
			}
		}
		for _, n := range m.Alive() {
			before := n.next()
			n.Learn()
			moved = moved || n.next() != before
		}
	}
}

func (n *Node) next() int {
	if n.hold == nil {
		return 0
	}
	return n.hold.next
}
