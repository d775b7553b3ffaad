package group

import (
	"slices"

	"gospread/spread/internal/clientproto"
	"gospread/spread/internal/ring"
)

// join makes a client of daemon d a member of the group.
func (m *Machine) join(d *daemon, who, name clientproto.Name) {
	c := m.clients[who]
	g := m.groups[name]
	if c == nil {
		if d == m.self {
			m.counted.Foreign++ // nobody of that name is connected
			return
		}
		c = &client{name: who, at: d}
		m.clients[who] = c
	} else if g != nil {
		if _, in := c.find(g); in {
			return
		}
	}
	if g == nil {
		g = m.create(name)
	}
	if !d.with {
		g.changed = true
	}
	m.version++
	g.insert(c)
	c.enter(g)
	g.id = m.after(g.id)
	if g.changed {
		m.provisional(g, c)
	} else {
		m.single(g, clientproto.CausedByJoin, &c.name)
	}
}

// leave takes a client out of the group.
func (m *Machine) leave(who, name clientproto.Name) {
	c, g := m.clients[who], m.groups[name]
	if c == nil || g == nil {
		return
	}
	if _, in := c.find(g); !in {
		return
	}
	c.quit(g)
	g.remove(c)
	if c.views {
		m.sink.SelfLeave(c.handle, &g.name)
	}
	m.without(g, c, clientproto.CausedByLeave)
	m.forget(c)
}

// kill takes a client out of all its groups, in the order of their names.
func (m *Machine) kill(who clientproto.Name) {
	c := m.clients[who]
	if c == nil {
		return
	}
	for _, g := range c.groups {
		g.remove(c)
		m.without(g, c, clientproto.CausedByDisconnect)
	}
	delete(m.clients, who)
	if c.here {
		m.sink.Disconnected(c.handle)
	}
}

// without tells the members of g that c is gone, or buries the empty group.
func (m *Machine) without(g *group, c *client, cause clientproto.Type) {
	m.version++
	switch {
	case len(g.members) == 0:
		m.bury(g)
		return
	case g.changed:
		g.id = m.after(g.id)
		m.provisional(g, nil)
	default:
		g.id = m.after(g.id)
		m.single(g, cause, &c.name)
	}
}

// forget lets go of a client that is in no group and not connected here.
func (m *Machine) forget(c *client) {
	if len(c.groups) == 0 && !c.here {
		delete(m.clients, c.name)
	}
}

func (m *Machine) create(name clientproto.Name) *group {
	g := &group{name: name, id: groupID(m.naming, m.spent.of(name))}
	m.groups[name] = g
	m.stale = true
	return g
}

// bury removes a group without members and remembers its last index.
func (m *Machine) bury(g *group) {
	if id := g.id; id == groupID(m.naming, id.Index) {
		m.spent.add(g.name, id.Index)
	}
	delete(m.groups, g.name)
	m.stale = true
	if m.last == g {
		m.last = nil
	}
}

// ordered returns the groups in the order of their names. It is valid until a
// group comes or goes.
func (m *Machine) ordered() []*group {
	if m.stale {
		clear(m.order)
		m.order = m.order[:0]
		for _, g := range m.groups {
			m.order = append(m.order, g)
		}
		slices.SortFunc(m.order, compareGroups)
		m.stale = false
	}
	return m.order
}

func groupID(c ring.ID, index int32) clientproto.GroupID {
	return clientproto.GroupID{Daemon: int32(c.Leader), Time: int32(c.Time), Index: index}
}

// after is the id of the view that follows the one of the given id in the
// present configuration.
func (m *Machine) after(id clientproto.GroupID) clientproto.GroupID {
	return groupID(m.naming, id.Index+1)
}

// maxSpent bounds how many dead groups are remembered by name.
const maxSpent = 4096

// spent remembers the last index of groups that died under the present
// configuration, so that one of the same name goes on above it. When there are
// too many, the highest of them becomes the floor for all.
type spent struct {
	index map[clientproto.Name]int32
	floor int32
}

func (s *spent) of(name clientproto.Name) int32 { return max(s.floor, s.index[name]) }

func (s *spent) add(name clientproto.Name, index int32) {
	if index <= s.floor {
		return
	}
	if s.index == nil {
		s.index = make(map[clientproto.Name]int32)
	}
	s.index[name] = max(index, s.index[name])
	if len(s.index) > maxSpent {
		for _, i := range s.index {
			s.floor = max(s.floor, i)
		}
		clear(s.index)
	}
}

func (s *spent) reset() {
	clear(s.index)
	s.floor = 0
}
