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

// Version changes whenever groups, their views or their members do.
func (m *Machine) Version() uint64 { return m.version }

// Listing is groups with their members.
type Listing struct {
	Groups []Listed // in no order before Sort
	// All is how many groups there are, Listed or not; Unnamed is how many members of
	// those listed are not named.
	All, Unnamed int
}

// Listed is a group in a [Listing].
type Listed struct {
	Info
	// Names are members in the order of views, Here those connected to this daemon;
	// either may be cut.
	Names, Here []clientproto.Name
}

// Bounds are how much a [Listing] has at most.
type Bounds struct {
	Groups int
	Names  int // members named, in all groups
	Each   int // members named, in one group
}

// List copies groups and members, as many as the bounds allow. What takes longer than
// to copy, it leaves to Sort.
func (m *Machine) List(b Bounds) *Listing {
	l := &Listing{All: len(m.groups), Groups: make([]Listed, 0, min(len(m.groups), b.Groups))}
	for _, g := range m.groups {
		if len(l.Groups) == b.Groups {
			break
		}
		x := Listed{Info: Info{g.name, g.id, len(g.members), len(g.locals), g.changed}}
		x.Names = namesOf(g.members, min(b.Each, b.Names))
		b.Names -= len(x.Names)
		l.Unnamed += len(g.members) - len(x.Names)
		x.Here = namesOf(g.here(m.self), min(b.Each, len(x.Names)))
		l.Groups = append(l.Groups, x)
	}
	return l
}

func namesOf(list []*client, most int) []clientproto.Name {
	names := make([]clientproto.Name, min(len(list), most))
	for i := range names {
		names[i] = list[i].name
	}
	return names
}

// Sort puts the groups in the order of their names.
func (l *Listing) Sort() {
	slices.SortFunc(l.Groups, func(a, b Listed) int { return a.Name.Compare(&b.Name) })
}
