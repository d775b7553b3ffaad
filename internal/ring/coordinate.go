package ring

import (
	"slices"
	"time"

	"gospread/spread/internal/ringproto"
	"gospread/spread/internal/seqset"
)

// coordination is an attempt as its coordinator sees it.
type coordination struct {
	group  []*peer
	bases  []ringproto.Config // where they were then
	lives  []ringproto.Life   // as they were when the attempt began; zero: has given it up
	bodies struct{ propose, plan []byte }
	states []*ringproto.StateBody // by place in group
	ready  []bool
	again  time.Duration
	wait   time.Duration
	began  time.Duration
}

// propose begins an attempt with group, whose first is this daemon.
func (m *Machine) propose(group []*peer) {
	m.number++
	id := ringproto.Attempt{Coordinator: m.self.life(), Number: m.number}
	c := &coordination{group: slices.Clone(group), states: make([]*ringproto.StateBody, len(group)),
		ready: make([]bool, len(group)), wait: slowestOf(group), again: m.now + slowestOf(group), began: m.now}
	b := ringproto.ProposeBody{Attempt: id}
	for _, p := range group {
		c.lives, c.bases = append(c.lives, p.life()), append(c.bases, m.configOf(p))
		x := ringproto.Candidate{Life: p.life(), Basis: m.configOf(p), Joined: p.join.Number}
		if p == m.self {
			x.Joined = m.joins
		}
		b.Members = append(b.Members, x)
	}
	c.bodies.propose = b.Append(nil)
	m.coord = c
	m.freeze(m.self, id)
	if len(group) > 1 {
		m.emit(0, ringproto.Propose, 0, c.bodies.propose)
	}
	m.planWhenKnown()
}

// slowestOf is how long the answers of a group may take.
func slowestOf(group []*peer) time.Duration {
	wait := formWait
	for _, p := range group {
		if p.rtt.n > 0 {
			wait = max(wait, p.answerTime(formWait))
		}
	}
	return wait
}

// onState takes what a member brings.
func (m *Machine) onState(p *peer, body []byte) {
	c := m.coord
	if c == nil || m.attempt == nil {
		return
	}
	var s ringproto.StateBody
	if err := s.Parse(body); err != nil || s.Time > LastTime || s.Stable > s.High || s.Missing.Max() > s.High ||
		!s.Missing.Empty() && s.Missing.Ranges()[0].Lo <= s.Stable || s.High-s.Stable > 2*maxWindow ||
		len(s.Commit) > mostMembers {
		m.counts.Malformed++
		return
	}
	i := slices.Index(c.group, p)
	if s.Attempt != m.attempt.id || i < 0 {
		m.counts.Stale++
		return
	}
	if c.states[i] == nil {
		c.states[i] = &s
		m.planWhenKnown()
		return
	}
	if c.bodies.plan != nil {
		m.emit(p.id, ringproto.Plan, 0, c.bodies.plan)
	}
}

// planWhenKnown makes the plan when all have told what they bring.
func (m *Machine) planWhenKnown() {
	c := m.coord
	if c.bodies.plan != nil || slices.Contains(c.states, nil) {
		return
	}
	if m.leaveOutLiars() {
		return
	}
	e := m.chooseEpoch()
	if e == nil {
		return // a new attempt is under way, without those who cannot share one
	}
	plan := ringproto.PlanBody{Attempt: m.attempt.id, Epoch: e.Digest}
	time := max(m.known, m.wall())
	for i, s := range c.states {
		time = max(time, s.Time)
		plan.Members = append(plan.Members, ringproto.Candidate{Life: c.group[i].life(), Basis: s.Old, Joined: s.Joined})
	}
	slices.SortFunc(plan.Members, func(a, b ringproto.Candidate) int {
		return e.place(DaemonID(a.ID)) - e.place(DaemonID(b.ID))
	})
	for i, s := range c.states {
		known := func(o ringproto.OldRing) bool { return o.Old == s.Old }
		if s.Old != (ringproto.Config{}) && !slices.ContainsFunc(plan.Rings, known) {
			time++
			plan.Rings = append(plan.Rings, c.oldRing(i, time))
		}
	}
	// All ids of the attempt are the coordinator's, who remembers the times that it
	// has used.
	plan.New = ringproto.Config{Leader: uint32(m.self.id), Time: time + 1}
	c.bodies.plan = plan.Append(nil)
	c.began = m.now
	if len(c.group) > 1 {
		m.emit(0, ringproto.Plan, 0, c.bodies.plan)
	}
	c.wait = slowestOf(c.group)
	c.again = m.now + c.wait
	m.recover(&plan)
}

