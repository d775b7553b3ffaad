package ring

import (
	"encoding/binary"
	"slices"
	"time"

	"gospread/spread/internal/ringproto"
	"gospread/spread/internal/seqset"
)

// acks is when a daemon that gives numbers asks the others what they hold, and
// when it tells them.
type acks struct {
	asked    time.Duration // when it last asked
	askedFor uint64        // and what the highest number was then
	checkAt  time.Duration // when to look who has not answered; 0: no need
	safe     uint64        // the highest own number with a SAFE message
	told     uint64        // the stable line last told to everybody

	// A SAFE message in packet stableFor waits for the stable line. It is asked for
	// at stableAt; 0: nothing waits.
	stableAt    time.Duration
	stableFor   uint64
	stableTries int
	settleAt    time.Duration // when to ask for what was sent last; 0: no need
	beatAt      time.Duration // when to show that the token rests here
	shown       time.Duration // when that was last shown to who asked
}

// gaps is what has been missing for how long.
type gaps struct {
	at      time.Duration // when to look again; 0: nothing is missing
	mark    uint64        // what was the highest number when the wait began
	asked   uint64        // the highest number asked for
	tries   int           // requests in a row that brought nothing
	got     int           // what the last request has brought
	pieces  bool          // large datagrams seem not to reach us
	aru     uint64        // up to where all is here
	moved   time.Duration // when that changed last, or nothing was missing
	missing seqset.Set
	// patience is how long a number may be missing before it is asked for.
	patience time.Duration
}

const (
	// settleTime after the last packet, the holder makes sure that all have it.
	settleTime = 4 * time.Millisecond
	// stablePatience is how long a SAFE message waits before the stable line is
	// asked for.
	stablePatience = 5 * time.Millisecond
	// firstPatience, leastPatience and mostPatience bound gaps.patience.
	firstPatience = time.Millisecond
	leastPatience = 500 * time.Microsecond
	mostPatience  = 20 * time.Millisecond
	// mostAnswer is how many packets one request brings at most.
	mostAnswer = 256
	// mostRanges is how many ranges one request has at most.
	mostRanges = 100
	// piecesAfter is how many requests in vain make large datagrams suspicious.
	piecesAfter = 2
	// answerPause is how long an answer may pause before it counts as finished.
	answerPause = 2 * time.Millisecond
	// answerLeast is the least time allowed for an answer, answerPatience that
	// after which the host of who does not answer is asked.
	answerLeast    = 4 * time.Millisecond
	answerPatience = 15 * time.Millisecond
	// mostBytes and mostPieces bound an answer, in bytes of packets.
	mostBytes, mostPieces = 512 << 10, 128 << 10
)

// wantAcks tells whether the packets just sent should ask for acknowledgement.
func (m *Machine) wantAcks(safe bool) bool {
	r := m.ring
	return safe || int(r.high-max(r.acks.askedFor, r.stable)) >= m.window()/4 || m.now-r.acks.asked > m.t.Beat
}

// asked notes that all members have been asked for an Ack.
func (m *Machine) asked(seq uint64) {
	r := m.ring
	r.acks.asked, r.acks.askedFor = m.now, seq
	r.acks.settleAt = 0
	for _, p := range r.members {
		m.unanswered(p)
	}
}

// unanswered begins to count the silence of a daemon that has been asked.
func (m *Machine) unanswered(p *peer) {
	if p.asked != 0 || p == m.self {
		return
	}
	p.asked = m.now
	if a := &m.ring.acks; a.checkAt == 0 {
		// Early enough for an answer to a ping, also when answers have been slow.
		a.checkAt = m.now + min(m.slowest(answerPatience), m.t.Loss/4)
	}
}

// answered ends the silence of a daemon, and the wait when it was the last.
func (m *Machine) answered(p *peer) {
	if p.asked == 0 {
		return
	}
	p.asked = 0
	if m.ring != nil && !slices.ContainsFunc(m.ring.members, (*peer).silent) {
		m.ring.acks.checkAt = 0
	}
}

// silent tells whether p has been asked and has not answered.
func (p *peer) silent() bool { return p.asked != 0 }

// slowest is how long an answer of any member may take.
func (m *Machine) slowest(least time.Duration) time.Duration {
	for _, p := range m.ring.members {
		if p != m.self && p.rtt.mean != 0 {
			least = max(least, p.answerTime(least))
		}
	}
	return least
}

// ackTo tells p what this daemon holds, and asks for what it lacks. stamp is a
// time of p, or 0.
func (m *Machine) ackTo(p *peer, stamp uint64) {
	m.sendAck(p, stamp, nil)
}

func (m *Machine) sendAck(p *peer, stamp uint64, missing *seqset.Set) {
	var a ringproto.AckBody
	if missing != nil {
		a.Missing = *missing
		if m.ring.gaps.pieces {
			a.Tries = piecesAfter
		}
	}
	b := binary.BigEndian.AppendUint64(nil, stamp)
	m.emitRing(p.id, ringproto.Ack, 0, m.ring.shownHop(), a.Append(b, mostRanges))
}

// ping asks one daemon for an answer, at least that of its host.
func (m *Machine) ping(p *peer) {
	if m.ring == nil || p.index < 0 {
		m.emit(p.id, ringproto.Ping, 0, append(make([]byte, ringproto.RingSize-ringproto.HeaderSize), m.stamp(true)...))
		return
	}
	m.emitRing(p.id, ringproto.Ping, 0, m.ring.shownHop(), m.stamp(true))
	m.unanswered(p)
}

