package group

import (
	"slices"

	"gospread/spread/internal/ring"
)

// transitional takes a transitional configuration. During an exchange it waits:
// if the rest of the exchange still comes, clients see its result first.
func (m *Machine) transitional(t *ring.Configuration) {
	if m.Blocked() {
		m.exchange.interrupt(t)
		m.state = GGT
		return
	}
	m.split(t)
}

// split parts with the daemons outside t: groups with members there are changed,
// and their local members get the signal, unless they already have.
func (m *Machine) split(t *ring.Configuration) {
	m.version++
	m.name(t.ID)
	for _, d := range m.daemons {
		d.with = d.with && (d == m.self || slices.Contains(t.Members, d.id))
	}
	for _, g := range m.ordered() {
		if !g.lost() {
			continue
		}
		if !g.changed {
			g.changed = true
			m.signal(g)
		}
		g.id = groupID(m.naming, 1)
	}
	m.state = GTRANS
}

// regular takes a regular configuration.
func (m *Machine) regular(r *ring.Configuration) {
	switch m.state {
	case GGT: // the exchange did not finish: it counts for nothing
		m.abandon()
		m.split(m.exchange.next)
	case GOP, GGATHER: // no ring does that; nothing is sure but ourselves
		m.abandon()
		m.split(&ring.Configuration{ID: r.ID, Members: []ring.DaemonID{m.self.id}})
	}
	m.version++
	m.config = r
	m.name(r.ID)
	for _, d := range m.daemons {
		d.in = d == m.self
	}
	for _, id := range r.Members {
		m.daemon(id).in = true
	}
	complete := true
	for _, d := range m.daemons {
		d.with = d.with && d.in
		complete = complete && d.with == d.in
	}
	m.dropLost()
	m.arrange()
	if !complete {
		m.begin()
		return
	}
	m.state = GOP
	for _, g := range m.ordered() {
		if g.changed {
			g.changed = false
			g.id = groupID(m.naming, 1)
			m.together(g)
		}
	}
}

// name makes id name the views to come.
func (m *Machine) name(id ring.ID) {
	m.naming = id
	m.spent.reset()
}

// dropLost removes the members of daemons that do not share our knowledge.
func (m *Machine) dropLost() {
	for _, g := range m.ordered() {
		if !g.lost() {
			continue
		}
		g.changed = true
		g.members = slices.DeleteFunc(g.members, func(c *client) bool {
			if c.at.with {
				return false
			}
			delete(m.clients, c.name)
			return true
		})
		if len(g.members) == 0 {
			m.bury(g)
		} else {
			g.listNames()
		}
	}
}
