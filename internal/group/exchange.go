package group

import (
	"bytes"
	"cmp"
	"slices"

	"gospread/spread/internal/clientproto"
	"gospread/spread/internal/ring"
)

// Bounds of what is held during an exchange, in bytes. What comes beyond them
// does not count; it takes a broken daemon, or a table beyond all reason.
const (
	maxHeld   = 64 << 20
	maxTables = 1 << 30
)

// exchange is the state of a state exchange (semantics 4.3): daemons that share
// their knowledge have the first of them send it; it is over when the tables
// that have come speak for every member of the configuration.
type exchange struct {
	missing int // members of the configuration nobody has spoken for yet
	bytes   int // of tables held
	held    []ring.Message
	size    int // of held, in bytes
	// next is the transitional configuration that interrupted the exchange, and
	// before the number of messages held when it came.
	next   *ring.Configuration
	before int
}

// table is what a daemon has sent, and who speaks for it.
type table struct {
	parts [][]byte // records of its messages
	count uint32   // messages so far
	ended bool
	by    *daemon // the sender whose table counts for this daemon
}

// part says that members of a group came from one former part of the system.
type part struct {
	by *daemon
	id clientproto.GroupID
}

func (x *exchange) interrupt(t *ring.Configuration) {
	x.next = t
	x.before = len(x.held)
}

// begin starts an exchange in the configuration just installed.
func (m *Machine) begin() {
	m.state = GGATHER
	m.exchange = exchange{}
	for _, d := range m.daemons {
		d.table = table{}
		if d.in {
			m.exchange.missing++
		}
	}
	shared := m.shared()
	if m.daemons[shared[0]] == m.self {
		m.sendTable(shared)
	}
}

// shared lists the daemons that share our knowledge, in configuration order.
func (m *Machine) shared() []ring.DaemonID {
	var ids []ring.DaemonID
	for _, id := range m.config.Members {
		if m.daemons[id].with && !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
	}
	if len(ids) == 0 {
		ids = []ring.DaemonID{m.self.id}
	}
	return ids
}

func (m *Machine) sendTable(shared []ring.DaemonID) {
	w := tableWriter{config: m.config.ID, emit: func(p []byte) { m.sink.Submit(ring.Agreed, p) }}
	w.start()
	for _, g := range m.ordered() {
		for _, c := range g.members {
			w.member(g, c)
		}
	}
	w.last(shared)
}

// gather takes a message during an exchange: a piece of a table, or one to be
// held until the exchange is over.
func (m *Machine) gather(e *ring.Message) {
	p := e.Payload
	head, ok := whole(p)
	if !ok {
		m.counted.Malformed++
		return
	}
	if head.Type&clientproto.Groups == 0 {
		m.hold(e)
		return
	}
	d := m.daemons[e.Sender]
	if d == nil || !d.in {
		m.counted.Foreign++
		return
	}
	if e.Service < ring.FIFO {
		m.counted.Unordered++
		return
	}
	h, records, ok := parseTable(p[head.Data():])
	if ok && h.config != m.config.ID {
		return // left over from an exchange that was interrupted
	}
	if !ok || d.ended || h.number != d.count {
		m.counted.Malformed++
		return
	}
	d.count++
	if !d.with && m.exchange.bytes+len(records) <= maxTables {
		m.exchange.bytes += len(records)
		d.parts = append(d.parts, bytes.Clone(records))
	}
	if h.last {
		m.ended(d, h.daemons)
	}
}

// ended notes that d's table is complete and for whom it speaks. The first to
// speak for a daemon counts, and nobody else speaks for those who share our
// knowledge.
func (m *Machine) ended(d *daemon, ids []byte) {
	d.ended = true
	for ; len(ids) > 0; ids = ids[4:] {
		of := m.daemons[ring.DaemonID(le.Uint32(ids))]
		if of == nil || !of.in || of.by != nil || of.with != d.with {
			continue
		}
		of.by = d
		m.exchange.missing--
	}
	if m.exchange.missing == 0 {
		m.finish()
	}
}

func (m *Machine) hold(e *ring.Message) {
	x := &m.exchange
	if x.size+len(e.Payload) > maxHeld {
		m.counted.Dropped++
		return
	}
	x.size += len(e.Payload)
	held := *e
	held.Payload = bytes.Clone(e.Payload)
	x.held = append(x.held, held)
}

// abandon drops an unfinished exchange.
func (m *Machine) abandon() {
	m.counted.Dropped += uint64(len(m.exchange.held))
	m.exchange.held = nil
	for _, d := range m.daemons {
		d.table = table{}
	}
}

