package ring

import (
	"time"

	"gospread/spread/internal/ringproto"
)

// state is where a daemon stands between its configurations.
type state uint8

const (
	// gathering: no token; finding out who is there.
	gathering state = iota
	// forming: has told a coordinator what it holds, and keeps to that.
	forming
	// recovering: knows what it must have before it installs.
	recovering
	// operational: in a configuration whose token is alive.
	operational
	// departed: has left for good.
	departed
)

var stateNames = [...]string{"gathering", "forming", "recovering", "operational", "departed"}

func (s state) String() string { return stateNames[s] }

// Machine is the ring of one daemon. It is not safe for concurrent use. See the
// package comment for how it is driven.
type Machine struct {
	o     Options
	t     Timing
	epoch Epoch   // the configuration of daemons in force
	next  *Epoch  // the one that is offered here, or nil
	made  []Epoch // those that have been offered in the present ring
	// wanted is the configuration of daemons that was last offered here, or that
	// this life began with.
	wanted Epoch
	past   uint32  // digest of the one before, 0: none
	peers  []*peer // in configuration order
	byID   map[DaemonID]*peer
	self   *peer
	// regroup: the ring has members that the configuration does not have, or has in
	// another order or in other segments.
	regroup bool

	// stretched: times are longer than those of a local network.
	stretched bool
	slept     time.Duration // when this daemon last did not run for a while
	measureAt time.Duration
	measured  int

	now   time.Duration
	state state
	ring  *installed // the last configuration installed; nil before the first
	known uint32     // the highest time of any configuration heard of
	start time.Duration

	clients, exchange outbox
	offers            outbox // of configurations of daemons
	held              bool
	datagram          int // the size in use

	gather  gather
	attempt *attempt      // forming, recovering
	coord   *coordination // of an attempt of our own
	number  uint64        // of our last attempt
	joins   uint64        // our last Join
	probe   probe
	leaving *leaving

	pool      pool
	delivered slab // memory for payloads that are handed on
	control   slab // for control datagrams
	pieces    uint64
	growAt    time.Duration // when larger datagrams are tried again
	growWait  time.Duration

	tracePart []byte // the message that traceSent puts together

	events  []Event
	packets []Packet
	sent    []Message
	notes   []Note
	counts  Counters
	times   times
}

// New makes a machine that looks for the others. It has no configuration until
// Advance says so. It panics if Self is not among Peers.
func New(o Options, now time.Duration) *Machine {
	o.Datagram = max(o.Datagram, minDatagram)
	m := &Machine{o: o, now: now, start: now, known: o.Incarnation, held: true,
		epoch: Epoch{Digest: o.Digest, Peers: o.Peers, Describe: o.Describe}, times: newTimes()}
	m.wanted = m.epoch
	m.setPeers(o.Peers)
	m.retime()
	m.self.incarnation = o.Incarnation
	m.useDatagram(m.o.Datagram)
	m.delivered.size, m.control.size = 256<<10, 16<<10
	m.clients.pool, m.exchange.pool, m.offers.pool = &m.pool, &m.pool, &m.pool
	m.beginGather()
	return m
}

// Submit queues a payload of a client. It is copied.
func (m *Machine) Submit(s Service, payload []byte) {
	if m.alone() && !m.held && m.clients.empty() && m.exchange.empty() {
		m.giveAlone(s, payload)
		return
	}
	m.clients.add(s, payload)
}

// SubmitExchange queues a payload of the group layer's state exchange. It goes
// while those of clients are held, that is from a regular configuration on until
// Hold lets them go.
func (m *Machine) SubmitExchange(s Service, payload []byte) {
	m.exchange.add(s, payload)
}

// Hold keeps payloads of clients from getting a place in the order, or lets them
// have it. Every regular configuration begins held.
func (m *Machine) Hold(held bool) { m.held = held }

// Backlog is how many bytes of payloads wait for their place.
func (m *Machine) Backlog() int { return m.clients.bytes + m.exchange.bytes }

// Receive takes a datagram from the network.
func (m *Machine) Receive(now time.Duration, b []byte) {
	m.wakeUp(now)
	m.receive(b, true)
}

