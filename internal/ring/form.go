package ring

import (
	"slices"
	"time"

	"gospread/spread/internal/ringproto"
	"gospread/spread/internal/seqset"
)

// attempt is an attempt to form a configuration, as each member sees it: it has
// told the coordinator what it holds of its old configuration and accepts nothing
// more of it, until it knows what to recover.
type attempt struct {
	id          ringproto.Attempt
	coordinator *peer
	state       []byte // the State sent
	again       time.Duration
	wait        time.Duration
	progress    time.Duration // when the coordinator last gave a sign
	began       time.Duration
	joined      uint64 // the coordinator's last Join when it began

	plan *ringproto.PlanBody // nil while forming
	// mine is what the plan says of our old configuration; nil without one.
	mine    *ringproto.OldRing
	missing seqset.Set    // what is yet to be recovered
	brought time.Duration // when something of it last came
	done    bool          // nothing is: the coordinator has been told
}

const (
	// formWait is the least time before something is repeated; it grows.
	formWait = 8 * time.Millisecond
	mostWait = 100 * time.Millisecond
	// mostBarren is for how many times Timing.Form nothing may come of what is lacking.
	mostBarren = 10
	// mostRecovered is how much a source sends unasked, in bytes.
	mostRecovered = 128 << 10
)

// onPropose takes part in an attempt if it fits what we are.
func (m *Machine) onPropose(p *peer, body []byte) {
	var b ringproto.ProposeBody
	if err := b.Parse(body); err != nil || b.Attempt.Coordinator != p.life() || ahead(b.Attempt.Number, p.attempted) {
		m.counts.Malformed++
		return
	}
	if len(b.Members) > 0 && b.Members[0].Joined < p.join.Number {
		m.counts.Stale++ // it has looked for others again since
		return
	}
	if b.Attempt.Number <= p.attempted {
		if a := m.attempt; a != nil && a.id == b.Attempt {
			m.sendState()
		}
		return
	}
	if !m.acceptable(p, &b) {
		m.counts.Stale++
		return
	}
	p.attempted = b.Attempt.Number
	m.coord = nil
	m.freeze(p, b.Attempt)
	m.attempt.joined = b.Members[0].Joined
	m.sendState()
}

// joinInAttempt takes the number of a Join, and where its sender is, during an attempt.
// Nobody who takes part in one sends any: who does has given it up.
func (m *Machine) joinInAttempt(p *peer, number uint64, config ringproto.Config) {
	a, c := m.attempt, m.coord
	switch {
	case c == nil && p == a.coordinator && number > a.joined:
		m.note(Note{Kind: NoteFormFailed, Daemon: p.id})
		m.beginGather()
	case c != nil:
		i := slices.Index(c.group, p)
		if i >= 0 && (c.states[i] == nil && config != c.bases[i] || c.states[i] != nil && number > c.states[i].Joined) {
			c.lives[i] = ringproto.Life{} // goes on without it
			if c.states[i] == nil && m.now-c.began > 2*p.answerTime(formWait) {
				p.deaf = true // there was time enough for its State
			}
		}
	}
}

// acceptable tells whether a proposal rests on what we are now, and goes before
// the attempt that we are in.
func (m *Machine) acceptable(p *peer, b *ringproto.ProposeBody) bool {
	i := slices.IndexFunc(b.Members, func(c ringproto.Candidate) bool { return c.Life == m.self.life() })
	if i < 0 || b.Members[0].Life != p.life() || b.Members[i].Basis != m.configOf(m.self) {
		return false
	}
	if a := m.attempt; a != nil && m.before(a.coordinator, p) {
		return false
	}
	if m.state != operational {
		return true
	}
	for _, q := range m.ring.members {
		if !slices.ContainsFunc(b.Members, func(c ringproto.Candidate) bool { return c.Life == q.life() }) {
			return false
		}
	}
	return true
}

// freeze begins an attempt: from now on nothing of the old configuration is
// accepted but what the plan asks for.
func (m *Machine) freeze(coordinator *peer, id ringproto.Attempt) {
	m.state = forming
	m.counts.Attempts++
	s := ringproto.StateBody{Attempt: id, Time: max(m.known, m.wall()), Joined: m.joins,
		In: m.epoch.Digest, Offer: m.offered()}
	if r := m.ring; r != nil {
		r.holding, r.passing.active = false, false
		r.wake = wake{}
		s.Old, s.Stable, s.High = r.id, min(r.stable, r.aru), r.high
		r.missing(r.high, &s.Missing)
		for id := range r.commit {
			s.Commit = append(s.Commit, uint32(id))
		}
		slices.Sort(s.Commit)
	}
	m.attempt = &attempt{id: id, coordinator: coordinator, state: s.Append(nil), again: m.now + coordinator.answerTime(formWait),
		wait: coordinator.answerTime(formWait), progress: m.now, began: m.now}
	if coordinator == m.self {
		m.coord.states[0] = &s
	}
}

