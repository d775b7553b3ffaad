package ring

import (
	"time"

	"gospread/spread/internal/ringproto"
)

// probe is how an operational ring finds daemons outside of it.
type probe struct {
	next   time.Duration // when the leader looks for others
	last   time.Duration // when our last Join went out
	answer bool          // we have been asked to tell of ourselves
	// first is since when somebody outside has been there to be merged with; 0:
	// nobody.
	first  time.Duration
	recent bool // something new has been told since the last look
	asked  int  // further Joins asked for since first
}

const (
	// mergeDelay is how long others that come at the same time are waited for.
	mergeDelay = 5 * time.Millisecond
	// mergePatience is how long a merge is looked at closely before it has to
	// wait for the next probe.
	mergePatience = 100 * time.Millisecond
)

// met notes that a daemon outside the ring has told of itself.
func (p *probe) met(now time.Duration) {
	if p.first == 0 {
		p.first, p.asked = now, 0
	}
	p.recent = true
}

// complete tells whether the ring has all daemons of the configuration.
func (m *Machine) complete() bool { return len(m.ring.members) == len(m.peers) }

// probeOthers lets the leader look for others, and everybody answer.
func (m *Machine) probeOthers() {
	p := &m.probe
	leader := m.ring.me == 0
	switch {
	case leader && m.now >= p.next && !m.complete():
		p.next = m.now + m.t.Probe
		m.probeJoin(true)
	case p.answer && m.now-p.last >= joinGap:
		m.probeJoin(false)
	}
	if p.first == 0 {
		return
	}
	if !leader || m.now-p.first > mergePatience {
		p.first, p.recent = 0, false
		return
	}
	if m.now-p.first < mergeDelay || !p.recent && m.now-p.last < 2*mergeDelay {
		return
	}
	p.recent = false
	group := m.choose()
	switch {
	case len(group) > len(m.ring.members) && group[0] == m.self:
		p.first = 0
		m.propose(group)
	case p.asked < 4 && m.now-p.last >= 2*mergeDelay:
		p.asked++
		m.probeJoin(true)
	}
}

func (m *Machine) probeJoin(ask bool) {
	m.probe.answer, m.probe.last = false, m.now
	m.sendJoin(ask)
}

func (m *Machine) probeBy(d *earliest) {
	p := &m.probe
	if m.ring.me == 0 && !m.complete() {
		d.by(p.next)
	}
	if p.answer {
		d.by(p.last + joinGap)
	}
	if p.first != 0 {
		d.by(max(m.now+mergeDelay, p.first+mergeDelay))
	}
}

// leaving is a planned stop under way.
type leaving struct {
	since time.Duration
	at    time.Duration // when to look again
}

const (
	// leavePatience is how long we wait for others to have what we have sent.
	leavePatience = 200 * time.Millisecond
	leaveRepeats  = 3
)

// Leave announces a planned stop as soon as the others have what this daemon has
// sent. Left tells when it may be closed; nothing is delivered from then on.
func (m *Machine) Leave(now time.Duration) {
	m.now = max(m.now, now)
	if m.leaving == nil && m.state != departed {
		m.leaving = &leaving{since: m.now, at: m.now}
	}
}

// Left tells whether the leave has been announced.
func (m *Machine) Left() bool { return m.state == departed }

// leaveNow announces our leave if it is time, and reports whether we have left.
func (m *Machine) leaveNow() bool {
	l := m.leaving
	r := m.ring
	settled := r == nil || len(r.members) == 1 ||
		m.state == operational && !m.waiting() && r.stable >= r.high && !r.passing.active
	if !settled && m.now-l.since < leavePatience {
		l.at = min(m.now+2*time.Millisecond, l.since+leavePatience)
		return false
	}
	for range leaveRepeats {
		m.emit(0, ringproto.Leave, 0, nil)
	}
	m.state = departed
	return true
}
