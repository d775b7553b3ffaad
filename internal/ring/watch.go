package ring

import (
	"time"

	"gospread/spread/internal/ringproto"
)

// windowClosed tells whether something waits only for others to acknowledge.
func (m *Machine) windowClosed() bool {
	return m.waiting() && int(m.ring.high-m.ring.stable) >= m.window()
}

// watch looks for signs of life: of the members, where the token is, and of the
// token, elsewhere.
func (m *Machine) watch() {
	r := m.ring
	m.checkAnswers()
	if m.state == operational {
		m.watchGaps()
	}
	if m.state != operational {
		return
	}
	if r.holding {
		m.watchMembers()
		return
	}
	m.passAgain()
	if m.state != operational {
		return
	}
	m.watchToken()
}

// checkAnswers pings those who have been asked and have not answered. Their host
// may tell that they are gone.
func (m *Machine) checkAnswers() {
	r := m.ring
	if r.acks.checkAt == 0 || m.now < r.acks.checkAt {
		return
	}
	r.acks.checkAt = 0
	for _, p := range r.members {
		if p == m.self || p.asked == 0 {
			continue
		}
		if silent := m.now - p.asked; silent > m.t.Loss {
			m.suspect(p, silent)
			return
		}
		m.ping(p)
		r.acks.checkAt = m.now + m.pingGap()
	}
}

// pingGap is how often one that does not answer is asked again: often enough that
// paths which lose much do not make it look dead.
func (m *Machine) pingGap() time.Duration { return min(m.t.Beat/2, m.t.Loss/14) }

// mostStuck is for how many times Timing.Loss nothing may come of what is missing here
// while others answer, and leastStuck how long at least: on a path on which most is
// lost, or large datagrams are, that takes seconds also where silence is noticed at once.
const (
	mostStuck  = 10
	leastStuck = 10 * time.Second
)

// watchGaps ends the ring when what is missing here does not come, however often it is
// asked for: nobody has it, or it does not get through. The recovery finds out which.
func (m *Machine) watchGaps() {
	r := m.ring
	if stuck := m.now - r.gaps.moved; r.aru < r.high && stuck > max(mostStuck*m.t.Loss, leastStuck) {
		m.note(Note{Kind: NoteStuck, For: stuck})
		m.beginGather()
	}
}

// watchMembers lets the resting token be seen, and asks for answers.
func (m *Machine) watchMembers() {
	r := m.ring
	switch {
	case m.now >= r.acks.beatAt,
		r.acks.settleAt != 0 && m.now >= r.acks.settleAt && r.high > r.stable,
		m.windowClosed() && m.now-r.acks.asked >= m.slowest(answerLeast):
		m.beat(ringproto.AckMe)
	}
	if r.acks.settleAt != 0 && (m.now >= r.acks.settleAt || r.high == r.stable) {
		r.acks.settleAt = 0
	}
}

// watchToken asks the holder when the token has shown no sign for some time.
func (m *Machine) watchToken() {
	r := m.ring
	silent := m.now - r.progress
	switch {
	case silent > m.t.Loss+m.t.Beat:
		m.note(Note{Kind: NoteTokenLost, For: silent})
		m.beginGather()
	case silent >= m.silenceAllowed() && m.now >= r.acks.beatAt:
		if r.holder != r.me {
			m.ping(r.members[r.holder])
		}
		r.acks.beatAt = m.now + m.pingGap()
	}
}

// suspect ends the ring because of a member's silence.
func (m *Machine) suspect(p *peer, silent time.Duration) {
	m.note(Note{Kind: NoteSilent, Daemon: p.id, For: silent})
	p.deaf = true // it was asked by datagrams to it alone
	m.beginGather()
}
