package group

import "gospread/spread/internal/clientproto"

// data hands a message to the local members of the groups that it names and to
// the local clients that it names, each once.
func (m *Machine) data(d *daemon, h *clientproto.Header, p []byte) {
	if h.NumGroups != 1 || h.Type&clientproto.SelfDiscard != 0 {
		m.spread(d, h, p)
		return
	}
	name := destination(p, 0)
	if !name.IsPrivate() {
		if g := m.named(name); g != nil && len(g.locals) > 0 {
			m.sink.Deliver(g.locals, p)
		}
	} else if c := m.clients[clientproto.NameOf(name[:])]; c != nil && c.here {
		m.to = append(m.to[:0], c.handle)
		m.sink.Deliver(m.to, p)
	}
}

// spread is data for any number of names, and without the sender if it says so.
func (m *Machine) spread(d *daemon, h *clientproto.Header, p []byte) {
	m.stamp++
	if h.Type&clientproto.SelfDiscard != 0 && d == m.self {
		if c := m.clients[clientproto.NameOf(clientproto.Sender(p))]; c != nil {
			c.stamp = m.stamp
		}
	}
	m.to = m.to[:0]
	for i := range h.NumGroups {
		name := destination(p, i)
		if name.IsPrivate() {
			if c := m.clients[clientproto.NameOf(name[:])]; c != nil && c.here {
				m.add(c)
			}
		} else if g := m.named(name); g != nil && g.stamp != m.stamp {
			g.stamp = m.stamp
			for _, c := range g.here(m.self) {
				m.add(c)
			}
		}
	}
	if len(m.to) > 0 {
		m.sink.Deliver(m.to, p)
	}
}

// add makes c a receiver of the message in hand unless it is one already.
func (m *Machine) add(c *client) {
	if c.stamp != m.stamp {
		c.stamp = m.stamp
		m.to = append(m.to, c.handle)
	}
}

func destination(p []byte, i int) *clientproto.Name {
	return (*clientproto.Name)(p[clientproto.HeaderSize+i*clientproto.NameSize:])
}

// named finds a group by a name as it stands in a message. Messages tend to go
// where the last one went.
func (m *Machine) named(name *clientproto.Name) *group {
	if g := m.last; g != nil && g.name == *name {
		return g
	}
	g := m.groups[clientproto.NameOf(name[:])]
	if g != nil {
		m.last = g
	}
	return g
}