func (m *Machine) receive(b []byte, whole bool) {
	h, err := ringproto.ParseHeader(b)
	if err != nil {
		m.counts.Malformed++
		return
	}
	p := m.byID[DaemonID(h.Sender)]
	switch {
	case p == nil, p == m.self, m.state == departed:
		m.counts.Foreign++
		return
	case !m.accepts(h.Digest) && !m.ofOurs(p, &h), h.Kind == ringproto.Differ:
		m.counts.Mismatched++
		m.onMismatch(p, &h, b[ringproto.HeaderSize:])
		return
	case !m.hear(p, h.Incarnation):
		m.counts.Stale++
		return
	}
	p.digest = h.Digest
	p.latest = max(p.latest, h.Config.Time)
	if m.mayInstall(p, h.Config) {
		m.install()
	}
	body := b[ringproto.HeaderSize:]
	switch h.Kind {
	case ringproto.Join, ringproto.Beat:
		p.said = m.now
	case ringproto.Data:
		if h.Flags&ringproto.Again == 0 {
			p.said = m.now
		}
	}
	switch h.Kind {
	case ringproto.Data, ringproto.Token, ringproto.Beat, ringproto.Ack, ringproto.Wake, ringproto.Ping:
		m.onRing(p, &h, b)
	case ringproto.Join:
		m.onJoin(p, &h, body)
	case ringproto.Propose:
		m.onPropose(p, body)
	case ringproto.State:
		m.onState(p, body)
	case ringproto.Plan:
		m.onPlan(p, body)
	case ringproto.Ready:
		m.onReady(p, body)
	case ringproto.Install:
		m.onInstall(p, body)
	case ringproto.Leave:
		m.onLeave(p, h.Config)
	case ringproto.Piece:
		m.onPiece(p, body, whole)
	default:
		m.counts.Malformed++
	}
}

func (m *Machine) onPiece(p *peer, body []byte, whole bool) {
	var piece ringproto.PieceBody
	if !whole || piece.Parse(body) != nil || ahead(piece.Number, p.pieces.done) {
		m.counts.Malformed++
		return
	}
	if b := p.pieces.add(&piece); b != nil {
		m.receive(b, false)
	}
}

// Tune changes times and windows.
func (m *Machine) Tune(t Timing, w Windows) {
	m.o.Timing, m.o.Windows = t, w
	m.retime()
}

// retime follows the round trips to those daemons that are there, where the times
// are not given.
func (m *Machine) retime() {
	m.t = m.o.Timing
	m.t.fill()
	m.t.Probe = max(m.t.Probe, leastProbe)
	if m.o.Timing != (Timing{}) {
		return
	}
	var rtt time.Duration
	for _, p := range m.peers {
		silence := longSilence
		switch {
		case p.index < 0:
			silence /= 4
		case m.state != operational:
			// At rest members hear each other by measure only: each in its turn.
			turn := measureEvery * time.Duration(len(m.ring.members))
			silence = min(silence, max(silence/4, turn+measureEvery/2))
		}
		if p.rtt.n >= fewSamples && m.now-p.heard < silence {
			rtt = max(rtt, min(p.rtt.mean+2*p.rtt.dev, 2*p.rtt.least()))
		}
	}
	for _, p := range m.peers {
		p.guess = rtt
	}
	short := m.t
	m.t = m.t.stretched(rtt)
	m.stretched = m.t != short
}

// measure asks one member after the other for the round trip while times are
// stretched, so that they shrink again.
func (m *Machine) measure() {
	if !m.stretched || m.now < m.measureAt {
		return
	}
	m.measureAt = m.now + measureEvery
	m.measured++
	if p := m.ring.members[m.measured%len(m.ring.members)]; p != m.self {
		m.ping(p)
	}
	m.retime()
}

// measureEvery is how often a daemon measures while its times are stretched.
const measureEvery = 200 * time.Millisecond

// sample takes how long an answer of p took.
func (m *Machine) sample(p *peer, d time.Duration) {
	p.rtt.add(d)
	if d > m.t.Join/2 || m.stretched {
		m.retime()
	}
}

// mostAhead is how far the numbers of a daemon's Joins, attempts and pieces may jump.
// One that jumps further is nobody's, and would make all that follow look old.
const mostAhead = 1 << 40

// ahead tells whether a number jumps too far.
func ahead(number, last uint64) bool { return number-last > mostAhead && number > last }

// leftFor is how long nothing is taken from a daemon that has taken its leave. If it
// still speaks then, it has not.
const leftFor = 2 * time.Second

// fewSamples say nothing of a path yet: the first may be that of a daemon that was
// asleep.
const fewSamples = 3

// longSilence is after how long a daemon's round trip does not matter any more.
const longSilence = 10 * time.Second

// SetDatagram changes the largest datagram that can be sent, in bytes.
func (m *Machine) SetDatagram(bytes int) {
	m.o.Datagram = max(bytes, minDatagram)
	if m.now < m.growAt {
		bytes = min(bytes, safeDatagram)
	}
	m.useDatagram(max(bytes, minDatagram))
}

// useDatagram makes packets of that size from now on.
func (m *Machine) useDatagram(bytes int) {
	m.datagram = bytes
	for _, q := range []*outbox{&m.clients, &m.exchange, &m.offers} {
		q.close()
		q.size = bytes
	}
}

