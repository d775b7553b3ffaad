package group

import (
	"slices"

	"gospread/spread/internal/clientproto"
)

// notice is the memory in which views are put together, used again and again.
type notice struct {
	view  clientproto.View
	sets  [][]clientproto.Name
	names []clientproto.Name
	to    []Local
}

func (n *notice) reset(members int) {
	n.sets = n.sets[:0]
	n.names = slices.Grow(n.names[:0], members)
}

// done makes a set of the names from the given one on, unless there are none.
func (n *notice) done(from int) bool {
	if from == len(n.names) {
		return false
	}
	n.sets = append(n.sets, n.names[from:len(n.names):len(n.names)])
	return true
}

func (m *Machine) show(to []Local, g *group, cause clientproto.Type, own int) {
	if len(to) == 0 {
		return
	}
	m.notice.view = clientproto.View{
		Group: g.name, Cause: cause, ID: g.id, Members: g.names, Sets: m.notice.sets, Own: own,
	}
	m.sink.View(to, &m.notice.view)
}

// single announces the view after a join, leave or disconnect.
func (m *Machine) single(g *group, cause clientproto.Type, changed *clientproto.Name) {
	if len(g.viewers) == 0 {
		return
	}
	n := &m.notice
	n.reset(1)
	n.names = append(n.names, *changed)
	n.done(0)
	m.show(g.viewers, g, cause, 0)
}

// together announces a view of members who all came from the same one.
func (m *Machine) together(g *group) {
	if len(g.viewers) == 0 {
		return
	}
	m.notice.reset(0)
	m.notice.sets = append(m.notice.sets, g.names)
	m.show(g.viewers, g, clientproto.CausedByNetwork, 0)
}

// provisional announces a change in a changed group between the signal and the
// next regular configuration (semantics 4.4): the view still lists members of
// lost daemons, and the signal follows it at once. The sets are those who go on
// together, each lost daemon, and the joiner, if any.
func (m *Machine) provisional(g *group, joiner *client) {
	if len(g.viewers) == 0 {
		return
	}
	n := &m.notice
	n.reset(len(g.members))
	for _, c := range g.members {
		if c.at.with && c != joiner {
			n.names = append(n.names, c.name)
		}
	}
	n.done(0)
	for i := 0; i < len(g.members); {
		next := g.next(i)
		from := len(n.names)
		for _, c := range g.members[i:next] {
			if !c.at.with && c != joiner {
				n.names = append(n.names, c.name)
			}
		}
		n.done(from)
		i = next
	}
	others := g.viewers
	if joiner != nil {
		from := len(n.names)
		n.names = append(n.names, joiner.name)
		n.done(from)
		if joiner.views {
			n.to = append(n.to[:0], g.viewers...)
			at := slices.Index(n.to, joiner.handle)
			others = slices.Delete(n.to, at, at+1)
		}
	}
	m.show(others, g, clientproto.CausedByNetwork, 0)
	if joiner != nil && joiner.views {
		n.to = append(n.to[:0], joiner.handle)
		m.show(n.to, g, clientproto.CausedByNetwork, len(n.sets)-1)
	}
	m.sink.Transition(g.viewers, &g.name, g.id)
}

// signal tells the local members that their view may have lost members.
func (m *Machine) signal(g *group) {
	if len(g.viewers) > 0 {
		m.sink.Transition(g.viewers, &g.name, g.id)
	}
}