func (m *Machine) sendState() {
	if m.attempt.coordinator != m.self {
		m.emit(m.attempt.coordinator.id, ringproto.State, 0, m.attempt.state)
	}
}

// onPlan begins the recovery.
func (m *Machine) onPlan(p *peer, body []byte) {
	a := m.attempt
	if a == nil || a.coordinator != p {
		return
	}
	var plan ringproto.PlanBody
	if err := plan.Parse(body); err != nil {
		m.counts.Malformed++
		return
	}
	if plan.Attempt != a.id {
		m.counts.Stale++
		return
	}
	a.progress = m.now
	switch {
	case a.plan == nil:
		m.recover(&plan)
	case !a.done:
		m.ackTo(p, 0) // we are still at it
	}
}

// validPlan tells whether a plan is one for us.
func (m *Machine) validPlan(plan *ringproto.PlanBody) (mine *ringproto.OldRing, ok bool) {
	self, last := false, -1
	e := m.epochOf(plan.Epoch)
	if e == nil {
		return nil, false
	}
	for _, c := range plan.Members {
		i := e.place(DaemonID(c.ID))
		if i <= last {
			return nil, false
		}
		last = i
		self = self || c.Life == m.self.life()
	}
	if !self || plan.New.Leader != plan.Attempt.Coordinator.ID || plan.New.Time <= m.known || plan.New.Time > LastTime {
		return nil, false
	}
	if m.ring == nil {
		return nil, true
	}
	i := slices.IndexFunc(plan.Rings, func(o ringproto.OldRing) bool { return o.Old == m.ring.id })
	if i < 0 {
		return nil, false
	}
	mine = &plan.Rings[i]
	r := m.ring
	if len(mine.Members) > len(r.members) || mine.Holes.Max() > mine.High {
		return nil, false
	}
	if mine.Stable > r.aru || mine.High < r.high || mine.High >= r.store.low+maxWindow || !slices.Contains(mine.Members, uint32(m.self.id)) {
		return nil, false
	}
	for _, id := range mine.Members {
		if r.member(DaemonID(id)) == nil {
			return nil, false
		}
	}
	return mine, true
}

// recover learns what the members of the old configuration hold together, gives
// what others lack, and waits for what is lacking here.
func (m *Machine) recover(plan *ringproto.PlanBody) {
	mine, ok := m.validPlan(plan)
	if !ok {
		m.counts.Malformed++
		if m.coord != nil {
			m.known = max(m.known, min(plan.New.Time, LastTime)) // it is out: its ids are used up
		}
		m.beginGather() // the coordinator asks for nothing else in this attempt
		return
	}
	a := m.attempt
	a.plan, a.mine = plan, mine
	a.brought = m.now
	m.state = recovering
	m.known = max(m.known, plan.New.Time)
	if mine != nil {
		r := m.ring
		r.raise(mine.Stable)
		r.high = mine.High
		m.deliver()
		r.missing(r.high, &a.missing)
		a.missing.RemoveSet(&mine.Holes)
		m.giveOthers()
	}
	a.wait = a.coordinator.answerTime(formWait)
	a.again = m.now + a.wait
	m.checkRecovered()
}

// giveOthers sends what the plan says that we are to send.
func (m *Machine) giveOthers() {
	r, mine := m.ring, m.attempt.mine
	left := mostRecovered // bytes
	for _, s := range mine.Sources {
		if mine.Members[s.By] != uint32(m.self.id) {
			continue
		}
		for seq := max(s.Lo, r.store.low); seq <= s.Hi && seq <= r.high && left > 0; seq++ {
			if p := r.store.get(seq); p != nil {
				m.resend(0, p, false)
				left -= len(p.data)
			}
		}
	}
}

// onRecovery takes what is sent during a recovery.
func (m *Machine) onRecovery(p *peer, h *ringproto.Header, known *ringproto.Ring, b []byte) {
	a := m.attempt
	switch h.Kind {
	case ringproto.Data:
		if a.mine != nil && a.missing.Contains(known.High) && m.keepData(h, known.High, b) {
			if m.ring.store.get(known.High) != nil {
				a.missing.Remove(known.High, known.High)
				a.progress, a.brought, a.wait = m.now, m.now, formWait
				a.again = m.ring.gaps.brought(p, m.now)
				m.checkRecovered()
			}
		}
	case ringproto.Ack:
		m.onAck(p, b[ringproto.RingSize:])
	}
}