// leaveOutLiars begins a new attempt without those who do not hold what others of
// their old configuration know to be held by all, or who tell of ours what cannot be.
// It reports whether there are any.
func (m *Machine) leaveOutLiars() bool {
	c := m.coord
	var honest []*peer
	for i, s := range c.states {
		line := s.Stable
		for k, o := range c.states {
			if o.Old == s.Old && !m.impossible(c.group[k], o) {
				line = max(line, o.Stable)
			}
		}
		if c.group[i] != m.self && (m.impossible(c.group[i], s) || s.High < line || !s.Missing.Empty() && s.Missing.Ranges()[0].Lo <= line) {
			c.group[i].joined = never
			m.note(Note{Kind: NoteFormFailed, Daemon: c.group[i].id})
			continue
		}
		honest = append(honest, c.group[i])
	}
	if len(honest) == len(c.group) {
		return false
	}
	m.propose(honest)
	return true
}

// impossible tells whether what p tells of our own old configuration cannot be: that it
// was in it, that all hold what we do not, or that there are numbers beyond the window.
func (m *Machine) impossible(p *peer, s *ringproto.StateBody) bool {
	r := m.ring
	return r != nil && s.Old == r.id && (r.member(p.id) == nil || s.Stable > r.aru || s.High >= r.store.low+maxWindow)
}

// chooseEpoch finds the configuration of daemons that all members can be in. If
// there is none, it begins a new attempt without those who cannot be in ours.
func (m *Machine) chooseEpoch() *Epoch {
	c := m.coord
	list := make([]epochs, len(c.states))
	for i, s := range c.states {
		list[i] = epochs{s.In, s.Offer}
	}
	list[0] = m.epochsOf(m.self) // we may have read another configuration since
	var e *Epoch
	if digest, ok := common(list); ok {
		e = m.epochOf(digest)
	}
	if e == nil {
		e = &m.epoch
		if m.next != nil && slices.ContainsFunc(list, func(o epochs) bool { return o.in == m.next.Digest }) {
			e = m.next
		}
	}
	var fit []*peer
	for i, p := range c.group {
		if list[i].has(e.Digest) && e.place(p.id) >= 0 {
			fit = append(fit, p)
		} else {
			p.joined = never
		}
	}
	if len(fit) < len(c.group) {
		m.propose(fit)
		return nil
	}
	return e
}

// oldRing sums up what the members of the old configuration of member first hold
// of it.
func (c *coordination) oldRing(first int, time uint32) ringproto.OldRing {
	o := ringproto.OldRing{Old: c.states[first].Old, Time: time}
	var states []*ringproto.StateBody
	for i, s := range c.states {
		if s.Old != o.Old {
			continue
		}
		states = append(states, s)
		id := uint32(c.group[i].id)
		o.Members = append(o.Members, id)
		o.Stable = max(o.Stable, s.Stable)
		o.High = max(o.High, s.High)
		for _, x := range append([]uint32{id}, s.Commit...) {
			if !slices.Contains(o.Commit, x) {
				o.Commit = append(o.Commit, x)
			}
		}
	}
	// Of everything up to High, what some lack, and what all do.
	var some seqset.Set
	lacks := make([]*seqset.Set, len(states))
	for i, s := range states {
		lacks[i] = s.Missing.Clone()
		if s.High < o.High {
			lacks[i].Add(s.High+1, o.High)
		}
		some.AddSet(lacks[i])
	}
	o.Sources = sources(&some, lacks, &o.Holes)
	return o
}

