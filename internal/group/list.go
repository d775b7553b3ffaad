package group

import (
	"slices"
	"sort"

	"gospread/spread/internal/clientproto"
)

// group is a group with members.
type group struct {
	name clientproto.Name
	// id is that of the last view; after the signal to a changed group, that of
	// the provisional ones (transitional configuration, index).
	id clientproto.GroupID
	// changed: it has lost members, or may have, and its next view is caused by
	// the network.
	changed bool

	members []*client // daemons in configuration order, then by name
	locals  []Local   // beside the local ones among members
	viewers []Local   // the locals that want views, in no particular order
	names   []clientproto.Name
	// names stand beside members while there are viewers, and are nil else:
	// they are a view's list of members, ready made.

	parts []part // during the end of an exchange
	stamp uint64
}

// compare sorts clients as they stand in views (5.2).
func (c *client) compare(o *client) int {
	if c.at != o.at {
		return c.at.compare(o.at)
	}
	return c.name.Compare(&o.name)
}

// first is the index of the first member at daemon d, or where it would be.
func (g *group) first(d *daemon) int {
	return sort.Search(len(g.members), func(i int) bool { return g.members[i].at.compare(d) >= 0 })
}

// here returns the local members; self is the local daemon.
func (g *group) here(self *daemon) []*client {
	i := g.first(self)
	return g.members[i : i+len(g.locals)]
}

// insert adds c, which must not be in.
func (g *group) insert(c *client) {
	i, _ := slices.BinarySearchFunc(g.members, c, (*client).compare)
	g.members = slices.Insert(g.members, i, c)
	if c.here {
		g.locals = slices.Insert(g.locals, i-g.first(c.at), c.handle)
	}
	if c.views {
		g.viewers = append(g.viewers, c.handle)
	}
	switch {
	case g.names != nil:
		g.names = slices.Insert(g.names, i, c.name)
	case c.views:
		g.listNames()
	}
}

// remove takes c out; it must be in.
func (g *group) remove(c *client) {
	i, in := slices.BinarySearchFunc(g.members, c, (*client).compare)
	if !in {
		return
	}
	if c.here {
		at := i - g.first(c.at)
		g.locals = slices.Delete(g.locals, at, at+1)
	}
	g.members = slices.Delete(g.members, i, i+1)
	if g.names != nil {
		g.names = slices.Delete(g.names, i, i+1)
	}
	if c.views {
		at := slices.Index(g.viewers, c.handle)
		g.viewers[at] = g.viewers[len(g.viewers)-1]
		g.viewers = g.viewers[:len(g.viewers)-1]
		if len(g.viewers) == 0 {
			g.names = nil
		}
	}
}

// resort puts the members in order after they came or their order changed.
func (g *group) resort(self *daemon) {
	slices.SortFunc(g.members, (*client).compare)
	for i, c := range g.here(self) {
		g.locals[i] = c.handle
	}
	g.listNames()
}

func (g *group) listNames() {
	if len(g.viewers) == 0 {
		g.names = nil
		return
	}
	g.names = slices.Grow(g.names[:0], len(g.members))
	for _, c := range g.members {
		g.names = append(g.names, c.name)
	}
}

// lost tells whether some member's daemon no longer shares our knowledge.
func (g *group) lost() bool {
	for i := 0; i < len(g.members); i = g.next(i) {
		if !g.members[i].at.with {
			return true
		}
	}
	return false
}

// next is the index behind the members at the daemon of member i.
func (g *group) next(i int) int {
	d := g.members[i].at
	rest := g.members[i:]
	return i + sort.Search(len(rest), func(j int) bool { return rest[j].at != d })
}

// find looks for g among the groups of c, and tells where it stands or would stand.
func (c *client) find(g *group) (int, bool) {
	if n := len(c.groups); n == 0 || c.groups[n-1].name.Compare(&g.name) < 0 {
		return n, false
	}
	return slices.BinarySearchFunc(c.groups, g, compareGroups)
}

func compareGroups(a, b *group) int { return a.name.Compare(&b.name) }

func (c *client) enter(g *group) {
	i, _ := c.find(g)
	c.groups = slices.Insert(c.groups, i, g)
}

func (c *client) quit(g *group) {
	if i, in := c.find(g); in {
		c.groups = slices.Delete(c.groups, i, i+1)
	}
}
