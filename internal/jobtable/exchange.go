package jobtable

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// exchange makes the tables of a new view's members equal. Each member says HELLO
// with the digest of its table. When all have, the first of each digest sends its
// table as STATE, unless all are equal or it is empty; when these have come too,
// everybody merges them. All of this comes in the order of the group, and so
// ends at the same place for all. What else comes meanwhile is held, and acts
// behind that place.
//
// Everybody looks whether a table is the one that the digest names, also who has
// the same: so all see what all others do. Whose table is not is treated as one who
// was skipped, and the next with that digest sends it.
//
// If another view comes first, what was held acts on the own table, at all
// members that had this view alike, and the next exchange sorts it out.
//
// A member that says nothing, because it hangs or is no worker at all, is named by
// a SKIP after a time, and then not waited for, also in later views, as HELLOs
// name the deaf.
type exchange struct {
	view    string
	members []string
	hellos  map[string]*hello
	deaf    map[string]bool // named by a HELLO; counts if it says none itself
	skipped map[string]bool
	states  map[string]*collection
	sent    bool
	away    bool // a Rejoin was asked for

	held    []heldMessage
	submits amount // of these
	reports amount // outcomes and pieces of results
	others  amount // queries and the like
}

// amount counts what is held.
type amount struct{ messages, bytes int }

func (a *amount) room(size int) bool {
	if a.messages >= maxHeld || a.bytes+size > maxHeldPayload {
		return false
	}
	a.messages++
	a.bytes += size
	return true
}

type hello struct {
	worker   string
	digest   string
	capacity int64
	limits   Limits
}

// collection is a table on its way.
type collection struct {
	next, of int64
	pieces   [][]byte
	size     int64
	broken   bool
	table    *table // once it was found to be good
}

func (s *collection) complete() bool { return s != nil && (s.broken || s.next == s.of && s.of > 0) }

type heldMessage struct {
	sender string
	m      *Message
}

// Bounds of what a member keeps for a view; they must be the same everywhere.
const (
	maxState       = 4 << 30 // bytes of a table that is sent; see ceiling
	maxHeld        = 10_000  // submits, as many reports, as many others
	maxHeldPayload = 64 << 20
)

// View takes a view of the group: a name that no other view has, and the members
// in their order.
func (c *Core) View(view string, members []string) []Effect {
	if c.me == "" || !slices.Contains(members, c.me) {
		return nil
	}
	c.view, c.members, c.repeats = view, slices.Clone(members), 0
	c.exchange(view, nil)
	return c.take()
}

// exchange begins one among the members of the view, without those that are named.
func (c *Core) exchange(name string, without []string) {
	members := c.members
	c.abandon()
	c.probe = probe{}
	c.deaf = slices.DeleteFunc(c.deaf, func(m string) bool { return !slices.Contains(members, m) })
	c.ex = &exchange{
		view: name, members: members, hellos: map[string]*hello{}, deaf: map[string]bool{},
		skipped: map[string]bool{}, states: map[string]*collection{},
	}
	for _, m := range without {
		c.ex.skipped[m] = true
	}
	c.mark++
	l := c.cfg.Limits
	c.retired = false
	c.send(NewMessage("hello", nil).Set("view", name).Set("worker", c.cfg.Worker).SetInt("cap", c.cfg.Capacity).
		Set("digest", c.table.digest()).Set("deaf", strings.Join(c.deaf, " ")).
		SetInt("jobs", l.Jobs).SetInt("bytes", l.Bytes).SetInt("kept", l.Kept).SetInt("keptbytes", l.KeptBytes).SetInt("result", l.Result),
		c.cfg.Group)
}

// abandon ends an exchange that cannot come to its end.
func (c *Core) abandon() {
	ex := c.ex
	c.ex, c.people = nil, nil // so nobody answers, and nothing is given out
	if ex == nil {
		return
	}
	for _, h := range ex.held {
		c.apply(h.sender, h.m)
	}
	c.answers = nil
}

// hold keeps a message until the exchange has ended. More than a queue takes is
// dropped, at all members alike; who has sent it repeats it.
func (ex *exchange) hold(sender string, m *Message) bool {
	of := &ex.others
	switch m.Verb {
	case "part", "done", "fail":
		of = &ex.reports
	case "submit":
		of = &ex.submits
	}
	if !of.room(len(m.Data)) {
		return false
	}
	ex.held = append(ex.held, heldMessage{sender, m})
	return true
}

