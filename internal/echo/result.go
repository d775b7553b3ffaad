package echo

import (
	"net/netip"
	"time"
)

// Result is what is known of another daemon's doctor and the way to it.
type Result struct {
	ID uint32
	// Heard: something has come from it that had the right tag.
	Heard bool
	// Sent are the probes to it that count, from when it was first heard; Answered
	// of these have been answered.
	Sent, Answered [Ways]int
	// Probes of it have come.
	Probes [Ways]int
	// Best and Mean are round trips; 0: none.
	Best, Mean time.Duration
	// Ahead is by how much its clock is ahead of ours, to half of Best.
	Ahead time.Duration
	Sizes []Size
	// What its configuration is, as in Message.
	Hash     uint32
	Text     uint64
	SegAddrs uint32
	// Rows are what it knows of others, by their ids, and of us.
	Rows map[uint32]Row
	// Refusal is why datagrams from its address were not taken; nil: all were.
	Refusal error
	// Elsewhere is an address that is none of the configuration, from which its
	// datagrams came.
	Elsewhere netip.AddrPort
	// Misnamed: from its address came datagrams of a doctor with another id.
	Misnamed uint32
	// NobodyThere: its host has said that nobody listens on a port.
	NobodyThere bool
}

// Size is how many datagrams of a size came back.
type Size struct{ Bytes, Sent, Answered int }

// Way adds up one way and its spare.
func (r *Result) count(n *[Ways]int, w Way) int { return n[w] + n[w+SpareData] }

// Loss is the part of the probes on a way, or its spare, that were not answered;
// ok is false if there were none.
func (r *Result) Loss(w Way) (part float64, ok bool) {
	sent := r.count(&r.Sent, w)
	if sent == 0 {
		return 0, false
	}
	return float64(sent-r.count(&r.Answered, w)) / float64(sent), true
}

// peer is what a station keeps of another daemon.
type peer struct {
	Peer
	res     Result
	life    uint64
	first   time.Time // when its doctor was first heard; zero: never
	last    time.Time // when it was last heard
	refused time.Time // when the first datagram was refused
	ticks   int       // of probing that count
	ended   time.Time // when the last probe that counts was sent

	rtts   time.Duration // of all answers
	nrtts  int
	seen   [Ways]uint64 // the latest 64 numbers that were answered
	newest [Ways]uint32
	budget int // answers to it that are left in this second
}

// reset forgets what belongs to an earlier doctor there.
func (p *peer) reset(life uint64, sizes []int) {
	p.life, p.first, p.last, p.ended = life, time.Time{}, time.Time{}, time.Time{}
	p.ticks, p.rtts, p.nrtts = 0, 0, 0
	p.seen, p.newest = [Ways]uint64{}, [Ways]uint32{}
	p.res = Result{ID: p.ID, Rows: map[uint32]Row{}, Refusal: p.res.Refusal, Misnamed: p.res.Misnamed, Elsewhere: p.res.Elsewhere}
	for _, n := range sizes {
		p.res.Sizes = append(p.res.Sizes, Size{Bytes: n})
	}
}

// fresh tells whether an answer has not been counted yet.
func (p *peer) fresh(w Way, seq uint32) bool {
	if seq > p.newest[w] {
		p.seen[w] <<= min(seq-p.newest[w], 64)
		p.newest[w] = seq
	}
	age := p.newest[w] - seq
	if age >= 64 || p.seen[w]&(1<<age) != 0 {
		return false
	}
	p.seen[w] |= 1 << age
	return true
}

// measured tells whether everything is known that was wanted.
func (p *peer) measured(now time.Time) bool {
	return !p.ended.IsZero() && now.Sub(p.ended) >= grace
}

// settled tells whether nothing more is to be waited for.
func (p *peer) settled(now time.Time) bool {
	return p.measured(now) || p.first.IsZero() && !p.refused.IsZero() && now.Sub(p.refused) >= measureTicks*tick
}

// knowsUs tells whether that doctor has measured the way to us.
func (p *peer) knowsUs(self uint32) bool { return p.res.Rows[self].Done }