// finish ends an exchange: the tables are put together, changed groups get their
// views, and what was held takes effect.
func (m *Machine) finish() {
	m.version++
	m.mergeTables()
	for _, d := range m.daemons {
		d.with = d.in
	}
	m.state = GOP
	for _, g := range m.ordered() {
		m.settle(g)
	}
	x := m.exchange
	m.exchange = exchange{}
	for _, d := range m.daemons {
		d.table = table{}
	}
	if x.next == nil {
		m.release(x.held)
		return
	}
	m.release(x.held[:x.before])
	m.split(x.next)
	m.release(x.held[x.before:])
}

func (m *Machine) release(held []ring.Message) {
	for i := range held {
		m.message(&held[i])
	}
}

// settle announces the outcome of an exchange to a group's members, if it
// concerns them.
func (m *Machine) settle(g *group) {
	parts := g.parts
	g.parts = nil
	if len(parts) > 0 {
		g.resort(m.self)
	}
	switch {
	case !g.changed && len(parts) == 1:
		g.id = parts[0].id
		return
	case !g.changed && len(parts) == 0:
		return
	}
	g.changed = false
	g.id = groupID(m.naming, 1)
	if len(parts) < 2 {
		m.together(g)
		return
	}
	m.merged(g, parts)
}

// merged announces a view with one set for each part its members came from,
// ordered by the id under which they come. Parts that share a configuration
// whose exchange was interrupted may come under the same id; the id of their first
// daemon decides, which is the same whatever configurations of daemons there were.
func (m *Machine) merged(g *group, parts []part) {
	if len(g.viewers) == 0 {
		return
	}
	slices.SortFunc(parts, part.compare)
	n := &m.notice
	n.reset(len(g.members))
	own := 0
	for _, p := range parts {
		from := len(n.names)
		for i := 0; i < len(g.members); {
			next := g.next(i)
			if g.members[i].at.by == p.by {
				for _, c := range g.members[i:next] {
					n.names = append(n.names, c.name)
				}
			}
			i = next
		}
		if n.done(from) && p.by == m.self.by {
			own = len(n.sets) - 1
		}
	}
	m.show(g.viewers, g, clientproto.CausedByNetwork, own)
}

// compare sorts parts by what all daemons know alike.
func (p part) compare(o part) int {
	return cmp.Or(cmp.Compare(p.id.Daemon, o.id.Daemon), cmp.Compare(p.id.Time, o.id.Time),
		cmp.Compare(p.id.Index, o.id.Index), cmp.Compare(p.by.id, o.by.id))
}

// mergeTables adds the members that other parts of the system have told of.
func (m *Machine) mergeTables() {
	for _, id := range m.config.Members {
		d := m.daemons[id]
		if d.with || !d.ended {
			continue
		}
		var last clientproto.Name
		for _, records := range d.parts {
			m.mergeRecords(d, records, &last)
		}
		d.parts = nil
	}
}

// mergeRecords reads the records of one message. Groups must come in the order
// of their names; last is the one that came last. What stands behind something
// that cannot be read, or is out of order, does not count.
func (m *Machine) mergeRecords(from *daemon, b []byte, last *clientproto.Name) {
	var r record
	var of *daemon
	named := false
	for len(b) > 0 {
		rest, ok := r.next(b)
		if !ok || r.kind == recordGroup && r.name.Compare(last) < 0 {
			m.counted.Malformed++
			return
		}
		b = rest
		switch r.kind {
		case recordGroup:
			named, of = true, nil
			*last = r.name
		case recordDaemon:
			if of = m.daemons[r.daemon]; of != nil && of.by != from {
				of = nil
			}
		case recordMember:
			if named && of != nil {
				m.mergeMember(from, of, &r)
			}
		}
	}
}

// mergeMember adds a member of daemon of to a group, as the table of from says.
// The group is put in order afterwards.
func (m *Machine) mergeMember(from, of *daemon, r *record) {
	who, ok := of.private(r.user)
	if !ok {
		m.counted.Malformed++
		return
	}
	g := m.groups[r.name]
	if g == nil {
		g = m.create(r.name)
	}
	c := m.clients[who]
	if c == nil {
		c = &client{name: who, at: of}
		m.clients[who] = c
	} else if _, in := c.find(g); in {
		return
	}
	if len(g.parts) == 0 && len(g.members) > 0 {
		g.parts = append(g.parts, part{m.self.by, g.id})
	}
	if !slices.ContainsFunc(g.parts, func(p part) bool { return p.by == from }) {
		g.parts = append(g.parts, part{from, r.id})
	}
	g.changed = g.changed || r.changed
	g.members = append(g.members, c)
	c.enter(g)
}

// private makes the private group of a user at d.
func (d *daemon) private(user []byte) (clientproto.Name, bool) {
	var n clientproto.Name
	if d.name == "" || len(user) == 0 || 2+len(user)+len(d.name) > len(n) {
		return n, false
	}
	n[0] = '#'
	copy(n[1:], user)
	n[1+len(user)] = '#'
	copy(n[2+len(user):], d.name)
	return n, !bytes.ContainsAny(user, "#\x00")
}
