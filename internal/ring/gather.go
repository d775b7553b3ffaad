package ring

import (
	"slices"
	"time"

	"gospread/spread/internal/ringproto"
)

// gather is the search for those with whom to form a configuration.
type gather struct {
	since time.Duration
	next  time.Duration // when the next Join goes out
	last  time.Duration // when the last one did
	tries int
}

const (
	// joinGap is the least time between two Joins.
	joinGap = 3 * time.Millisecond
	// joinDelay is how long a Join waits for more to tell.
	joinDelay = time.Millisecond
)

// beginGather gives up the token and looks for the others anew.
func (m *Machine) beginGather() {
	if m.state == departed {
		return
	}
	m.state = gathering
	m.regroup = false
	m.counts.Gathers++
	m.attempt, m.coord = nil, nil
	m.gather = gather{since: m.now, last: never}
	if m.stretched {
		m.retime() // those who have fallen silent need not be waited for as long as they took
	}
	if m.ring != nil {
		if p := &m.ring.passing; p.active && m.now-p.since > m.t.Loss/4 {
			m.ring.members[p.to].deaf = true // several tokens have not reached it
		}
		m.ring.holding, m.ring.passing.active = false, false
		m.ring.wake = wake{}
		m.ring.gaps.at = 0
	}
	m.sendJoin(true)
}

// joinSoon lets a Join go out after d at the latest.
func (m *Machine) joinSoon(d time.Duration) {
	m.gather.next = min(m.gather.next, max(m.now+d, m.gather.last+joinGap))
}

// sendJoin tells everybody whom we hear. ask: they shall do the same.
func (m *Machine) sendJoin(ask bool) {
	m.joins++
	j := ringproto.JoinBody{Number: m.joins, Operational: m.state == operational}
	if j.Operational {
		j.Members = m.memberIDs()
	}
	since := m.heardSince()
	for _, p := range m.peers {
		if p == m.self {
			continue
		}
		if p.alive() && p.said >= since && !p.deaf {
			j.Heard = append(j.Heard, p.life())
		}
		if p.ended != 0 && p.ended == p.incarnation {
			j.Dead = append(j.Dead, p.life())
		}
	}
	var f ringproto.Flags
	if ask {
		f = ringproto.AckMe
	}
	j.Offer = m.offered()
	m.emit(0, ringproto.Join, f, j.Append(nil))
	m.gather.last, m.gather.next = m.now, m.now+m.t.Join
	m.gather.tries++
}

func (m *Machine) memberIDs() []uint32 {
	ids := make([]uint32, len(m.ring.members))
	for i, p := range m.ring.members {
		ids[i] = uint32(p.id)
	}
	return ids
}

// heardSince is from when on a datagram counts as a sign that we hear somebody.
func (m *Machine) heardSince() time.Duration {
	if m.state == operational {
		return m.now - m.t.Probe*3/2
	}
	return m.gather.since
}

// onJoin takes what another daemon tells of itself.
func (m *Machine) onJoin(p *peer, h *ringproto.Header, body []byte) {
	var j ringproto.JoinBody
	if err := j.Parse(body); err != nil || ahead(j.Number, p.join.Number) ||
		max(len(j.Members), len(j.Heard), len(j.Dead)) > 2*mostMembers {
		m.counts.Malformed++
		return
	}
	if j.Number <= p.join.Number {
		m.counts.Stale++
		return
	}
	if h.Digest != m.epoch.Digest && p.index < 0 && !m.fits(h.Digest, j.Offer) {
		if m.attempt != nil {
			m.joinInAttempt(p, j.Number, h.Config)
		}
		m.onMismatch(p, h, nil)
		return
	}
	news := !slices.Equal(j.Heard, p.join.Heard) || j.Operational != p.join.Operational || p.joined < m.heardSince()
	p.join, p.joined, p.joinConfig = j, m.now, h.Config
	m.takeDeaths(&j)
	if (p.deaf || p.rtt.n < fewSamples || m.stretched) && m.now-p.pinged >= m.t.Join {
		p.pinged = m.now
		m.ping(p)
	}
	switch m.state {
	case operational:
		m.joinInRing(p, h)
	case gathering:
		if news || !m.heardBy(p) {
			m.joinSoon(joinDelay)
		}
	case forming, recovering:
		m.joinInAttempt(p, j.Number, h.Config)
	}
}

// heardBy tells whether p has told that it hears us.
func (m *Machine) heardBy(p *peer) bool { return slices.Contains(p.join.Heard, m.self.life()) }