// hear notes that p is alive. It reports false for a datagram of an earlier life,
// or of one that has taken its leave.
func (m *Machine) hear(p *peer, incarnation uint32) bool {
	switch {
	case incarnation < p.incarnation:
		m.setBack(p)
		return false
	case incarnation == 0,
		incarnation == p.ended && p.refusals == 0 && m.now-p.left < leftFor:
		return false
	case incarnation > p.incarnation:
		before := p.incarnation
		p.anew(incarnation)
		if before != 0 && (m.state == operational && p.index >= 0 || m.waitsFor(p)) {
			m.note(Note{Kind: NoteRestarted, Daemon: p.id})
			m.beginGather()
		}
	}
	p.heard = m.now
	m.answered(p)
	p.refusals, p.ended = 0, 0
	return true
}

// setBack meets a life of p before the one that is known. If that has been silent for
// long, it is no datagram that was late.
func (m *Machine) setBack(p *peer) {
	if m.now-p.heard > longSilence && m.mayNote(p) {
		m.note(Note{Kind: NoteSetBack, Daemon: p.id})
	}
}

// Refused takes the evidence that a unicast datagram to a daemon was refused by
// its host: nobody is bound there.
func (m *Machine) Refused(now time.Duration, id DaemonID) {
	m.wakeUp(now)
	p := m.byID[id]
	if p == nil || p == m.self {
		return
	}
	// One refusal may be that of a datagram to an earlier life.
	p.refusals++
	p.refused = m.now
	if p.refusals == 1 {
		m.ping(p)
		return
	}
	member := m.state == operational && p.index >= 0
	if p.incarnation != 0 && p.ended == p.incarnation && !member && !m.waitsFor(p) {
		return
	}
	// It may live behind something that lets through what goes to everybody, and
	// refuses the rest: until it answers, it is not to be counted on.
	p.ended, p.deaf = p.incarnation, true
	switch {
	case member, m.waitsFor(p):
		m.note(Note{Kind: NoteRefused, Daemon: p.id})
		m.beginGather()
	case m.state == gathering:
		m.joinSoon(0)
	}
}

// Advance does what is due by now and appends it to out: numbers for what waits,
// events, datagrams.
func (m *Machine) Advance(now time.Duration, out *Output) {
	m.wakeUp(now)
	switch m.state {
	case operational:
		m.operate()
	case gathering:
		m.gatherOn()
	case forming, recovering:
		m.formOn()
	}
	out.Events = append(out.Events, m.events...)
	out.Packets = append(out.Packets, m.packets...)
	out.Sent = append(out.Sent, m.sent...)
	out.Notes = append(out.Notes, m.notes...)
	clear(m.events)
	clear(m.packets)
	clear(m.sent)
	m.events, m.packets, m.sent, m.notes = m.events[:0], m.packets[:0], m.sent[:0], m.notes[:0]
	m.pool.turn()
	if m.ring != nil {
		out.Stable = m.ring.stable << seqShift
	}
	out.Time = m.known
}

// Deadline is when Advance must be called at the latest.
func (m *Machine) Deadline() time.Duration {
	var d earliest
	switch m.state {
	case operational:
		m.operateBy(&d)
	case gathering:
		m.gatherBy(&d)
	case forming, recovering:
		m.formBy(&d)
	}
	if d.set {
		return d.at
	}
	return m.now + time.Hour
}

// earliest keeps the earliest of several times.
type earliest struct {
	at  time.Duration
	set bool
}

func (e *earliest) by(at time.Duration) {
	if !e.set || at < e.at {
		e.at, e.set = at, true
	}
}

// overslept is how late a call of Advance may be before we think that we, not the
// others, have been asleep.
const overslept = 150 * time.Millisecond

// wakeUp goes on to the present time. It looks whether this daemon was not running
// when it should have been: then the silence of others means nothing.
func (m *Machine) wakeUp(now time.Duration) {
	if now <= m.now {
		return
	}
	defer func() { m.now = now }()
	if now-m.now < min(overslept, m.t.Loss/4) {
		return
	}
	if late := now - max(m.Deadline(), m.now); late > min(overslept, m.t.Loss/4) {
		m.slept = now
		m.note(Note{Kind: NoteOverslept, For: late})
		for _, p := range m.peers {
			if p.heard != never {
				p.heard += late
			}
			if p.said != never {
				p.said += late
			}
			if p.asked != 0 {
				p.asked = now
			}
		}
		if m.ring != nil {
			m.ring.progress = now
			m.ring.passing.since = now
			m.ring.gaps.moved = now
		}
		if m.state == gathering {
			m.gather.since = min(now, m.gather.since+late)
		}
		if m.attempt != nil {
			m.attempt.progress, m.attempt.brought = now, now
		}
		if m.coord != nil {
			m.coord.began += late
		}
	}
}

// note adds something for the operator.
func (m *Machine) note(n Note) { m.notes = append(m.notes, n) }

// wall is the present time in seconds since 1970, as far as this life knows it.
func (m *Machine) wall() uint32 {
	return m.o.Incarnation + uint32((m.now-m.start)/time.Second)
}

// Present is the last configuration installed, nil before the first.
func (m *Machine) Present() *Configuration {
	if m.ring == nil {
		return nil
	}
	return m.ring.config
}
