package evscheck

import (
	"bytes"
	"slices"

	"gospread/spread/internal/clientproto"
)

// clientWalk is the state of going through one connection.
type clientWalk struct {
	*clients
	conn  *conn
	now   []*stay // by group
	asked []int   // joins called, by group
	ids   map[viewKey]int32
}

// walk goes through one connection, and notes its stays (C1 to C5, C7 to C13).
func (k *clients) walk(c *conn) {
	w := &clientWalk{clients: k, conn: c, now: make([]*stay, len(k.names)), asked: make([]int, len(k.names)),
		ids: make(map[viewKey]int32)}
	c.place = make([]int32, len(k.sent)+len(k.views))
	for i := range c.place {
		c.place[i] = -1
	}
	c.steps = make([]int32, 0, len(c.Events))
	for i := range c.Events {
		e, at := &c.Events[i], int32(i)
		switch e.Kind {
		case Send:
			if m, known := k.known[string(e.Payload)]; known && k.sent[m].ordered && k.sent[m].event == at && k.sent[m].from == c {
				c.steps = append(c.steps, ^m)
			}
		case Join:
			w.asked[k.names[e.Group]]++
		case Message:
			w.message(at, e.Payload)
		case View:
			w.view(at, e.View)
		case Transition:
			w.transition(at, k.names[e.Group], e)
		case SelfLeave:
			w.selfLeave(at, k.names[e.Group], e)
		}
		if e.Kind >= View && !c.Views {
			k.bad("C3", c, []Place{c.at(at)}, "got a membership notice without asking for them")
		}
	}
}

func (w *clientWalk) message(at int32, payload []byte) {
	c := w.conn
	w.report.Counts.Received++
	i, known := w.known[string(payload)]
	if !known {
		w.bad("C1", c, []Place{c.at(at)}, "received what nobody sent, or changed: %s", describe(payload))
		return
	}
	m := w.sent[i]
	if c.place[i] >= 0 {
		w.bad("C2", c, []Place{c.at(c.place[i]), c.at(at)}, "received %v twice", m)
		return
	}
	c.place[i] = at
	if m.hiddenFrom(c) {
		w.bad("C4", c, []Place{c.at(m.event), c.at(at)}, "received its own %v", m)
	}
	entitled := false
	for _, g := range m.groups {
		entitled = entitled || g == c.name || w.now[g] != nil || !c.Views && w.asked[g] > 0
		if s := w.now[g]; s != nil && m.ordered {
			s.got = append(s.got, i)
		}
	}
	if !entitled {
		w.bad("C3", c, []Place{c.at(at)}, "received %v without being a member", m)
	}
	if m.ordered {
		c.steps = append(c.steps, i)
	}
}

func (w *clientWalk) transition(at, g int32, e *Event) {
	w.report.Counts.ClientSignals++
	c, s := w.conn, w.now[g]
	switch {
	case s == nil:
		w.bad("C13", c, []Place{c.at(at)}, "signal for %s without being a member", e.Group)
	case s.signal >= 0:
		w.bad("C11", c, []Place{c.at(s.cut), c.at(at)}, "two signals for view %v of %s", s.key.id, e.Group)
	case s.key.id != e.ID:
		w.bad("C11", c, []Place{c.at(s.start), c.at(at)}, "signal for %s names %v, the view is %v", e.Group, e.ID, s.key.id)
	default:
		s.signal, s.cut = len(s.got), at
	}
}

func (w *clientWalk) selfLeave(at, g int32, e *Event) {
	s := w.now[g]
	if s == nil {
		w.bad("C13", w.conn, []Place{w.conn.at(at)}, "told that it left %s without being a member", e.Group)
		return
	}
	s.close(at)
	s.left = true
	w.now[g] = nil
}

// close ends the time in a view.
func (s *stay) close(at int32) {
	s.end = at
	if s.signal < 0 {
		s.cut = at
	}
}

func (w *clientWalk) view(at int32, v *clientproto.View) {
	w.report.Counts.Views++
	c, key := w.conn, viewKey{w.names[v.Group], v.ID}
	if first, twice := w.ids[key]; twice {
		w.bad("C7", c, []Place{c.at(first), c.at(at)}, "id %v of %s comes twice", v.ID, v.Group)
	}
	w.ids[key] = at
	w.form(at, v)
	prev := w.now[key.group]
	switch {
	case prev == nil:
		w.firstView(at, v)
	case prev.signal >= 0 && v.Cause != clientproto.CausedByNetwork:
		w.bad("C12", c, []Place{c.at(prev.cut), c.at(at)}, "after the signal for %s comes a view of cause 0x%x", v.Group, uint32(v.Cause))
	case v.Cause != clientproto.CausedByNetwork:
		w.delta(at, prev, v)
	default:
		w.network(at, prev, v)
	}
	end := int32(len(c.Events))
	s := &stay{at: c, key: key, view: v, start: at, cut: end, end: end, signal: -1}
	if prev != nil {
		prev.next = s
		prev.close(at)
	}
	w.now[key.group] = s
	c.stays = append(c.stays, s)
	index := w.views[key]
	w.stays[index] = append(w.stays[index], s)
	if step := int32(len(w.sent)) + index; c.place[step] < 0 {
		c.place[step] = at
		c.steps = append(c.steps, step)
	}
}

