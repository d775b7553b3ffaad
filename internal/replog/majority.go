package replog

import (
	"encoding/binary"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Config is what a replica knows of itself. It stays the same.
type Config struct {
	Name     string   // of this replica
	Group    string   // of all
	Replicas []string // the names of all (Majority)
	Durable  bool     // what is persisted is wanted

	Pending      int // updates that may be under way
	PendingBytes int // of these
	LogEntries   int // applied updates that are kept for others that lack them
	LogBytes     int // of these
	HeldBytes    int // updates that may wait for the state before them
	CompactBytes int // records that may be persisted before they are replaced by a snapshot
	Part         int // bytes of a state that go in one message; 0: what is usual
}

// Majority is a replica of a state that goes on where a majority of the replicas is.
// Its methods return what is to be done. It is not safe for concurrent use.
type Majority struct {
	cfg Config
	m   Machine

	// What is persisted.
	stateful bool   // it has a state that counts
	promised uint64 // it takes part in no epoch before this
	epoch    uint64 // of which the log is
	log      updates
	mem      *memory

	me    string // private group; "" without a connection
	view  *majorityView
	acks  map[string]uint64 // lengths of logs of ackOf
	ackOf uint64
	ackBy []string // private groups of the replicas of that epoch
	acked uint64   // what this replica has told, of ackOf
	pend  *pending
	syncs uint64

	unsaved   []byte
	written   int // bytes since the last snapshot
	lastWhole int // bytes of that
	mark      int64
	effects
}

// NewMajority makes a replica without a state.
func NewMajority(cfg Config, m Machine) *Majority {
	if cfg.Part == 0 {
		cfg.Part = partSize
	}
	return &Majority{cfg: cfg, m: m, mem: newMemory(), acks: map[string]uint64{}, pend: newPending()}
}

// set names the set of replicas that this one is told of.
func (c *Majority) set() string {
	return digest(slices.Sorted(slices.Values(c.cfg.Replicas))...)[:16]
}

// needed is how many replicas are a majority.
func (c *Majority) needed() int { return len(c.cfg.Replicas)/2 + 1 }

// Load takes back what was persisted: all that were compacted, and the records
// behind that.
func (c *Majority) Load(records []byte) error {
	r := &reader{b: records}
	for len(r.b) > 0 && !r.broken {
		kind := byte(r.number(1))
		if err := c.loadRecord(kind, &reader{b: r.bytes()}); err != nil {
			return err
		}
	}
	if r.broken {
		return fmt.Errorf("a record is cut off")
	}
	c.written = len(records)
	return nil
}

func (c *Majority) loadRecord(kind byte, r *reader) error {
	switch kind {
	case promiseRecord:
		c.promised = r.number(8)
	case adoptRecord:
		c.epoch, c.stateful = r.number(8), true
	case snapshotRecord:
		if err := c.restore(r); err != nil {
			return err
		}
	case cutRecord:
		if n := r.number(8); n >= c.log.start && n <= c.log.length() {
			c.log.cut(n)
		} else {
			r.broken = true
		}
	case entryRecord:
		c.log.add(r.entry())
	case commitRecord:
		n := r.number(8)
		if n > c.log.length() {
			r.broken = true
			break
		}
		c.apply(n)
	default:
		return fmt.Errorf("a record of kind %q, which this version does not know", kind)
	}
	if r.broken {
		return fmt.Errorf("a record of kind %q makes no sense", kind)
	}
	return nil
}

// restore takes a snapshot: index, memory, state.
func (c *Majority) restore(r *reader) error {
	index := r.number(8)
	mem := newMemory()
	mem.read(r)
	state := r.bytes()
	if r.broken {
		return fmt.Errorf("a snapshot is cut off")
	}
	if err := c.m.Restore(state); err != nil {
		return fmt.Errorf("restore a snapshot of %d bytes: %w", len(state), err)
	}
	c.mem = mem
	c.log = updates{start: index, commit: index}
	return nil
}

func (c *Majority) snapshot() ([]byte, error) {
	state, err := c.m.Snapshot()
	if err != nil {
		return nil, fmt.Errorf("snapshot: %w", err)
	}
	b := binary.BigEndian.AppendUint64(nil, c.log.commit)
	return appendBytes(c.mem.append(b), state), nil
}

// save adds a record to what is to be persisted.
func (c *Majority) save(kind byte, payload []byte) {
	if c.cfg.Durable {
		c.unsaved = appendRecord(c.unsaved, kind, payload)
	}
}

func (c *Majority) saveNumber(kind byte, n uint64) {
	if c.cfg.Durable {
		c.unsaved = numberRecord(c.unsaved, kind, n)
	}
}

// persist hands out what was saved.
func (c *Majority) persist() {
	if len(c.unsaved) == 0 {
		return
	}
	if c.written+len(c.unsaved) > c.cfg.CompactBytes+2*c.lastWhole {
		if c.compact(); c.failed {
			return
		}
		return
	}
	if c.stateful {
		c.saveNumber(commitRecord, c.log.commit)
	}
	c.written += len(c.unsaved)
	c.emit(Persist{c.unsaved})
	c.unsaved = nil
}

func (c *Majority) compact() {
	b := numberRecord(nil, promiseRecord, c.promised)
	if c.stateful {
		s, err := c.snapshot()
		if err != nil {
			c.fail(err.Error())
			return
		}
		b = appendRecord(b, snapshotRecord, s)
		for _, e := range c.log.behind(c.log.commit) {
			b = appendRecord(b, entryRecord, e.append(nil))
		}
		b = numberRecord(b, adoptRecord, c.epoch)
	}
	c.unsaved, c.written, c.lastWhole = nil, 0, len(b)
	c.emit(Compact{b})
}

// Flush persists and acknowledges what has come. It is to be called when there is
// nothing more to handle, or often enough.
func (c *Majority) Flush() []Effect {
	c.flush()
	return c.take()
}

func (c *Majority) flush() {
	c.persist()
	if c.failed || c.me == "" || !c.stateful || c.ackOf != c.epoch || c.acked == c.log.length()+1 {
		return
	}
	c.acked = c.log.length() + 1
	c.send(encode("ack", nil, c.epoch, c.log.length()), c.cfg.Group)
	if v := c.view; v != nil && v.phase == active {
		c.log.trim(c.cfg.LogEntries, c.cfg.LogBytes)
	}
}

// Connected tells of a new connection, under a name. Views and messages that come
// from now on are its own.
func (c *Majority) Connected(me string) []Effect {
	c.me, c.view = me, nil
	c.acked = 0
	return c.take()
}

// Lost tells that there is no connection.
func (c *Majority) Lost() { c.me, c.view = "", nil }

// Message takes a message that came in the order of the group: one that was sent to
// the group or to this replica with an ordered service.
func (c *Majority) Message(sender string, data []byte) []Effect {
	m, ok := parse(data)
	if !ok || c.me == "" || c.failed {
		return nil
	}
	switch m.verb {
	case "update":
		c.updated(sender, m)
	case "ack":
		c.acknowledged(sender, m)
	case "sync":
		c.askedSync(sender, m)
	case "synced":
		c.synced(sender, m)
	case "hello", "promise", "skip", "state", "got":
		if c.view != nil {
			c.exchanged(sender, m)
		}
	}
	return c.take()
}

// updated takes an update of a replica. It counts if it was sent and comes in the
// same epoch: then it is at the same place in the log of all.
func (c *Majority) updated(sender string, m *message) {
	var epoch, since uint64
	var id string
	v := c.view
	if v == nil || v.phase != active || !m.take(&epoch, &id, &since) || epoch != v.epoch ||
		!ValidID(id) || len(m.data) > MaxUpdate || !slices.Contains(v.people, sender) {
		return
	}
	e := Entry{ID: id, Origin: nameOf(sender), Since: since, Data: slices.Clone(m.data)}
	if v.adopted {
		c.append(e)
		return
	}
	v.tail = append(v.tail, e)
	if v.held += len(e.Data) + 100; v.held > c.cfg.HeldBytes {
		v.phase = ended
		c.emit(Rejoin{})
	}
}

func (c *Majority) append(e Entry) {
	c.log.add(e)
	if c.cfg.Durable {
		c.save(entryRecord, e.append(nil))
	}
}

// acknowledged takes what another has in its log, which stays true whatever
// happens.
func (c *Majority) acknowledged(sender string, m *message) {
	var epoch, length uint64
	name := nameOf(sender)
	if !m.take(&epoch, &length) || epoch != c.ackOf || !slices.Contains(c.ackBy, sender) {
		return
	}
	c.acks[name] = max(c.acks[name], length)
	c.advance()
}

// advance applies what a majority has in its logs.
func (c *Majority) advance() {
	if !c.stateful || c.ackOf != c.epoch {
		return
	}
	var have []uint64
	for _, n := range c.acks {
		have = append(have, n)
	}
	if len(have) < c.needed() {
		return
	}
	slices.Sort(have)
	c.apply(min(have[len(have)-c.needed()], c.log.length()))
	c.answerSyncs()
}

// apply applies the log up to an index.
func (c *Majority) apply(upto uint64) {
	for c.log.commit < upto {
		c.log.commit++
		e := c.log.at(c.log.commit)
		switch known := c.mem.ids[e.ID]; {
		case known != nil:
			c.resolveKnown(e.ID, known)
		case c.log.commit > e.Since && c.log.commit-e.Since > Remembered:
			if c.pend.remove(e.ID) != nil {
				c.emit(Resolve{ID: e.ID, Outcome: Unknown, Reason: "it was under way for too long to tell whether it was applied before"})
			}
		default:
			result := c.m.Apply(&Update{Index: c.log.commit, ID: e.ID, Origin: e.Origin, Data: e.Data})
			c.mem.add(e.ID, result)
			if c.pend.remove(e.ID) != nil {
				c.emit(Resolve{ID: e.ID, Result: result, Kept: true})
			}
		}
	}
}

func (c *Majority) resolveKnown(id string, known *memo) {
	if c.pend.remove(id) != nil {
		c.emit(Resolve{ID: id, Result: known.result, Kept: known.kept})
	}
}

// Submit takes an update of this replica. It ends with a Resolve.
func (c *Majority) Submit(id string, data []byte) []Effect {
	w := &wish{entry: Entry{ID: id, Origin: c.cfg.Name, Data: data}}
	switch {
	case c.pend.byID[id] != nil:
		c.refuse(id, "an update with this id is under way")
	case len(c.pend.list) >= c.cfg.Pending || c.pend.bytes+len(data) > c.cfg.PendingBytes && c.pend.bytes > 0:
		c.refuse(id, busy)
	default:
		c.want(w)
	}
	return c.take()
}

const busy = "too many updates are under way"

// Sync asks for all that had been acknowledged anywhere before. It ends with a
// Resolve when that is applied here.
func (c *Majority) Sync() (id string, out []Effect) {
	c.syncs++
	w := &wish{entry: Entry{ID: "sync " + strconv.FormatUint(c.syncs, 10)}, sync: c.syncs}
	c.want(w)
	return w.entry.ID, c.take()
}

func (c *Majority) want(w *wish) {
	if c.view != nil && c.view.phase == minority {
		c.refuse(w.entry.ID, c.view.reason)
		return
	}
	c.pend.add(w)
	if c.view != nil && c.view.phase == active && c.view.adopted {
		c.sendWish(w)
	}
}

func (c *Majority) refuse(id, reason string) {
	c.emit(Resolve{ID: id, Outcome: Refused, Reason: reason})
}

// sendAll sends in a new epoch what is not in its log.
func (c *Majority) sendAll() {
	if len(c.pend.list) == 0 {
		return
	}
	logged := map[string]bool{}
	for _, e := range c.log.behind(c.log.commit) {
		logged[e.ID] = true
	}
	for _, w := range slices.Clone(c.pend.list) {
		if known := c.mem.ids[w.entry.ID]; known != nil {
			c.resolveKnown(w.entry.ID, known)
		} else if !logged[w.entry.ID] {
			c.sendWish(w)
		}
	}
}

func (c *Majority) sendWish(w *wish) {
	e := c.view.epoch
	if w.sync > 0 {
		w.heard, w.placed = nil, false
		c.send(encode("sync", nil, e, w.sync), c.cfg.Group)
		return
	}
	if n := c.log.length(); !w.sent || n < w.entry.Since {
		// Shorter than when it was sent first: what was at its end was not adopted.
		w.sent, w.entry.Since = true, n
	}
	c.send(encode("update", w.entry.Data, e, w.entry.ID, w.entry.Since), c.cfg.Group)
}

// Withdraw forgets an update or sync that nobody waits for any more. It tells whether
// it is still there, and whether it was sent, so that it may yet be applied.
func (c *Majority) Withdraw(id string) (there, sent bool) {
	w := c.pend.remove(id)
	return w != nil, w != nil && w.sent
}

// askedSync answers that this replica is still in that epoch.
func (c *Majority) askedSync(sender string, m *message) {
	var epoch, n uint64
	v := c.view
	if v == nil || v.phase != active || !m.take(&epoch, &n) || epoch != v.epoch || !slices.Contains(v.people, sender) {
		return
	}
	if sender == c.me {
		if w := c.pend.byID["sync "+strconv.FormatUint(n, 10)]; w != nil {
			w.placed, w.upto = true, c.length()
		}
	}
	v.owed[sender] = n
	c.payOwed()
}

// payOwed answers syncs once this replica has the log of the epoch. An answer is one
// to all earlier syncs of its receiver, too.
func (c *Majority) payOwed() {
	v := c.view
	if !v.adopted {
		return
	}
	for _, p := range v.people {
		if n, owed := v.owed[p]; owed {
			c.send(encode("synced", nil, v.epoch, n), p)
		}
	}
	clear(v.owed)
}

func (c *Majority) synced(sender string, m *message) {
	var epoch, n uint64
	v := c.view
	if v == nil || v.phase != active || !m.take(&epoch, &n) || epoch != v.epoch || !slices.Contains(v.people, sender) {
		return
	}
	name := nameOf(sender)
	for _, w := range c.pend.list {
		if w.sync > 0 && w.sync <= n && !slices.Contains(w.heard, name) {
			w.heard = append(w.heard, name)
		}
	}
	c.answerSyncs()
}

func (c *Majority) answerSyncs() {
	v := c.view
	if v == nil || v.phase != active || !v.adopted {
		return
	}
	for _, w := range slices.Clone(c.pend.list) {
		if w.sync > 0 && w.placed && len(w.heard) >= c.needed() && c.log.commit >= w.upto {
			c.pend.remove(w.entry.ID)
			c.emit(Resolve{ID: w.entry.ID})
		}
	}
}

// length is that of the log of the present part, as far as it has come here.
func (c *Majority) length() uint64 {
	if v := c.view; v != nil && v.phase == active && !v.adopted {
		return v.baseLength() + uint64(len(v.tail))
	}
	return c.log.length()
}

// Status tells how things are.
func (c *Majority) Status() Status {
	s := Status{Epoch: c.epoch, Applied: c.log.commit, Length: c.log.length(), Pending: len(c.pend.list), Reason: "there is no connection"}
	v := c.view
	switch {
	case v != nil:
		s.View, s.Reason = v.id, v.reason
		for _, p := range v.people {
			s.Members = append(s.Members, nameOf(p))
		}
		s.Ready = v.phase == active
		s.Current = s.Ready && v.adopted
	case c.me != "":
		s.Reason = "the group was not joined yet"
	}
	if s.Ready {
		s.Reason = ""
	}
	return s
}

func listNames(names []string) string {
	if len(names) == 0 {
		return "none"
	}
	return strings.Join(names, ", ")
}
