package replog

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// phase is how far the replicas of a view have come.
type phase uint8

const (
	hellos   phase = iota // until all have said what they have
	promises              // until a majority has promised to take part in no earlier epoch
	active                // updates are taken
	minority              // there is none
	ended                 // the signal has come, or the others went on without us
)

// majorityView is a view of the group at one replica.
type majorityView struct {
	id      string
	people  []string // replicas of the view, private groups
	phase   phase
	reason  string
	hello   map[string]*majorityHello
	skipped map[string]bool
	foreign []string // names of those with another set of replicas, who are none of ours

	// From the end of hellos on.
	epoch    uint64
	base     *majorityHello // whose log is that of the epoch; nil: an empty one
	promised map[string]bool

	// From the end of promises on.
	adopted bool // the log here is that of the epoch
	in      incoming
	sending []*outgoing
	tail    []Entry           // behind the base, until it is here
	held    int               // bytes of these
	owed    map[string]uint64 // answers to syncs
}

type majorityHello struct {
	private                 string
	name                    string
	stateful                bool
	promised, epoch, length uint64
	commit, start           uint64
}

// View takes a view of the group: a name that no other view has, and the members.
func (c *Majority) View(view string, members []string) []Effect {
	if c.me == "" || c.failed || !slices.Contains(members, c.me) {
		return nil
	}
	c.flush()
	v := &majorityView{
		id: view, phase: hellos, reason: "the replicas of a new view have not all said what they have",
		hello: map[string]*majorityHello{}, skipped: map[string]bool{}, promised: map[string]bool{},
		owed: map[string]uint64{},
	}
	for _, m := range members {
		if slices.Contains(c.cfg.Replicas, nameOf(m)) {
			v.people = append(v.people, m)
		}
	}
	c.view = v
	c.mark++
	c.send(encode("hello", nil, view, c.stateful, c.promised, c.epoch, c.log.length(), c.log.commit, c.log.start, c.set()), c.cfg.Group)
	return c.take()
}

// Signal tells that members were lost, so that others may not get what comes from
// now on, up to the next view.
func (c *Majority) Signal() []Effect {
	if v := c.view; v != nil {
		v.phase, v.reason = ended, "the view is changing"
		c.mark++
	}
	return c.take()
}

// exchanged takes a message of the exchange of the present view.
func (c *Majority) exchanged(sender string, m *message) {
	v := c.view
	if len(m.words) == 0 || m.words[0] != v.id || !slices.Contains(v.people, sender) {
		return
	}
	switch {
	case m.verb == "hello" && v.phase == hellos:
		c.helloed(sender, m)
	case m.verb == "skip" && v.phase == hellos:
		c.skip(m)
	case m.verb == "promise" && v.phase == promises:
		if v.promised[nameOf(sender)] = true; len(v.promised) >= c.needed() {
			c.activate()
		}
	case m.verb == "state" && v.phase == active && !v.adopted && v.base != nil && sender == v.base.private:
		c.state(m)
	case m.verb == "got" && v.phase == active:
		c.got(sender, m)
	}
}

func (c *Majority) helloed(sender string, m *message) {
	v := c.view
	h := &majorityHello{private: sender, name: nameOf(sender)}
	var view, set string
	if !m.take(&view, &h.stateful, &h.promised, &h.epoch, &h.length, &h.commit, &h.start, &set) ||
		h.start > h.commit || h.commit > h.length || v.hello[sender] != nil || v.skipped[sender] {
		return
	}
	if set == c.set() {
		v.hello[sender] = h
	} else {
		v.people = slices.DeleteFunc(v.people, func(p string) bool { return p == sender })
		v.foreign = append(v.foreign, h.name)
	}
	c.mark++
	c.decide()
}

// Waiting tells whether others must be waited for, with a number that changes when
// one has been heard.
func (c *Majority) Waiting() (mark int64, waiting bool) {
	v := c.view
	return c.mark, v != nil && (v.phase == hellos || v.phase == active && !v.adopted)
}

// Skip gives up waiting: others that say nothing are left behind, or this replica
// begins anew.
func (c *Majority) Skip() []Effect {
	v := c.view
	if v == nil {
		return nil
	}
	switch {
	case v.phase == hellos:
		words := []any{v.id}
		for _, p := range v.people {
			if v.hello[p] == nil && !v.skipped[p] && p != c.me {
				words = append(words, p)
			}
		}
		if len(words) > 1 {
			c.send(encode("skip", nil, words...), c.cfg.Group)
		}
	case v.phase == active && !v.adopted:
		v.phase, v.reason = ended, "the state did not come"
		c.emit(Rejoin{})
	}
	return c.take()
}

