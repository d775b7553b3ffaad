package group

import (
	"iter"
	"slices"

	"gospread/spread/internal/clientproto"
	"gospread/spread/internal/ring"
)

// State tells where the machine stands.
func (m *Machine) State() State { return m.state }

// Configuration is the present regular configuration; it must not be changed.
func (m *Machine) Configuration() *ring.Configuration { return m.config }

// Counters tells what was refused so far.
func (m *Machine) Counters() Counters { return m.counted }

// NumGroups is the number of groups that have members.
func (m *Machine) NumGroups() int { return len(m.groups) }

// Info is a group as status reports show it.
type Info struct {
	Name    clientproto.Name
	ID      clientproto.GroupID
	Members int // at all daemons
	Locals  int // connected to this one
	Changed bool
}

// Groups goes through the groups in the order of their names. The machine must
// not be used meanwhile.
func (m *Machine) Groups() iter.Seq[Info] {
	return func(yield func(Info) bool) {
		for _, g := range m.ordered() {
			if !yield(Info{g.name, g.id, len(g.members), len(g.locals), g.changed}) {
				return
			}
		}
	}
}

// Members returns the members of a group in the order of views; none if there
// is no such group.
func (m *Machine) Members(name clientproto.Name) []clientproto.Name {
	g := m.groups[name]
	if g == nil {
		return nil
	}
	names := make([]clientproto.Name, len(g.members))
	for i, c := range g.members {
		names[i] = c.name
	}
	return names
}

// GroupsOf returns the groups of a client of any daemon, in their order.
func (m *Machine) GroupsOf(private clientproto.Name) []clientproto.Name {
	c := m.clients[private]
	if c == nil {
		return nil
	}
	names := make([]clientproto.Name, len(c.groups))
	for i, g := range c.groups {
		names[i] = g.name
	}
	return slices.Clip(names)
}