// onStranger answers a ping of a daemon that is not in our configuration, and takes
// such an answer.
func (m *Machine) onStranger(p *peer, h *ringproto.Header, body []byte) {
	switch h.Kind {
	case ringproto.Ping:
		b := append(make([]byte, ringproto.RingSize-ringproto.HeaderSize), body[:min(len(body), 8)]...)
		m.emit(p.id, ringproto.Ack, 0, b)
	case ringproto.Ack:
		m.takeStamp(p, body)
	}
}

// takeStamp measures how long the answer of p took.
func (m *Machine) takeStamp(p *peer, body []byte) {
	if s := time.Duration(stampOf(body)); s > m.slept && s <= m.now && m.now-s < longSilence {
		m.sample(p, m.now-s)
		if stampOf(body)&stampAlone != 0 {
			p.deaf = false // what we send to it alone arrives, and what it sends to us
		}
	}
}

func stampOf(body []byte) uint64 {
	if len(body) < 8 {
		return 0
	}
	return binary.BigEndian.Uint64(body)
}

// onAck takes what a member holds, and sends what it lacks.
func (m *Machine) onAck(p *peer, body []byte) {
	var a ringproto.AckBody
	if len(body) < 8 || a.Parse(body[8:]) != nil {
		m.counts.Malformed++
		return
	}
	m.takeStamp(p, body)
	m.answer(p, &a)
}

// answer sends p what it lacks, as far as it is here.
func (m *Machine) answer(p *peer, a *ringproto.AckBody) {
	r := m.ring
	left, bytes := mostAnswer, mostBytes
	pieces := a.Tries >= piecesAfter
	if pieces {
		bytes = mostPieces
	}
	for _, g := range a.Missing.Ranges() {
		for seq := max(g.Lo, r.store.low); seq <= min(g.Hi, r.high) && left > 0 && bytes > 0; seq++ {
			k := r.store.get(seq)
			if k == nil {
				continue
			}
			left--
			bytes -= len(k.data)
			m.resend(p.id, k, pieces)
			if k.origin == m.self {
				r.flow.resent++
				if pieces && len(k.data) > safeDatagram {
					m.shrink()
				}
			}
		}
	}
}

// shrink uses small datagrams for some time: large ones seem not to arrive.
func (m *Machine) shrink() {
	if m.datagram > safeDatagram {
		m.growWait = min(max(2*m.growWait, firstGrow), mostGrow)
		m.growAt = m.now + m.growWait
		m.useDatagram(safeDatagram)
	}
}

// fillGaps asks for what has been missing for too long.
func (m *Machine) fillGaps() {
	r := m.ring
	g := &r.gaps
	if r.aru >= r.high {
		*g = gaps{patience: g.patience, pieces: g.pieces, aru: r.aru, moved: m.now}
		return
	}
	if r.aru != g.aru || g.moved == 0 {
		g.aru, g.moved = r.aru, m.now
	}
	if g.patience == 0 {
		g.patience = firstPatience
	}
	switch {
	case g.at == 0 || r.aru >= g.mark:
		g.at, g.mark, g.tries = m.now+g.patience, r.high, 0
	case m.now >= g.at:
		r.missing(g.mark, &g.missing)
		p := m.whoHas(g)
		g.try()
		m.ask(p, &g.missing)
		m.unanswered(p)
		g.asked = g.mark
		g.at, g.mark = m.now+p.answerTime(answerLeast), r.high
	}
}

// try counts a try to get what is missing, from one member or several.
func (g *gaps) try() {
	if g.got > 0 {
		g.tries = 0
	}
	g.pieces = g.pieces || g.tries >= piecesAfter
	g.tries, g.got = g.tries+1, 0
}

// ask asks p for packets.
func (m *Machine) ask(p *peer, missing *seqset.Set) {
	m.counts.Asked++
	m.sendAck(p, 0, missing)
}

// brought takes note of a packet that has been asked for. When no more come, the
// next request is due at once: who answers does not send everything in one go. The
// result is when that is.
func (g *gaps) brought(p *peer, now time.Duration) time.Duration {
	g.got++
	return now + max(p.rtt.least()/4, answerPause)
}

// whoHas guesses a member that holds the lowest missing number: first who gave
// the next number that is here, later one after the other.
func (m *Machine) whoHas(g *gaps) *peer {
	r := m.ring
	lowest := g.missing.Ranges()[0]
	if g.tries == 0 {
		if p := r.store.get(lowest.Hi + 1); p != nil && p.origin != m.self {
			return p.origin
		}
		if r.holder != r.me {
			return r.members[r.holder]
		}
	}
	n := len(r.members)
	return r.members[(r.me+1+(g.tries+int(lowest.Lo))%(n-1))%n]
}

// tell makes known what has become stable, where somebody waits for it.
func (m *Machine) tell() {
	r := m.ring
	switch a := &r.acks; {
	case a.told >= a.safe || r.stable < a.safe:
	case r.holding:
		m.beat(0)
	default:
		a.told = r.stable
		m.emitRing(0, ringproto.Beat, 0, r.shownHop(), m.stamp(false))
	}
}

// askStable asks for the stable line when a SAFE message has waited for it longer
// than usual: what told it may have been lost.
func (m *Machine) askStable() {
	r := m.ring
	if r.next > r.aru {
		r.acks.stableAt = 0
		return
	}
	switch a := &r.acks; {
	case a.stableAt == 0 || a.stableFor != r.next:
		a.stableAt, a.stableFor = m.now+m.slowest(stablePatience), r.next
	case m.now >= a.stableAt:
		a.stableAt = m.now + m.slowest(stablePatience)
		p := r.members[r.holder]
		if k := r.store.get(r.next); k != nil && (p == m.self || a.stableTries%2 == 0) {
			p = k.origin
		}
		a.stableTries++
		if p != m.self {
			m.ping(p)
		}
	}
}