// sources finds, for every number that some lack, one who has it. What nobody has
// goes to holes.
func sources(some *seqset.Set, lacks []*seqset.Set, holes *seqset.Set) []ringproto.Source {
	var list []ringproto.Source
	by := 0
	for _, g := range some.Ranges() {
		for seq := g.Lo; seq <= g.Hi; seq++ {
			tried := 0
			for ; tried < len(lacks) && lacks[by].Contains(seq); tried++ {
				by = (by + 1) % len(lacks)
			}
			if tried == len(lacks) {
				holes.Add(seq, seq)
				continue
			}
			if n := len(list); n > 0 && list[n-1].By == by && list[n-1].Hi+1 == seq {
				list[n-1].Hi = seq
				continue
			}
			list = append(list, ringproto.Source{Range: seqset.Range{Lo: seq, Hi: seq}, By: by})
		}
	}
	return list
}

// onReady takes a member's word that it has everything.
func (m *Machine) onReady(p *peer, body []byte) {
	id, err := ringproto.ParseAttempt(body)
	if err != nil {
		m.counts.Malformed++
		return
	}
	switch {
	case m.attempt != nil && m.attempt.id == id && m.coord != nil:
		m.takeReady(p)
		if m.coord != nil {
			m.emit(p.id, ringproto.Ready, 0, body) // we are still here
		}
	case m.attempt != nil && m.attempt.id == id && m.attempt.coordinator == p:
		m.attempt.progress = m.now
	case m.state == operational && m.ring.by == id:
		m.emit(p.id, ringproto.Install, 0, body)
	}
}

// takeReady installs the configuration when all are ready.
func (m *Machine) takeReady(p *peer) {
	c := m.coord
	i := slices.Index(c.group, p)
	if i < 0 || c.bodies.plan == nil {
		return
	}
	c.ready[i] = true
	if slices.Contains(c.ready, false) {
		return
	}
	if len(c.group) > 1 {
		m.emit(0, ringproto.Install, 0, ringproto.AppendAttempt(nil, m.attempt.id))
	}
	m.install()
}

// silent tells whether member i of the attempt has not answered for too long, or has
// given it up. One that is ready repeats that until it can install: others may lack
// what only it has.
func (m *Machine) silent(c *coordination, i int) bool {
	p := c.group[i]
	since := m.now - c.began
	heard := m.now - max(p.heard, c.began)
	switch {
	case !p.alive() || p.life() != c.lives[i]:
		return true
	case c.ready[i]:
		return heard > max(2*m.t.Form, readySilence)
	case c.bodies.plan == nil:
		return c.states[i] == nil && since > m.t.Form
	default:
		return heard > m.t.Form || since > 40*m.t.Form
	}
}

// readySilence is the least time after which a member that is ready counts as silent.
const readySilence = 5 * mostWait

// coordinate repeats what has not been answered, and goes on without those who do
// not answer at all.
func (m *Machine) coordinate() {
	c := m.coord
	var answering []*peer
	for i, p := range c.group {
		if p == m.self || !m.silent(c, i) {
			answering = append(answering, p)
			continue
		}
		m.note(Note{Kind: NoteFormFailed, Daemon: p.id})
		p.joined, p.deaf = never, p.deaf || p.alive() && c.lives[i] == p.life()
	}
	if len(answering) < len(c.group) {
		m.propose(answering)
		return
	}
	if m.now < c.again {
		return
	}
	c.wait = max(min(c.wait*3/2, mostWait), slowestOf(c.group))
	c.again = m.now + c.wait
	for i, p := range c.group {
		switch {
		case p == m.self:
		case c.states[i] == nil:
			m.emit(p.id, ringproto.Propose, 0, c.bodies.propose)
		case c.bodies.plan != nil && !c.ready[i]:
			m.emit(p.id, ringproto.Plan, 0, c.bodies.plan)
		}
	}
}