// dropped lets this worker tell an outcome again that could not be held.
func (c *Core) dropped(m *Message) {
	attempt, _ := m.Int("attempt", -1)
	t := c.tasks[m.Get("id")]
	if t != nil && t.attempt == attempt && m.Get("worker") == c.cfg.Worker && (m.Verb == "done" || m.Verb == "fail") {
		t.sent = false
	}
}

// exchanged takes a HELLO, STATE or SKIP.
func (c *Core) exchanged(sender string, m *Message) {
	ex := c.ex
	if m.Get("view") != ex.view || !slices.Contains(ex.members, sender) {
		return
	}
	switch m.Verb {
	case "hello":
		h, ok := parseHello(m)
		if !ok || ex.hellos[sender] != nil {
			return
		}
		ex.hellos[sender] = h
		for _, d := range names(m.Get("deaf")) {
			ex.deaf[d] = true
		}
	case "state":
		ex.collect(sender, m)
	case "skip":
		for _, s := range names(m.Get("who")) {
			if s != sender {
				ex.skipped[s] = true
			}
		}
	}
	c.mark++
	c.proceed()
}

// names are separated by blanks.
func names(s string) []string {
	return strings.FieldsFunc(s, func(r rune) bool { return r == ' ' })
}

func parseHello(m *Message) (*hello, bool) {
	h := &hello{worker: m.Get("worker"), digest: m.Get("digest")}
	for _, x := range []struct {
		key string
		to  *int64
	}{
		{"cap", &h.capacity}, {"jobs", &h.limits.Jobs}, {"bytes", &h.limits.Bytes}, {"kept", &h.limits.Kept},
		{"keptbytes", &h.limits.KeptBytes}, {"result", &h.limits.Result},
	} {
		var ok bool
		if *x.to, ok = m.Int(x.key, -1); !ok || *x.to < 0 {
			return nil, false
		}
	}
	return h, ValidID(h.worker)
}

func (ex *exchange) collect(sender string, m *Message) {
	n, ok1 := m.Int("n", -1)
	of, ok2 := m.Int("of", -1)
	s := ex.states[sender]
	if s == nil {
		s = &collection{of: of}
		ex.states[sender] = s
	}
	switch {
	case s.complete():
	case !ok1 || !ok2 || of != s.of || n != s.next || of < 1 || s.size+int64(len(m.Data)) > maxState:
		s.broken, s.pieces = true, nil
	default:
		s.pieces = append(s.pieces, bytes.Clone(m.Data)) // it shares memory with other messages
		s.size += int64(len(m.Data))
		s.next++
	}
}

// taking returns the members that take part, and whether all others are known not
// to.
func (ex *exchange) taking() (list []string, known bool) {
	for _, m := range ex.members {
		switch {
		case ex.skipped[m]:
		case ex.hellos[m] != nil:
			list = append(list, m)
		case !ex.deaf[m]:
			return nil, false
		}
	}
	return list, true
}

// senders returns who sends which table: the first member with each digest, in
// the order of digests; none if all tables are equal.
func (ex *exchange) senders(taking []string) []string {
	digests := map[string]string{}
	for _, m := range taking {
		if d := ex.hellos[m].digest; digests[d] == "" {
			digests[d] = m
		}
	}
	if len(digests) < 2 {
		return nil
	}
	delete(digests, "")
	list := slices.Sorted(maps.Keys(digests))
	for i, d := range list {
		list[i] = digests[d]
	}
	return list
}

// good tells whether the table that has come from a member is the one that its
// HELLO names.
func (c *Core) good(sender string) bool {
	s, digest := c.ex.states[sender], c.ex.hellos[sender].digest
	if s.table == nil && !s.broken {
		t, ok := decodeTable(slices.Concat(s.pieces...))
		switch {
		case !ok || t.digest() != digest:
			s.broken = true
		case digest == c.ex.hellos[c.me].digest:
			s.table = c.table
		default:
			t.own()
			s.table = t
		}
		s.pieces = nil
	}
	return !s.broken
}

