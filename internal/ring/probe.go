package ring

import (
	"slices"
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
	wait   bool // the last look left somebody out
	asked  int  // further Joins asked for since first
}

const (
	// mergeDelay is how long others that come at the same time are waited for.
	mergeDelay = 5 * time.Millisecond
	// mostMergeWait is how long a merge waits for somebody who is there and does not go
	// with the others, as long as they may not yet have told that they hear each other.
	mostMergeWait = 40 * time.Millisecond
	// leastProbe is the shortest time between probes: others that are met must be
	// remembered for longer than mergeDelay.
	leastProbe = 2 * mergeDelay
	// mostAsked is how often others are asked again before the next probe.
	mostAsked = 4
)

// met notes that a daemon outside the ring has told of itself.
func (p *probe) met(now time.Duration) {
	if p.first == 0 {
		p.first, p.asked, p.wait = now, 0, false
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
	if !leader || m.now-p.first > m.t.Probe {
		p.first, p.recent = 0, false
		return
	}
	if m.now-p.first < mergeDelay {
		return
	}
	waited := m.now-p.first >= m.mergeWait()
	if p.recent || p.wait && waited {
		p.recent, p.wait = false, false
		if group := m.choose(); len(group) > len(m.ring.members) && group[0] == m.self {
			if p.wait = !waited && m.leavesOut(group); !p.wait {
				p.first = 0
				m.propose(group)
				return
			}
		}
	}
	if p.asked < mostAsked && m.now >= m.askAgain() {
		p.asked++
		m.probeJoin(true)
	}
}

// mergeWait is mostMergeWait, or less where the time between probes is short: who
// has not been merged with by then is forgotten.
func (m *Machine) mergeWait() time.Duration { return min(mostMergeWait, m.t.Probe/2) }

// leavesOut tells whether somebody outside of the group has told of itself since others
// have come to be merged with.
func (m *Machine) leavesOut(group []*peer) bool {
	return slices.ContainsFunc(m.peers, func(q *peer) bool {
		return q != m.self && q.alive() && !q.deaf && q.joined >= m.probe.first && !slices.Contains(group, q)
	})
}

// askAgain is when a leader that has met others asks everybody again whom they
// hear: what they told first was from before they heard of each other.
func (m *Machine) askAgain() time.Duration {
	p := &m.probe
	return max(p.first+mergeDelay, p.last+min(2*mergeDelay<<p.asked, m.t.Join))
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
		if p.recent {
			d.by(p.first + mergeDelay)
		}
		if p.wait {
			d.by(p.first + m.mergeWait())
		}
		if p.asked < mostAsked {
			d.by(m.askAgain())
		}
		d.by(p.first + m.t.Probe + 1)
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
	m.wakeUp(now)
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
		m.state == operational && !m.waiting() && m.clients.empty() && r.stable >= r.high && !r.passing.active
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
