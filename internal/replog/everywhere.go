package replog

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"slices"
	"strconv"
)

// Everywhere is a replica of a state that goes on in every part of a parted network;
// parts that meet again merge their states. Its methods return what is to be done. It is
// not safe for concurrent use.
type Everywhere struct {
	cfg Config
	m   Machine

	lineage string // names the state by all that led to it; "" if nothing was ever applied
	past    past
	applied uint64
	mem     *memory

	me    string
	view  *openView
	pend  *pending
	syncs uint64
	mark  int64
	effects
}

// past are the lineages of earlier states.
type past struct {
	known map[string]bool
	list  []string
}

func (p *past) add(lineage string) {
	if lineage == "" || p.known[lineage] {
		return
	}
	if p.known == nil {
		p.known = map[string]bool{}
	}
	p.known[lineage] = true
	p.list = append(p.list, lineage)
	if len(p.list) > Remembered {
		delete(p.known, p.list[0])
		p.list = p.list[1:]
	}
}

// openPhase is how far the replicas of a view have come.
type openPhase uint8

const (
	greeting  openPhase = iota // until all have told their lineages
	comparing                  // until it is known which are beginnings of others
	merging                    // until the states of all are there
	running                    // updates are taken
	outside                    // the others went on without us
)

// openView is a view of the group at one replica.
type openView struct {
	id      string
	people  []string
	phase   openPhase
	lineage map[string]string // of those who have said it
	skipped map[string]bool

	reps  []string // the first of each lineage
	heads []string // lineages that are no beginnings of others
	knows map[string][]string

	from    map[string]*incoming // states on their way here, by sender
	sending *outgoing
	current bool    // the state here is that of the view
	tail    []Entry // updates that wait for it
	held    int
}

// NewEverywhere makes a replica with the state that all have at first.
func NewEverywhere(cfg Config, m Machine) *Everywhere {
	if cfg.Part == 0 {
		cfg.Part = partSize
	}
	return &Everywhere{cfg: cfg, m: m, mem: newMemory(), pend: newPending()}
}

// digest names what follows from some names.
func digest(words ...string) string {
	h := sha256.New()
	for _, w := range words {
		h.Write(appendString(nil, w))
	}
	return hex.EncodeToString(h.Sum(nil)[:16])
}

// Connected tells of a new connection, under a name.
func (c *Everywhere) Connected(me string) []Effect {
	c.me, c.view = me, nil
	return c.take()
}

// Lost tells that there is no connection.
func (c *Everywhere) Lost() { c.me, c.view = "", nil }

// Signal tells that members were lost: nothing follows from it.
func (c *Everywhere) Signal() []Effect { return nil }

// Flush does nothing: nothing is kept on disk.
func (c *Everywhere) Flush() []Effect { return nil }

// View takes a view of the group.
func (c *Everywhere) View(view string, members []string) []Effect {
	if c.me == "" || c.failed || !slices.Contains(members, c.me) {
		return nil
	}
	c.mark++
	c.view = &openView{
		id: view, people: slices.Clone(members), lineage: map[string]string{}, skipped: map[string]bool{},
		knows: map[string][]string{}, from: map[string]*incoming{},
	}
	c.send(encode("hello", nil, view, c.lineage), c.cfg.Group)
	return c.take()
}

// Message takes a message that came in the order of the group: one that was sent to
// the group or to this replica with an ordered service.
func (c *Everywhere) Message(sender string, data []byte) []Effect {
	m, ok := parse(data)
	v := c.view
	if !ok || v == nil || c.failed || len(m.words) == 0 || m.words[0] != v.id || !slices.Contains(v.people, sender) {
		return nil
	}
	var view string
	var n, of uint64
	switch m.verb {
	case "update":
		c.updated(sender, m)
	case "sync":
		if sender == c.me && m.take(&view, &n) && v.phase == running && v.current {
			c.synced(n)
		}
	case "hello":
		c.helloed(sender, m)
	case "skip":
		c.skip(m)
	case "knows":
		if v.phase == comparing && slices.Contains(v.reps, sender) && v.knows[sender] == nil {
			v.knows[sender] = append([]string{""}, m.words[1:]...)
			c.mark++
			c.compare()
		}
	case "state":
		if m.take(&view, &n, &of) {
			c.state(sender, n, of, m.data)
		}
	case "got":
		if o := v.sending; o != nil && m.take(&view, &n) && slices.Contains(o.from, sender) {
			o.got[sender] = max(o.got[sender], n)
			c.out = append(c.out, o.more(view)...)
		}
	}
	return c.take()
}