// takeDeaths believes others who know that a daemon has ended, unless we have
// heard of it since. What we have heard last may be as old as an answer takes; and one
// that takes part in an attempt says little: there the coordinator learns it itself.
func (m *Machine) takeDeaths(j *ringproto.JoinBody) {
	for _, d := range j.Dead {
		p := m.byID[DaemonID(d.ID)]
		if p == nil || p == m.self || p.incarnation != d.Incarnation || p.ended == d.Incarnation {
			continue
		}
		quiet := max(m.t.Join/2, 2*p.answerTime(0))
		if m.attempt != nil {
			quiet = max(quiet, m.t.Form)
		}
		if m.now-p.heard > quiet {
			p.ended = d.Incarnation
			p.refusals = max(p.refusals, 1)
			if m.state == operational && p.index >= 0 {
				m.note(Note{Kind: NoteEnded, Daemon: p.id})
			}
		}
	}
}

// joinInRing takes a Join while our ring is alive.
func (m *Machine) joinInRing(p *peer, h *ringproto.Header) {
	j := &p.join
	if p.index >= 0 && (!j.Operational || h.Config != m.ring.id) {
		if h.Config.Time < m.ring.id.Time && j.Operational {
			return // it has not yet installed ours
		}
		m.note(Note{Kind: NoteMovedOn, Daemon: p.id})
		m.beginGather()
		return
	}
	if h.Flags&ringproto.AckMe != 0 {
		m.probe.answer = true
	}
	if p.index < 0 {
		m.probe.met(m.now)
	}
}

// onLeave takes a daemon's leave of the configuration that it was in. One that comes
// late, after word from it out of a later configuration, means nothing any more: it
// may have left for a while only, because a configuration of daemons did not name us.
func (m *Machine) onLeave(p *peer, from ringproto.Config) {
	if from.Time < p.latest {
		m.counts.Stale++
		return
	}
	if p.ended == p.incarnation {
		return
	}
	p.ended, p.left = p.incarnation, m.now
	p.refusals = 0
	if m.state == operational && p.index >= 0 || m.waitsFor(p) {
		m.note(Note{Kind: NoteLeft, Daemon: p.id})
		m.beginGather()
	}
}

// gatherOn does what is due while gathering.
func (m *Machine) gatherOn() {
	if m.leaving != nil && m.leaveNow() {
		return
	}
	if m.now-m.gather.since > m.patience()+2*m.t.Form {
		m.beginGather() // somebody who was to act has not
	}
	if m.now >= m.gather.next {
		m.sendJoin(true)
		if n := m.gather.tries; n&(n-1) == 0 && n > 1 {
			m.pingSilent()
		}
	}
	m.assess()
}

// pingSilent asks by unicast those that have not been heard lately: their host may
// tell that nobody is there.
func (m *Machine) pingSilent() {
	for _, p := range m.peers {
		if p != m.self && p.heard < max(m.gather.since, m.now-3*m.t.Join) && (p.ended == 0 || p.ended != p.incarnation) && p.refusals < 2 {
			m.ping(p)
		}
	}
}

func (m *Machine) gatherBy(d *earliest) {
	d.by(m.gather.next)
	if m.leaving != nil {
		d.by(m.leaving.at)
	}
	for _, at := range []time.Duration{m.gather.since + m.t.Start, m.gather.since + m.t.Gather,
		m.gather.since + m.patience() + 2*m.t.Form + 1} {
		if at > m.now {
			d.by(at)
		}
	}
}

// patience is how long we wait for somebody who does not answer.
func (m *Machine) patience() time.Duration {
	if m.ring == nil {
		return m.t.Start
	}
	return m.t.Gather
}

// expected tells whether p should be waited for: it was in our configuration, or
// it is there, or nothing is known yet.
func (m *Machine) expected(p *peer) bool {
	switch {
	case p == m.self:
		return false
	case p.incarnation != 0 && p.incarnation == p.ended:
		return false
	case m.ring == nil:
		// All of the configuration, but where the host says that nobody is there.
		return p.refusals < 2
	}
	return p.index >= 0 || p.heard >= m.gather.since
}

// assess looks whether those are together with whom we form a configuration, and
// forms it if we are the first of them.
func (m *Machine) assess() {
	group := m.choose()
	if len(group) == 0 || group[0] != m.self {
		return
	}
	if m.now-m.gather.since < m.patience() {
		for _, p := range m.peers {
			if m.expected(p) && !slices.Contains(group, p) {
				return
			}
		}
		if m.now-m.gather.since < joinDelay && len(m.peers) > 1 {
			return
		}
	}
	m.propose(group)
}
