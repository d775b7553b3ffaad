package flush

import (
	"slices"

	"gospread/spread"
)

// membership is how far this client is in a group.
type membership uint8

const (
	joining membership = iota
	joined
	leaving
)

func (m membership) String() string { return [...]string{"joining", "joined", "leaving"}[m] }

// phase is how far the group is on its way from one view to the next.
type phase uint8

const (
	// steady: all is quiet.
	steady phase = iota
	// authorize: a change is pending, the user has been asked to flush.
	authorize
	// agree: this client has flushed and waits for the others; it must not send.
	agree
	// verify: the view is installed, the others are not known to have it.
	verify
)

func (p phase) String() string { return [...]string{"steady", "authorize", "agree", "verify"}[p] }

// flushView is the view that the user is in.
type flushView struct {
	id        spread.ViewID
	members   []string
	all       set // the same
	present   set // those not known to be lost
	signalled bool
}

// group is the state of one group (client protocol 9.4).
type group struct {
	name     string
	member   membership
	phase    phase
	view     flushView
	last     []string  // members of the last Spread membership
	changes  []*change // pending, the first is the change in hand
	early    earlyChanges
	received set // members whose FLUSH_RECV for the view, or the change in hand, has come
	// postponed are vulnerable messages from members that have installed the
	// change in hand before us.
	postponed     []*Message
	postponedSize int // in bytes
}

// newGroup makes the state of a group that this client is joining.
func newGroup(name, self string) *group {
	only := []string{self}
	return &group{
		name:     name,
		phase:    agree,
		received: set{},
		view:     flushView{members: only, all: setOf(only), present: setOf(only), signalled: true},
	}
}

// inHand is the change in hand, or nil.
func (g *group) inHand() *change {
	if len(g.changes) == 0 {
		return nil
	}
	return g.changes[0]
}

// pending is the size of all pending changes, in members.
func (g *group) pending() (n int) {
	for _, c := range g.changes {
		n += len(c.members)
	}
	return n
}

// leavers tells whom a Spread membership takes away from those before it.
func (g *group) leavers(v *spread.View) []string {
	switch v.Cause {
	case spread.CausedByLeave, spread.CausedByDisconnect:
		return []string{v.Changed}
	case spread.CausedByNetwork:
		with := setOf(v.Sets[v.OwnSet])
		return slices.DeleteFunc(slices.Clone(g.last), with.has)
	}
	return nil
}

// lose removes leavers from the flush view and from the pending changes, and
// tells whether the view lost one. A change that can never complete is dropped;
// the one behind it, in the end next, stands for it.
func (g *group) lose(leavers []string, next *change) (lost bool) {
	for _, l := range leavers {
		if g.view.present.has(l) {
			delete(g.view.present, l)
			lost = true
		}
	}
	dropped := false
	kept := g.changes[:0]
	for _, c := range g.changes {
		if !c.lose(leavers) {
			dropped = true
			continue
		}
		if dropped {
			c.turnIntoNetwork()
			dropped = false
		}
		kept = append(kept, c)
	}
	clear(g.changes[len(kept):])
	g.changes = kept
	if dropped {
		next.turnIntoNetwork()
	}
	return lost
}

// newChange makes a change of a Spread membership, with the FLUSH_OKs that came
// early.
func (g *group) newChange(v *spread.View) *change {
	c := &change{
		id:      v.ID,
		members: v.Members,
		cause:   v.Cause,
		changed: v.Changed,
		missing: setOf(v.Members),
		gone:    set{},
	}
	for name := range g.early.take(v.ID) {
		delete(c.missing, name)
	}
	return c
}

// enter makes a change the flush view, and returns what the user sees of it.
func (g *group) enter(c *change, self string) *View {
	v := &View{
		Group:   g.name,
		ID:      c.id,
		Cause:   c.cause,
		Members: slices.Clone(c.members),
		Index:   slices.Index(c.members, self),
		Changed: c.changed,
	}
	for _, m := range g.view.members {
		if g.view.present.has(m) {
			v.Together = append(v.Together, m)
		}
	}
	g.view = flushView{id: c.id, members: c.members, all: setOf(c.members), present: setOf(c.members)}
	for m := range c.gone {
		delete(g.view.present, m)
	}
	g.phase = verify
	if g.member == joining {
		g.member = joined
	}
	return v
}

// verified notes a FLUSH_RECV.
func (g *group) verified(id spread.ViewID, sender string) {
	switch c := g.inHand(); {
	case g.phase == verify && id == g.view.id && g.view.all.has(sender):
		g.received[sender] = struct{}{}
		if len(g.received) == len(g.view.all) {
			g.phase = steady
		}
	case g.phase == agree && c != nil && id == c.id && slices.Contains(c.members, sender):
		g.received[sender] = struct{}{}
	}
}