func (c *Majority) skip(m *message) {
	v := c.view
	for _, p := range m.words[1:] {
		if slices.Contains(v.people, p) && v.hello[p] == nil {
			v.skipped[p] = true
		}
	}
	if v.skipped[c.me] {
		v.phase, v.reason = ended, "the others went on without this replica"
		c.emit(Rejoin{})
		return
	}
	c.mark++
	c.decide()
}

// decide looks whether all have said what they have, and who goes on then.
func (c *Majority) decide() {
	v := c.view
	for _, p := range v.people {
		if v.hello[p] == nil && !v.skipped[p] {
			return
		}
	}
	// Of each name the one that knows most: not a second process that was started by mistake.
	best := map[string]*majorityHello{}
	for _, p := range v.people {
		if h := v.hello[p]; h != nil && (best[h.name] == nil || h.better(best[h.name])) {
			best[h.name] = h
		}
	}
	var people []string
	var present []*majorityHello
	stateful := 0
	for _, p := range v.people {
		if h := v.hello[p]; h != nil && best[h.name] == h {
			present, people = append(present, h), append(people, p)
			stateful += b2i(h.stateful)
		}
	}
	if v.people = people; !slices.Contains(people, c.me) {
		v.phase = ended
		c.fail(fmt.Sprintf("another process takes part as %q", c.cfg.Name))
		return
	}
	if stateful < c.needed() && len(present) < len(c.cfg.Replicas) {
		c.stay(present)
		return
	}
	c.choose(present)
	v.phase, v.reason = promises, "a majority has not yet promised to go on together"
	c.promised = v.epoch
	c.saveNumber(promiseRecord, v.epoch)
	c.persist()
	c.send(encode("promise", nil, v.id), c.cfg.Group)
}

// stay makes the view one without a majority.
func (c *Majority) stay(present []*majorityHello) {
	v := c.view
	var with, without []string
	for _, h := range present {
		if h.stateful {
			with = append(with, h.name)
		} else {
			without = append(without, h.name)
		}
	}
	v.phase = minority
	c.mark++
	v.reason = fmt.Sprintf("no majority: of %d replicas %d are needed, and here are only %s", len(c.cfg.Replicas), c.needed(), listNames(with))
	if len(without) > 0 {
		v.reason += fmt.Sprintf(", not counting those without a state (%s)", strings.Join(without, ", "))
	}
	if len(v.foreign) > 0 {
		v.reason += fmt.Sprintf("; %s have another list of replicas", strings.Join(v.foreign, ", "))
	}
	c.out = append(c.out, c.pend.refuse(v.reason)...)
}

// better tells whether a process knows more than another one of the same name.
func (h *majorityHello) better(o *majorityHello) bool {
	if h.stateful != o.stateful {
		return h.stateful
	}
	return cmp.Or(cmp.Compare(h.epoch, o.epoch), cmp.Compare(h.length, o.length), cmp.Compare(h.promised, o.promised)) > 0
}

// choose sets the epoch, and whose log it begins with.
func (c *Majority) choose(present []*majorityHello) {
	v := c.view
	for _, h := range present {
		v.epoch = max(v.epoch, h.promised, h.epoch)
		if b := v.base; h.stateful && (b == nil || h.epoch > b.epoch || h.epoch == b.epoch &&
			(h.length > b.length || h.length == b.length && h.name < b.name)) {
			v.base = h
		}
	}
	v.epoch++
}

func (v *majorityView) baseLength() uint64 {
	if v.base == nil {
		return 0
	}
	return v.base.length
}

// has returns how much of the base's log a replica has.
func (v *majorityView) has(h *majorityHello) uint64 {
	switch {
	case !h.stateful || v.base == nil:
		return 0
	case h.epoch == v.base.epoch:
		return h.length
	}
	return h.commit // the same at all; what is behind may differ
}

// activate begins the epoch, at the same place in the order of all.
func (c *Majority) activate() {
	v := c.view
	v.phase, v.reason = active, ""
	c.mark++
	c.ackOf, c.ackBy, c.acked = v.epoch, slices.Clone(v.people), 0
	clear(c.acks)
	if v.has(v.hello[c.me]) == v.baseLength() {
		c.adopt(nil)
	}
	if v.base != nil && v.base.private == c.me {
		c.supply()
	}
}