func (c *Everywhere) helloed(sender string, m *message) {
	v := c.view
	var view, lineage string
	if v.phase != greeting || !m.take(&view, &lineage) || v.skipped[sender] {
		return
	}
	if _, twice := v.lineage[sender]; twice {
		return
	}
	v.lineage[sender] = lineage
	c.mark++
	c.greet()
}

// Waiting tells whether others must be waited for, with a number that changes when
// one has been heard.
func (c *Everywhere) Waiting() (mark int64, waiting bool) {
	v := c.view
	return c.mark, v != nil && v.phase != outside && !v.current
}

// Skip gives up waiting: others that say nothing are left behind, or this replica
// begins anew.
func (c *Everywhere) Skip() []Effect {
	v := c.view
	switch _, waiting := c.Waiting(); {
	case !waiting:
	case v.phase == greeting:
		words := []any{v.id}
		for _, p := range v.people {
			if _, said := v.lineage[p]; !said && !v.skipped[p] && p != c.me {
				words = append(words, p)
			}
		}
		if len(words) > 1 {
			c.send(encode("skip", nil, words...), c.cfg.Group)
		}
	default:
		c.rejoin()
	}
	return c.take()
}

func (c *Everywhere) rejoin() {
	c.view.phase = outside
	c.emit(Rejoin{})
}

func (c *Everywhere) skip(m *message) {
	v := c.view
	if v.phase != greeting {
		return
	}
	for _, p := range m.words[1:] {
		if _, said := v.lineage[p]; !said && slices.Contains(v.people, p) {
			v.skipped[p] = true
		}
	}
	if v.skipped[c.me] {
		c.rejoin()
		return
	}
	c.mark++
	c.greet()
}

// greet looks whether all have told their lineages.
func (c *Everywhere) greet() {
	v := c.view
	for _, p := range v.people {
		if _, said := v.lineage[p]; !said && !v.skipped[p] {
			return
		}
	}
	v.people = slices.DeleteFunc(v.people, func(p string) bool { return v.skipped[p] })
	for _, p := range v.people {
		if l := v.lineage[p]; l != "" && !slices.Contains(v.heads, l) {
			v.heads = append(v.heads, l)
			v.reps = append(v.reps, p)
		}
	}
	if len(v.heads) < 2 {
		c.begin()
		return
	}
	v.phase = comparing
	if slices.Contains(v.reps, c.me) {
		words := []any{v.id}
		for _, l := range v.heads {
			if c.past.known[l] && l != c.lineage {
				words = append(words, l)
			}
		}
		c.send(encode("knows", nil, words...), c.cfg.Group)
	}
}

// compare looks whether it is known which lineages are beginnings of others.
func (c *Everywhere) compare() {
	v := c.view
	old := map[string]bool{}
	for _, p := range v.reps {
		if v.knows[p] == nil {
			return
		}
		for _, l := range v.knows[p] {
			if l != v.lineage[p] {
				old[l] = true
			}
		}
	}
	if !slices.ContainsFunc(v.heads, func(l string) bool { return !old[l] }) {
		clear(old) // nobody who means well says so
	}
	v.reps = slices.DeleteFunc(v.reps, func(p string) bool { return old[v.lineage[p]] })
	v.heads = slices.DeleteFunc(v.heads, func(l string) bool { return old[l] })
	c.begin()
}