// checkRecovered tells the coordinator when nothing is lacking any more. From then
// on somebody may install the configuration and count on us (semantics 3.5).
func (m *Machine) checkRecovered() {
	a := m.attempt
	if a.done || !a.missing.Empty() {
		return
	}
	a.done = true
	if a.mine != nil {
		for _, id := range a.mine.Commit {
			if m.ring.member(DaemonID(id)) != nil {
				m.ring.commit[DaemonID(id)] = true
			}
		}
	}
	m.sendReady()
}

func (m *Machine) sendReady() {
	a := m.attempt
	if a.coordinator == m.self {
		m.takeReady(m.self)
		return
	}
	m.emit(a.coordinator.id, ringproto.Ready, 0, ringproto.AppendAttempt(nil, a.id))
}

// askSources asks for what is lacking, each source for its own. It returns how long
// their answers may take.
func (m *Machine) askSources() (wait time.Duration) {
	m.ring.gaps.try()
	m.lacking(func(p *peer, wanted *seqset.Set) {
		m.ask(p, wanted)
		wait = max(wait, p.answerTime(answerLeast))
	})
	return wait
}

// lacking tells which source has what of that which is lacking.
func (m *Machine) lacking(from func(p *peer, wanted *seqset.Set)) {
	a := m.attempt
	r := m.ring
	for i, id := range a.mine.Members {
		p := r.member(DaemonID(id))
		if p == m.self {
			continue
		}
		var ask seqset.Set
		for _, s := range a.mine.Sources {
			if s.By == i {
				ask.Add(s.Lo, s.Hi)
			}
		}
		for _, g := range a.mine.Holes.Ranges() {
			ask.Remove(g.Lo, g.Hi)
		}
		lacking := a.missing.Clone()
		lacking.RemoveSet(&ask)
		wanted := a.missing.Clone()
		wanted.RemoveSet(lacking)
		if !wanted.Empty() {
			from(p, wanted)
		}
	}
}

// barren ends an attempt in which nothing comes of what is lacking here.
func (m *Machine) barren() {
	m.lacking(func(p *peer, _ *seqset.Set) {
		m.note(Note{Kind: NoteFormFailed, Daemon: p.id})
		p.deaf = true // it was asked by datagrams to it alone
	})
	m.beginGather()
}

// onInstall installs what has been recovered.
func (m *Machine) onInstall(p *peer, body []byte) {
	id, err := ringproto.ParseAttempt(body)
	if err != nil {
		m.counts.Malformed++
		return
	}
	if a := m.attempt; a != nil && a.coordinator == p && a.id == id && a.done && m.state == recovering {
		m.install()
	}
}

// mayInstall tells whether a datagram of configuration c shows that the one we
// have recovered for is installed.
func (m *Machine) mayInstall(p *peer, c ringproto.Config) bool {
	a := m.attempt
	return m.state == recovering && a.done && c == a.plan.New &&
		slices.ContainsFunc(a.plan.Members, func(x ringproto.Candidate) bool { return x.Life == p.life() })
}

// waitsFor tells whether we take part in an attempt of p.
func (m *Machine) waitsFor(p *peer) bool {
	return m.attempt != nil && m.attempt.coordinator == p
}

// formOn does what is due during an attempt.
func (m *Machine) formOn() {
	a := m.attempt
	if m.leaving != nil && m.now-m.leaving.since > leavePatience {
		m.leaveNow()
		return
	}
	if m.state == recovering && !a.done && m.now-a.brought > mostBarren*m.t.Form {
		m.barren()
		return
	}
	if m.coord != nil {
		m.coordinate()
	} else if m.now-a.progress > 2*m.t.Form || m.now-a.began > 40*m.t.Form {
		m.note(Note{Kind: NoteFormFailed, Daemon: a.coordinator.id})
		m.beginGather()
		return
	}
	if a != m.attempt || m.state != forming && m.state != recovering || m.now < a.again {
		return
	}
	a.wait = max(min(a.wait*3/2, mostWait), a.coordinator.answerTime(formWait))
	a.again = m.now + a.wait
	switch {
	case m.state == forming:
		m.sendState()
	case !a.missing.Empty():
		a.again = m.now + max(a.wait, m.askSources())
	default:
		m.sendReady()
	}
}

func (m *Machine) formBy(d *earliest) {
	a := m.attempt
	d.by(a.again)
	if m.leaving != nil {
		d.by(m.leaving.since + leavePatience + 1)
	}
	if m.coord != nil {
		d.by(m.coord.again)
	} else {
		d.by(a.progress + 2*m.t.Form + 1)
	}
}