// form checks what a view must look like by itself.
func (w *clientWalk) form(at int32, v *clientproto.View) {
	c, here := w.conn, []Place{w.conn.at(at)}
	if !slices.Contains(v.Members, c.Name) {
		w.bad("C5", c, here, "not in its own view %v of %s", v.ID, v.Group)
	}
	if !slices.IsSortedFunc(v.Members, w.compare) {
		w.bad("C5", c, here, "members of %s are not in order: %v", v.Group, v.Members)
	}
	if v.Cause != clientproto.CausedByNetwork {
		if len(v.Sets) != 1 || len(v.Sets[0]) != 1 || v.Own != 0 {
			w.bad("C9", c, here, "sets of %s name not exactly who changed: %v", v.Group, v.Sets)
		}
		return
	}
	var all []clientproto.Name
	for _, s := range v.Sets {
		if len(s) == 0 {
			w.bad("C10", c, here, "empty set in the view of %s: %v", v.Group, v.Sets)
		}
		if !slices.IsSortedFunc(s, w.compare) {
			w.bad("C10", c, here, "set of %s is not in order: %v", v.Group, s)
		}
		all = append(all, s...)
	}
	if !slices.Equal(all, v.Members) {
		slices.SortFunc(all, w.compare)
		if !slices.Equal(all, v.Members) {
			w.bad("C10", c, here, "sets of %s do not part its members: %v of %v", v.Group, v.Sets, v.Members)
		}
	}
	if v.Own < 0 || v.Own >= len(v.Sets) || !slices.Contains(v.Sets[v.Own], c.Name) {
		w.bad("C10", c, here, "own set %d of %s is another's: %v", v.Own, v.Group, v.Sets)
	}
}

// compare sorts members as views do. Different members are never equal in it.
func (k *clients) compare(a, b clientproto.Name) int {
	_, da, _ := a.SplitPrivate()
	_, db, _ := b.SplitPrivate()
	if !bytes.Equal(da, db) {
		return slices.Index(k.run.Daemons, string(da)) - slices.Index(k.run.Daemons, string(db))
	}
	return a.Compare(&b)
}

// firstView checks the first view after a join.
func (w *clientWalk) firstView(at int32, v *clientproto.View) {
	c, here := w.conn, []Place{w.conn.at(at)}
	if w.asked[w.names[v.Group]] == 0 {
		w.bad("C8", c, here, "view of %s without having joined", v.Group)
	}
	network := v.Cause == clientproto.CausedByNetwork
	if !network && (v.Cause != clientproto.CausedByJoin || len(v.Sets) != 1 || !slices.Equal(v.Sets[0], []clientproto.Name{c.Name})) {
		w.bad("C8", c, here, "the first view of %s has cause 0x%x and sets %v", v.Group, uint32(v.Cause), v.Sets)
	}
	if n, found := notAmong(ownSet(v), []clientproto.Name{c.Name}); network && found {
		w.bad("C10", c, here, "the first view of %s has %s in the own set, with whom it was in no view", v.Group, n)
	}
}

// network checks a view that the network caused against the one before: the own
// set has only those who were there (C10), and nobody is missing without a signal
// (C12).
func (w *clientWalk) network(at int32, prev *stay, v *clientproto.View) {
	c := w.conn
	places := []Place{c.at(prev.start), c.at(at)}
	if n, found := notAmong(ownSet(v), prev.view.Members); found {
		w.bad("C10", c, places, "the own set of %s has %s, who was not in the view before: %v and %v", v.Group, n, v.Sets, prev.view.Members)
	}
	if prev.signal >= 0 || w.run.LossInExchange {
		return
	}
	if n, found := notAmong(prev.view.Members, v.Members); found {
		w.bad("C12", c, places, "%s is missing in the new view of %s without a signal before: %v and %v", n, v.Group, prev.view.Members, v.Members)
	}
}

// notAmong returns the first of names that is not among others. It is quick if
// both have one order.
func notAmong(names, others []clientproto.Name) (clientproto.Name, bool) {
	rest := others
	for _, n := range names {
		if i := slices.Index(rest, n); i >= 0 {
			rest = rest[i+1:]
		} else if !slices.Contains(others, n) {
			return n, true
		}
	}
	return clientproto.Name{}, false
}

// delta checks that a view differs from the one before by the one who changed.
func (w *clientWalk) delta(at int32, prev *stay, v *clientproto.View) {
	if len(v.Sets) != 1 || len(v.Sets[0]) != 1 {
		return // reported by form
	}
	smaller, larger := prev.view.Members, v.Members
	if v.Cause != clientproto.CausedByJoin {
		smaller, larger = larger, smaller
	}
	i := slices.Index(larger, v.Sets[0][0])
	if i < 0 || len(smaller) != len(larger)-1 || !slices.Equal(larger[:i], smaller[:i]) || !slices.Equal(larger[i+1:], smaller[i:]) {
		c := w.conn
		w.bad("C9", c, []Place{c.at(prev.start), c.at(at)}, "cause 0x%x with %s leads from %v to %v", uint32(v.Cause), v.Sets[0][0], prev.view.Members, v.Members)
	}
}
