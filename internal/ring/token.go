package ring

import (
	"encoding/binary"
	"time"

	"gospread/spread/internal/ringproto"
)

// visit is one stay of the token.
type visit struct {
	since  time.Duration // when it came, or last rested here
	moving bool          // it has left, and has not been seen to rest elsewhere since
	sent   int           // packets numbered in it
	// told: a datagram has gone to everybody that shows where the token is.
	told bool
}

// passing is the token on its way, until there is a sign that it has arrived.
type passing struct {
	active bool
	to     int
	hop    uint64
	body   []byte
	since  time.Duration
	again  time.Duration // when it is sent again
	wait   time.Duration
}

// wake is the wish for the token.
type wake struct {
	active bool
	again  time.Duration // when to ask again
	tries  int
	since  time.Duration
}

// wakeForwards is how often a wish for the token is passed on. It may miss a token
// that moves quickly; then it is told to everybody.
const wakeForwards = 3

// tokenWait is the least time before a token that shows no sign is sent again.
const tokenWait = 4 * time.Millisecond

// waiting tells whether something may get a number when the token is here.
func (m *Machine) waiting() bool {
	return !m.exchange.empty() || !m.offers.empty() || !m.held && !m.clients.empty()
}

// takeNext takes the packet that goes next.
func (m *Machine) takeNext() *packet {
	if !m.offers.empty() {
		return m.offers.next()
	}
	if !m.exchange.empty() && !m.clients.inPartial {
		return m.exchange.next()
	}
	return m.clients.next()
}

// onToken takes the token.
func (m *Machine) onToken(p *peer, hop uint64, body []byte) {
	r := m.ring
	var t ringproto.TokenBody
	if err := t.Parse(body); err != nil {
		m.counts.Malformed++
		return
	}
	if hop <= r.got {
		// Sent again, as its sender saw no sign of us.
		m.ackTo(p, 0)
		return
	}
	m.counts.Tokens++
	m.timeToken()
	r.got, r.hop = hop, max(r.hop, hop)
	r.holder, r.holding = r.me, true
	r.visit = visit{since: m.now}
	r.passing.active = false
	r.wanted.merge(t.Wanted, len(r.members))
	for i, hop := range r.asks {
		if hop != 0 && r.held[i] <= hop {
			r.wanted.add(i)
		}
	}
	clear(r.asks)
	r.wanted.remove(r.me)
	if r.wake.active && r.wake.tries == 1 {
		m.sample(p, m.now-r.wake.since)
	}
	r.wake = wake{}
	r.progress = m.now
	if r.high > r.stable {
		r.acks.settleAt = m.now + settleTime
	}
}

// onWake notes who wants the token, or passes the wish on to where the token is.
func (m *Machine) onWake(p *peer, hop uint64, body []byte) {
	r := m.ring
	var w ringproto.WakeBody
	if err := w.Parse(body); err != nil || w.Member >= len(r.members) || w.Member == r.me {
		m.counts.Malformed++
		return
	}
	if r.holding {
		if r.held[w.Member] <= hop {
			r.wanted.add(w.Member)
		}
		return
	}
	// The token moves faster than the wish: it is remembered for when it comes here.
	r.asks[w.Member] = hop
	switch {
	case hop < r.hop && w.Left > 0 && r.holder != r.me && r.holder != w.Member && r.members[r.holder] != p:
		w.Left--
		m.emitRing(r.members[r.holder].id, ringproto.Wake, 0, hop, w.Append(nil))
	}
}

// useToken gives numbers to what waits, and passes the token on if others want it.
func (m *Machine) useToken() {
	r := m.ring
	first := len(m.packets)
	m.sendWaiting()
	next := r.nextWanted()
	switch {
	case next < 0:
		// Nobody else wants it: it rests here.
		if !r.visit.told {
			m.beat(0)
		}
		r.visit.sent, r.visit.since = 0, m.now
	case r.visit.sent == 0 && m.waiting():
		// The window is closed; nobody else could send either.
	default:
		m.pass(next, first)
	}
}

// sendWaiting sends packets as far as windows allow.
func (m *Machine) sendWaiting() {
	r := m.ring
	quota := m.quota()
	var last *packet
	safe := false
	for quota > 0 && m.waiting() {
		p := m.takeNext()
		r.high++
		p.seq, p.origin, p.at = r.high, m.self, m.now
		r.keep(p)
		m.putData(p, r.dataFlags(), r.hop)
		m.sendData(p)
		m.counts.Packets++
		if m.o.Trace {
			m.traceSent(p)
		}
		if p.loose {
			m.giveLoose(p)
		}
		safe = safe || p.safe
		last = p
		quota--
		r.visit.sent++
		r.flow.sent++
	}
	if last == nil {
		return
	}
	m.clients.keepPartial()
	m.exchange.keepPartial()
	r.visit.told = true
	r.progress = m.now
	r.acks.told = r.stable
	if safe {
		r.acks.safe = last.seq
	}
	if m.wantAcks(safe) {
		m.putData(last, r.dataFlags()|ringproto.AckMe, r.hop)
		m.asked(last.seq)
	}
	r.acks.settleAt = m.now + settleTime
	r.acks.beatAt = m.now + m.beatGap()
}