// parties returns who takes part and who sends which table, without those whose
// table was found to be bad, and whether all of that is known.
func (c *Core) parties() (taking, senders []string, known bool) {
	ex := c.ex
	for {
		if taking, known = ex.taking(); !known || !slices.Contains(taking, c.me) {
			return taking, nil, known
		}
		senders = ex.senders(taking)
		i := slices.IndexFunc(senders, func(s string) bool { return ex.states[s].complete() && !c.good(s) })
		if i < 0 {
			return taking, senders, true
		}
		ex.skipped[senders[i]] = true
	}
}

// proceed does what can be done now.
func (c *Core) proceed() {
	ex := c.ex
	taking, senders, known := c.parties()
	if ex.skipped[c.me] || known && !slices.Contains(taking, c.me) {
		if !ex.away {
			ex.away = true
			c.out = append(c.out, Rejoin{})
		}
		return
	}
	if !known {
		return
	}
	complete := true
	for _, s := range senders {
		complete = complete && ex.states[s].complete()
	}
	if slices.Contains(senders, c.me) && !ex.sent {
		ex.sent = true
		c.sendState()
	}
	if complete {
		c.settle(taking, senders)
	}
}

func (c *Core) sendState() {
	all := c.table.encode()
	of := int64((len(all) + statePiece - 1) / statePiece)
	var n int64
	for p := range slices.Chunk(all, statePiece) {
		c.send(NewMessage("state", p).Set("view", c.ex.view).SetInt("n", n).SetInt("of", of), c.cfg.Group)
		n++
	}
}

// settle ends the exchange: all who take part are here at the same place in the
// order.
func (c *Core) settle(taking, senders []string) {
	ex := c.ex
	if len(senders) > 0 {
		tables := make([]*table, len(senders))
		for i, s := range senders {
			tables[i] = ex.states[s].table
		}
		c.table = merge(tables)
	}
	c.table.dropPieces()
	c.table.renumber()
	c.ex, c.people = nil, nil
	c.limits = ceiling
	for _, m := range taking {
		h := ex.hellos[m]
		c.limits = c.limits.least(h.limits)
		c.people = append(c.people, &member{name: m, worker: h.worker, capacity: h.capacity})
	}
	c.deaf = slices.DeleteFunc(slices.Clone(ex.members), func(m string) bool { return slices.Contains(taking, m) })
	for _, j := range c.table.jobs {
		if p := c.person(j.worker); p != nil && j.state == Running {
			p.running++
		}
	}
	for _, h := range ex.held {
		c.apply(h.sender, h.m)
	}
	c.takeOver()
	c.table.forget(c.limits)
	c.resume()
	c.work()
}

// takeOver lets the jobs of workers that are gone wait again, or fail if that
// happens too often.
func (c *Core) takeOver() {
	for _, j := range c.table.sorted() {
		switch {
		case j.state == Waiting && j.cancel:
			c.end(j, Cancelled, nil, "")
		case j.state != Running || c.person(j.worker) != nil:
		case j.cancel:
			c.end(j, Cancelled, nil, "its worker was lost")
		case j.attempt >= j.max:
			c.end(j, Failed, nil, fmt.Sprintf("its worker was lost, %d times in all", j.attempt))
		default:
			c.table.requeue(j)
		}
	}
}

// resume looks at all of this worker's tasks and jobs, as anything may have
// changed.
func (c *Core) resume() {
	if c.retired {
		c.sendCapacity()
	}
	for _, j := range c.table.sorted() {
		if j.state == Running && j.worker == c.cfg.Worker && c.tasks[j.id] == nil {
			c.touch(j.id)
		}
	}
	for _, id := range slices.Sorted(maps.Keys(c.tasks)) {
		c.touch(id)
		if t := c.tasks[id]; t.outcome != nil && !t.sent {
			c.report(id, t)
		}
	}
}

// Skip names those who have not been heard in time, so that all go on without
// them.
func (c *Core) Skip() []Effect {
	ex := c.ex
	if ex == nil {
		return nil
	}
	var who []string
	taking, known := ex.taking()
	if known {
		who = slices.DeleteFunc(ex.senders(taking), func(m string) bool { return m == c.me || ex.states[m].complete() })
	} else {
		for _, m := range ex.members {
			if m != c.me && ex.hellos[m] == nil && !ex.skipped[m] && !ex.deaf[m] {
				who = append(who, m)
			}
		}
	}
	if len(who) == 0 {
		return nil
	}
	c.send(NewMessage("skip", nil).Set("view", ex.view).Set("who", strings.Join(who, " ")), c.cfg.Group)
	return c.take()
}