// begin makes the state that of the view, or fetches it.
func (c *Everywhere) begin() {
	v := c.view
	if len(v.heads) > 1 {
		v.phase = merging
		if slices.Contains(v.reps, c.me) {
			c.supply([]string{c.cfg.Group}, slices.DeleteFunc(slices.Clone(v.people), func(p string) bool { return p == c.me }))
		}
		return
	}
	v.phase = running
	if len(v.heads) == 0 || c.lineage == v.heads[0] {
		c.settle()
	}
	if len(v.heads) == 1 && v.reps[0] == c.me {
		lack := slices.DeleteFunc(slices.Clone(v.people), func(p string) bool { return v.lineage[p] == c.lineage })
		if len(lack) > 0 {
			c.supply(lack, lack)
		}
	}
}

// supply sends the state.
func (c *Everywhere) supply(to, from []string) {
	state, err := c.m.Snapshot()
	if err != nil {
		c.fail(fmt.Sprintf("snapshot: %v", err))
		return
	}
	b := appendString(nil, c.lineage)
	b = binary.BigEndian.AppendUint64(b, c.applied)
	b = binary.BigEndian.AppendUint32(b, uint32(len(c.past.list)))
	for _, l := range c.past.list {
		b = appendString(b, l)
	}
	b = appendBytes(c.mem.append(b), state)
	c.view.sending = newOutgoing(to, from, b, c.cfg.Part)
	c.out = append(c.out, c.view.sending.more(c.view.id)...)
}

// parcel is a state with what belongs to it.
type parcel struct {
	lineage string
	applied uint64
	past    []string
	mem     *memory
	state   []byte
}

func readParcel(b []byte) (*parcel, bool) {
	r := &reader{b: b}
	p := &parcel{lineage: r.string(), applied: r.number(8), mem: newMemory()}
	for n := r.number(4); n > 0 && !r.broken; n-- {
		p.past = append(p.past, r.string())
	}
	p.mem.read(r)
	p.state = r.bytes()
	return p, !r.broken && len(r.b) == 0
}

// state takes a part of a state.
func (c *Everywhere) state(sender string, n, of uint64, data []byte) {
	v := c.view
	if v.current || v.phase != running && v.phase != merging || !slices.Contains(v.reps, sender) {
		return
	}
	in := v.from[sender]
	if in == nil {
		in = &incoming{}
		v.from[sender] = in
	}
	ok, done := in.take(n, of, data)
	if !ok {
		return
	}
	c.mark++
	if sender != c.me {
		c.send(encode("got", nil, v.id, n), sender)
	}
	if done {
		c.fetched()
	}
}

// fetched looks whether all states are here, and takes them over.
func (c *Everywhere) fetched() {
	v := c.view
	var parcels []*parcel
	for i, p := range v.reps {
		in := v.from[p]
		if in == nil || in.of == 0 || in.next < in.of {
			return
		}
		parcel, ok := readParcel(in.blob)
		if !ok || parcel.lineage != v.heads[i] {
			c.fail(fmt.Sprintf("the state that replica %s has sent makes no sense", p))
			return
		}
		parcels = append(parcels, parcel)
	}
	clear(v.from)
	var err error
	if len(parcels) == 1 {
		err = c.m.Restore(parcels[0].state)
		c.lineage = parcels[0].lineage
	} else {
		var states [][]byte
		for _, p := range parcels {
			states = append(states, p.state)
		}
		err = c.m.Merge(states)
		c.lineage = digest(append([]string{"merge"}, v.heads...)...)
	}
	if err != nil {
		c.fail(fmt.Sprintf("take over %d states: %v", len(parcels), err))
		return
	}
	c.mem, c.past, c.applied = newMemory(), past{}, 0
	for _, p := range parcels {
		c.applied = max(c.applied, p.applied)
		for _, id := range p.mem.oldest {
			if c.mem.ids[id] == nil {
				c.mem.add(id, p.mem.ids[id].result)
				c.mem.ids[id].kept = p.mem.ids[id].kept
			}
		}
		for _, l := range p.past {
			c.past.add(l)
		}
	}
	if len(parcels) > 1 {
		for _, p := range parcels {
			c.past.add(p.lineage)
		}
	}
	c.settle()
}