// nextWanted is the next member behind us that wants the token, or -1.
func (r *installed) nextWanted() int {
	if r.wanted == (wanted{}) {
		return -1
	}
	n := len(r.members)
	for i := 1; i < n; i++ {
		if j := (r.me + i) % n; r.wanted.has(j) {
			return j
		}
	}
	return -1
}

// pass sends the token to a member. It overtakes the last of the packets sent in
// this turn, which are in m.packets from first on: while they are on their way,
// that member can send already (the Accelerated Ring).
func (m *Machine) pass(to, first int) {
	r := m.ring
	r.wanted.remove(to)
	r.visit.moving = true
	if m.waiting() {
		r.wanted.add(r.me)
		r.wake = wake{active: true, again: m.now + 20*time.Millisecond, since: m.now, tries: 2}
	}
	body := ringproto.TokenBody{Wanted: r.wanted[:]}
	q := r.members[to]
	wait := q.answerTime(tokenWait)
	r.passing = passing{active: true, to: to, hop: r.hop + 1, body: body.Append(nil), since: m.now,
		again: m.now + wait, wait: wait}
	r.hop++
	r.progress = m.now
	r.holding, r.holder, r.held[to] = false, to, r.hop
	r.wanted = wanted{}
	if r.wake.active {
		r.wanted.remove(r.me)
	}
	at := max(first, len(m.packets)-m.acceleration())
	m.sendToken()
	token := m.packets[len(m.packets)-1]
	copy(m.packets[at+1:], m.packets[at:len(m.packets)-1])
	m.packets[at] = token
}

func (m *Machine) sendToken() {
	r := m.ring
	m.emitRing(r.members[r.passing.to].id, ringproto.Token, 0, r.passing.hop, r.passing.body)
}

// passAgain sends the token again as long as there is no sign of its arrival.
func (m *Machine) passAgain() {
	r := m.ring
	p := &r.passing
	if !p.active {
		return
	}
	q := r.members[p.to]
	if silent := m.now - p.since; silent > m.t.Loss {
		m.suspect(q, silent)
		return
	}
	if m.now < p.again {
		return
	}
	m.sendToken()
	p.wait = min(p.wait*3/2, m.t.Beat, repairBeat)
	p.again = m.now + p.wait
	m.unanswered(q)
}

// askForToken asks for the token while something waits for it.
func (m *Machine) askForToken() {
	r := m.ring
	if !m.waiting() {
		r.wake = wake{}
		return
	}
	w := &r.wake
	if w.active && m.now < w.again {
		return
	}
	if !w.active {
		*w = wake{active: true, since: m.now}
	}
	w.tries++
	to := r.members[r.holder]
	wait := to.answerTime(tokenWait) * time.Duration(min(w.tries, 8))
	w.again = m.now + min(wait, m.t.Beat, repairBeat)
	body := ringproto.WakeBody{Member: r.me, Left: wakeForwards}
	id := to.id
	if w.tries > 1 || r.holder == r.me {
		id, body.Left = 0, 0 // whoever has it
	}
	m.counts.Wakes++
	m.emitRing(id, ringproto.Wake, 0, r.shownHop(), body.Append(nil))
}

// beat shows that the token rests here.
func (m *Machine) beat(f ringproto.Flags) {
	r := m.ring
	r.visit.told = true
	m.emitRing(0, ringproto.Beat, f|ringproto.Resting, r.hop, m.stamp(false))
	r.acks.beatAt = m.now + m.beatGap()
	r.acks.told = r.stable
	if f&ringproto.AckMe != 0 {
		m.asked(r.high)
	}
}

// beatGap is how long the token rests before it shows itself: less while not all is
// known to be held by all.
func (m *Machine) beatGap() time.Duration {
	if m.ring.high > m.ring.stable {
		return min(m.t.Beat, repairBeat)
	}
	return m.t.Beat
}

// showGap is the least time between two answers to those who ask for the token's sign.
const showGap = 20 * time.Millisecond

// show shows that the token rests here to one who may have missed it, or whose times
// are shorter than ours.
func (m *Machine) show() {
	if r := m.ring; r.holding && m.now-r.acks.shown >= showGap {
		r.acks.shown = m.now
		m.emitRing(0, ringproto.Beat, ringproto.Resting, r.hop, m.stamp(false))
	}
}

// stamp is the present time as a body; an Ack brings it back. alone: it goes to one
// daemon alone, and so does the answer.
func (m *Machine) stamp(alone bool) []byte {
	t := uint64(m.now) &^ stampAlone
	if alone {
		t |= stampAlone
	}
	return binary.BigEndian.AppendUint64(m.scratch(8)[:0], t)
}

// stampAlone is the bit of a stamp that tells so.
const stampAlone = 1
