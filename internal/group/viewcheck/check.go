package viewcheck

import (
	"bytes"
	"fmt"
	"slices"

	"gospread/spread/internal/clientproto"
)

// Check returns every violation that the traces show.
func Check(r *Run) []Violation {
	k := &checker{run: r, sent: make(map[string]*message), views: make(map[viewKey][]*stay)}
	for _, c := range r.Conns {
		k.conns = append(k.conns, &conn{Conn: c, place: make(map[any]int)})
	}
	for _, c := range k.conns {
		k.collect(c)
	}
	for _, c := range k.conns {
		k.walk(c)
	}
	for _, c := range k.conns {
		for _, s := range c.stays {
			k.views[s.key] = append(k.views[s.key], s)
		}
	}
	for _, c := range k.conns {
		for _, s := range c.stays {
			k.pairs(s)
		}
	}
	for _, c := range k.conns {
		k.order(c)
		if r.Quiet {
			k.selfDelivery(c)
		}
	}
	return k.found
}

type checker struct {
	run   *Run
	conns []*conn
	sent  map[string]*message
	views map[viewKey][]*stay
	found []Violation
}

func (k *checker) fail(rule string, c *conn, format string, args ...any) {
	k.found = append(k.found, Violation{rule, c.Name, fmt.Sprintf(format, args...)})
}

// collect takes down what the connection sent.
func (k *checker) collect(c *conn) {
	for i, e := range c.Events {
		if e.Kind != Send {
			continue
		}
		h, err := clientproto.ParseHeader(e.Payload)
		if err != nil {
			k.fail("C1", c, "sent a damaged message: %v", err)
			continue
		}
		m := &message{
			payload: e.Payload, from: c, typ: h.Type,
			groups: clientproto.ParseNames(e.Payload[h.Names():h.Data()]),
		}
		m.ordered = h.Type&(clientproto.Unreliable|clientproto.Reliable) == 0 || len(e.Payload) > k.run.Loose
		if k.sent[string(e.Payload)] != nil {
			k.fail("C1", c, "the trace is of no use: %v was sent twice", m)
		}
		k.sent[string(e.Payload)] = m
		if m.ordered {
			c.sends = append(c.sends, sent{m, i})
		}
	}
}

// walk goes through one connection, and notes its stays.
func (k *checker) walk(c *conn) {
	w := &walk{checker: k, conn: c, now: make(map[clientproto.Name]*stay),
		asked: make(map[clientproto.Name]int), got: make(map[*message]bool), ids: make(map[viewKey]bool)}
	for i, e := range c.Events {
		switch e.Kind {
		case Join:
			w.asked[e.Group]++
		case Message:
			w.message(i, e.Payload)
		case View:
			w.view(i, e.View)
		case Transition:
			w.transition(e.Group, e.ID)
		case SelfLeave:
			if w.now[e.Group] == nil {
				k.fail("C13", c, "told that it left %s without being a member", e.Group)
				continue
			}
			w.now[e.Group].left = true
			delete(w.now, e.Group)
		}
		if e.Kind >= View && !c.Views {
			k.fail("C3", c, "got a membership notice without asking for them")
		}
	}
}

// walk is the state of going through one connection.
type walk struct {
	*checker
	conn  *conn
	now   map[clientproto.Name]*stay
	asked map[clientproto.Name]int // joins called
	got   map[*message]bool
	ids   map[viewKey]bool
}

func (w *walk) message(i int, payload []byte) {
	c := w.conn
	m := w.sent[string(payload)]
	if m == nil {
		w.fail("C1", c, "received what nobody sent, or changed: %q", payload)
		return
	}
	if sender := clientproto.NameOf(clientproto.Sender(payload)); sender != m.from.Name {
		w.fail("C1", c, "%v names %s as sender, but %s sent it", m, sender, m.from.Name)
	}
	if w.got[m] {
		w.fail("C2", c, "received %v twice", m)
	}
	w.got[m] = true
	if m.hiddenFrom(c) {
		w.fail("C4", c, "received its own %v", m)
	}
	entitled := m.to(c.Name)
	for _, g := range m.groups {
		entitled = entitled || w.now[g] != nil || !c.Views && w.asked[g] > 0
	}
	if !entitled {
		w.fail("C3", c, "received %v without being a member", m)
	}
	if !m.ordered {
		return
	}
	c.place[m] = i
	for _, s := range w.now {
		if m.to(s.key.group) {
			s.got = append(s.got, m)
		}
	}
}