// supply sends the others what they lack.
func (c *Majority) supply() {
	v := c.view
	var suffix, whole []string
	least := v.base.length
	for _, p := range v.people {
		switch has := v.has(v.hello[p]); {
		case has == v.base.length:
		case has < c.log.start:
			whole = append(whole, p)
		default:
			suffix = append(suffix, p)
			least = min(least, has)
		}
	}
	if len(suffix) > 0 {
		b := numberRecord(nil, cutRecord, least)
		c.supplyTo(suffix, appendEntries(b, c.log.behind(least)))
	}
	if len(whole) > 0 {
		s, err := c.snapshot()
		if err != nil {
			c.fail(err.Error())
			return
		}
		b := appendRecord(nil, snapshotRecord, s)
		c.supplyTo(whole, appendEntries(b, c.log.behind(c.log.commit)))
	}
}

func (c *Majority) supplyTo(to []string, blob []byte) {
	o := newOutgoing(to, to, blob, c.cfg.Part)
	c.view.sending = append(c.view.sending, o)
	c.out = append(c.out, o.more(c.view.id)...)
}

// got takes the receipt of a part of a state.
func (c *Majority) got(sender string, m *message) {
	var view string
	var n uint64
	if !m.take(&view, &n) {
		return
	}
	for _, o := range c.view.sending {
		if slices.Contains(o.from, sender) {
			o.got[sender] = max(o.got[sender], n)
			c.out = append(c.out, o.more(view)...)
		}
	}
}

// state takes a part of the state that this replica lacks.
func (c *Majority) state(m *message) {
	v := c.view
	var view string
	var n, of uint64
	if !m.take(&view, &n, &of) {
		return
	}
	ok, done := v.in.take(n, of, m.data)
	if !ok {
		return
	}
	c.mark++
	c.send(encode("got", nil, view, n), v.base.private)
	if done {
		blob := v.in.blob
		v.in.blob = nil
		c.adopt(blob)
	}
}

// adopt makes the log that of the epoch, with what was sent for it.
func (c *Majority) adopt(blob []byte) {
	v := c.view
	if err := c.replace(blob); err != nil {
		c.fail(fmt.Sprintf("take over the state of replica %s: %v", v.base.name, err))
		return
	}
	c.stateful, c.epoch, v.adopted = true, v.epoch, true
	c.mark++
	c.saveNumber(adoptRecord, c.epoch)
	for _, e := range v.tail {
		c.append(e)
	}
	v.tail = nil
	upto := uint64(0)
	for _, p := range v.people {
		if h := v.hello[p]; h.stateful {
			upto = max(upto, h.commit)
		}
	}
	c.apply(min(upto, v.baseLength()))
	c.advance()
	c.payOwed()
	c.sendAll()
}

// replace makes the log that of the base.
func (c *Majority) replace(blob []byte) error {
	v := c.view
	if n := v.baseLength(); c.log.commit > n {
		return fmt.Errorf("%d updates are applied here, and the others know of %d only: some of them have lost what they had acknowledged, or have an old store", c.log.commit, n)
	}
	// More may be applied than HELLO has told, by acknowledgements that came late. That much is the same at
	// all, and must not be cut: a snapshot in the store may stand there.
	has := max(v.has(v.hello[c.me]), c.log.commit)
	r := &reader{b: blob}
	var from uint64
	whole := false
	if len(blob) > 0 {
		kind := byte(r.number(1))
		payload := r.bytes()
		switch kind {
		case cutRecord:
			from = (&reader{b: payload}).number(8)
		case snapshotRecord:
			whole = true
			if err := c.restore(&reader{b: payload}); err != nil {
				return err
			}
			c.save(snapshotRecord, payload)
			from, has = c.log.start, c.log.start
		default:
			return fmt.Errorf("it is of kind %q, which this version does not know", kind)
		}
	} else {
		from = has
	}
	more := r.entries()
	if r.broken || from > has || from+uint64(len(more)) != v.baseLength() {
		return fmt.Errorf("it does not fit what was announced")
	}
	if !whole {
		c.log.cut(has)
		c.saveNumber(cutRecord, has)
	}
	for _, e := range more[has-from:] {
		c.append(e)
	}
	return nil
}