// settle goes on with the state of the view.
func (c *Everywhere) settle() {
	v := c.view
	v.phase, v.current = running, true
	c.mark++
	for _, e := range v.tail {
		c.apply(e)
	}
	v.tail = nil
	for _, w := range slices.Clone(c.pend.list) {
		if known := c.mem.ids[w.entry.ID]; known != nil {
			c.pend.remove(w.entry.ID)
			c.emit(Resolve{ID: w.entry.ID, Result: known.result, Kept: known.kept})
		} else {
			c.sendWish(w)
		}
	}
}

func (c *Everywhere) updated(sender string, m *message) {
	v := c.view
	var view, id string
	if v.phase != running || !m.take(&view, &id) || !ValidID(id) || len(m.data) > MaxUpdate {
		return
	}
	e := Entry{ID: id, Origin: nameOf(sender), Data: slices.Clone(m.data)}
	if v.current {
		c.apply(e)
		return
	}
	v.tail = append(v.tail, e)
	if v.held += len(e.Data) + 100; v.held > c.cfg.HeldBytes {
		c.rejoin()
	}
}

func (c *Everywhere) apply(e Entry) {
	known := c.mem.ids[e.ID]
	if known == nil {
		result := c.m.Apply(&Update{ID: e.ID, Origin: e.Origin, Data: e.Data})
		c.applied++
		c.past.add(c.lineage)
		c.lineage = digest(c.lineage, e.ID, e.Origin, string(e.Data))
		c.mem.add(e.ID, result)
		known = &memo{result: result, kept: true}
	}
	if c.pend.remove(e.ID) != nil {
		c.emit(Resolve{ID: e.ID, Result: known.result, Kept: known.kept})
	}
}

// Submit takes an update of this replica. It ends with a Resolve.
func (c *Everywhere) Submit(id string, data []byte) []Effect {
	switch {
	case c.pend.byID[id] != nil:
		c.refuse(id, "an update with this id is under way")
	case len(c.pend.list) >= c.cfg.Pending || c.pend.bytes+len(data) > c.cfg.PendingBytes && c.pend.bytes > 0:
		c.refuse(id, busy)
	default:
		c.want(&wish{entry: Entry{ID: id, Origin: c.cfg.Name, Data: data}})
	}
	return c.take()
}

// Sync asks for all that was applied in this part before. It ends with a Resolve.
func (c *Everywhere) Sync() (id string, out []Effect) {
	c.syncs++
	w := &wish{entry: Entry{ID: "sync " + strconv.FormatUint(c.syncs, 10)}, sync: c.syncs}
	c.want(w)
	return w.entry.ID, c.take()
}

func (c *Everywhere) refuse(id, reason string) {
	c.emit(Resolve{ID: id, Outcome: Refused, Reason: reason})
}

func (c *Everywhere) want(w *wish) {
	c.pend.add(w)
	if c.view != nil && c.view.current {
		c.sendWish(w)
	}
}

func (c *Everywhere) sendWish(w *wish) {
	if w.sync > 0 {
		c.send(encode("sync", nil, c.view.id, w.sync), c.cfg.Group)
		return
	}
	w.sent = true
	c.send(encode("update", w.entry.Data, c.view.id, w.entry.ID), c.cfg.Group)
}

func (c *Everywhere) synced(n uint64) {
	id := "sync " + strconv.FormatUint(n, 10)
	if c.pend.remove(id) != nil {
		c.emit(Resolve{ID: id})
	}
}

// Withdraw forgets an update or sync that nobody waits for any more.
func (c *Everywhere) Withdraw(id string) (there, sent bool) {
	w := c.pend.remove(id)
	return w != nil, w != nil && w.sent
}

// Status tells how things are.
func (c *Everywhere) Status() Status {
	s := Status{Applied: c.applied, Length: c.applied, Pending: len(c.pend.list), Reason: "there is no connection"}
	v := c.view
	switch {
	case v != nil:
		s.View, s.Ready, s.Current, s.Reason = v.id, v.phase == running, v.current, "the replicas of a new view are comparing their states"
		for _, p := range v.people {
			s.Members = append(s.Members, nameOf(p))
		}
	case c.me != "":
		s.Reason = "the group was not joined yet"
	}
	if s.Ready {
		s.Reason = ""
	}
	return s
}