func (w *walk) transition(g clientproto.Name, id clientproto.GroupID) {
	s := w.now[g]
	switch {
	case s == nil:
		w.fail("C13", w.conn, "signal for %s without being a member", g)
	case s.signal >= 0:
		w.fail("C11", w.conn, "two signals for view %v of %s", s.key.id, g)
	case s.key.id != id:
		w.fail("C11", w.conn, "signal for %s names %v, the view is %v", g, id, s.key.id)
	default:
		s.signal = len(s.got)
	}
}

func (w *walk) view(i int, v *clientproto.View) {
	c, key := w.conn, viewKey{v.Group, v.ID}
	if w.ids[key] {
		w.fail("C7", c, "id %v of %s comes twice", v.ID, v.Group)
	}
	w.ids[key] = true
	w.form(v)
	prev := w.now[v.Group]
	switch {
	case prev == nil:
		w.firstView(v)
	case prev.signal >= 0 && v.Cause != clientproto.CausedByNetwork:
		w.fail("C12", c, "after the signal for %s comes a view of cause 0x%x", v.Group, uint32(v.Cause))
	case v.Cause != clientproto.CausedByNetwork:
		w.delta(prev.view, v)
	}
	s := &stay{at: c, key: key, view: v, signal: -1}
	if prev != nil {
		prev.next = s
	}
	w.now[v.Group] = s
	c.stays = append(c.stays, s)
	c.place[key] = i
}

// form checks what a view must look like by itself.
func (w *walk) form(v *clientproto.View) {
	c := w.conn
	if !slices.Contains(v.Members, c.Name) {
		w.fail("C5", c, "not in its own view %v of %s", v.ID, v.Group)
	}
	if !slices.IsSortedFunc(v.Members, w.compare) {
		w.fail("C5", c, "members of %s are not in order: %v", v.Group, v.Members)
	}
	if v.Cause != clientproto.CausedByNetwork {
		if len(v.Sets) != 1 || len(v.Sets[0]) != 1 || v.Own != 0 {
			w.fail("C9", c, "sets of %s name not exactly who changed: %v", v.Group, v.Sets)
		}
		return
	}
	var all []clientproto.Name
	for _, s := range v.Sets {
		if len(s) == 0 {
			w.fail("C10", c, "empty set in the view of %s: %v", v.Group, v.Sets)
		}
		if !slices.IsSortedFunc(s, w.compare) {
			w.fail("C10", c, "set of %s is not in order: %v", v.Group, s)
		}
		all = append(all, s...)
	}
	slices.SortFunc(all, w.compare)
	if !slices.Equal(all, v.Members) {
		w.fail("C10", c, "sets of %s do not part its members: %v of %v", v.Group, v.Sets, v.Members)
	}
	if v.Own < 0 || v.Own >= len(v.Sets) || !slices.Contains(v.Sets[v.Own], c.Name) {
		w.fail("C10", c, "own set %d of %s is another's: %v", v.Own, v.Group, v.Sets)
	}
}

// compare sorts members as views do. Different members are never equal in it.
func (k *checker) compare(a, b clientproto.Name) int {
	_, da, _ := a.SplitPrivate()
	_, db, _ := b.SplitPrivate()
	if !bytes.Equal(da, db) {
		return slices.Index(k.run.Daemons, string(da)) - slices.Index(k.run.Daemons, string(db))
	}
	return a.Compare(&b)
}

// firstView checks the first view after a join.
func (w *walk) firstView(v *clientproto.View) {
	if w.asked[v.Group] == 0 {
		w.fail("C8", w.conn, "view of %s without having joined", v.Group)
	}
	network := v.Cause == clientproto.CausedByNetwork
	if !network && (v.Cause != clientproto.CausedByJoin || len(v.Sets) != 1 || !slices.Equal(v.Sets[0], []clientproto.Name{w.conn.Name})) {
		w.fail("C8", w.conn, "the first view of %s has cause 0x%x and sets %v", v.Group, uint32(v.Cause), v.Sets)
	}
}

// delta checks that a view differs from the one before by the one who changed.
func (w *walk) delta(prev, v *clientproto.View) {
	if len(v.Sets) != 1 || len(v.Sets[0]) != 1 {
		return // reported by form
	}
	smaller, larger := prev.Members, v.Members
	if v.Cause != clientproto.CausedByJoin {
		smaller, larger = larger, smaller
	}
	i := slices.Index(larger, v.Sets[0][0])
	if i < 0 || !slices.Equal(slices.Delete(slices.Clone(larger), i, i+1), smaller) {
		w.fail("C9", w.conn, "cause 0x%x with %s leads from %v to %v", uint32(v.Cause), v.Sets[0][0], prev.Members, v.Members)
	}
}
