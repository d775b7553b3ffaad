package echo

import (
	"context"
	"net/netip"
	"slices"
	"sync"
	"time"

	"gospread/spread/internal/link"
)

const (
	tick         = 100 * time.Millisecond
	perPeer      = 5 * time.Millisecond // a tick is at least so long for each peer
	measureTicks = 20                   // of probes that count
	grace        = 500 * time.Millisecond
	longestEnd   = 5 * time.Second // others are waited for at the end
	listenFor    = 5 * time.Second // who was not heard for so long has ended
	// answersInSecond bounds what a peer can make us send.
	answersInSecond = 400
	// uncounted marks the numbers of probes whose answers do not count.
	uncounted = 1 << 31
)

// Carrier takes datagrams to the other daemons' ports. A link.Link is one.
type Carrier interface {
	Send(batch []link.Datagram)
	Start(h link.Handler)
}

// Peer is another daemon of the configuration.
type Peer struct {
	ID   uint32
	Addr netip.AddrPort
	Near bool // in the own segment
	// Busy: a daemon runs there and has the ports.
	Busy bool
}

// Config is what a Station needs to know.
type Config struct {
	Self     uint32
	Auth     *Auth
	Life     uint64 // drawn at random
	Hash     uint32
	Text     uint64
	SegAddrs uint32
	Peers    []Peer
	// Main is for the daemons' ports, Spare for the others; nil: not to be used.
	Main, Spare Carrier
	Sizes       []int // of datagrams that are tried, MinSize to MaxSize
	// Wait is how long doctors that are not heard are waited for.
	Wait time.Duration
	// Listen goes on until the end of the context, and probes who does not only now
	// and then.
	Listen bool
	// Clock is the clock of the machine, which is compared.
	Clock func() time.Time
	// Progress, if not nil, is told who is waited for, whenever that has changed.
	// It is called by Run's goroutine.
	Progress func(missing []uint32)
}

// Station is this machine's end of the protocol.
type Station struct {
	cfg   Config
	began time.Time

	mu    sync.Mutex
	peers map[uint32]*peer
	order []uint32
	seq   [Ways]uint32
	ticks int
}

// New makes a Station; it hears from then on.
func New(cfg Config) *Station {
	s := &Station{cfg: cfg, began: time.Now(), peers: make(map[uint32]*peer, len(cfg.Peers))}
	for _, c := range cfg.Peers {
		p := &peer{Peer: c, budget: answersInSecond}
		p.reset(0, cfg.Sizes)
		s.peers[c.ID] = p
		s.order = append(s.order, c.ID)
	}
	for spare, c := range map[bool]Carrier{false: cfg.Main, true: cfg.Spare} {
		if c != nil {
			c.Start(handler{s, c, spare})
		}
	}
	return s
}

// Run probes until all doctors are measured or have been waited for, and those that
// were heard have measured this one. It returns early at the end of ctx.
func (s *Station) Run(ctx context.Context) {
	t := time.NewTicker(max(tick, time.Duration(len(s.peers))*perPeer))
	defer t.Stop()
	var told []uint32
	end := time.Time{}
	for {
		now := time.Now()
		missing := s.tick(now)
		if s.cfg.Progress != nil && (told == nil || !slices.Equal(missing, told)) {
			told = append([]uint32{}, missing...)
			s.cfg.Progress(missing)
		}
		if !s.cfg.Listen && end.IsZero() && s.over(now) {
			end = now.Add(longestEnd)
		}
		if !end.IsZero() && (now.After(end) || s.known()) {
			return
		}
		select {
		case <-t.C:
		case <-ctx.Done():
			return
		}
	}
}

// over tells whether nothing more is to be measured: who was heard is, and the others
// had their time.
func (s *Station) over(now time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	waited := now.Sub(s.began) >= s.cfg.Wait
	for _, p := range s.peers {
		if !p.settled(now) && (!waited || !p.first.IsZero()) {
			return false
		}
	}
	return true
}

// known tells whether all that were heard, and still are, have measured this doctor.
func (s *Station) known() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, p := range s.peers {
		if !p.first.IsZero() && time.Since(p.last) < listenFor && !p.knowsUs(s.cfg.Self) {
			return false
		}
	}
	return true
}

// Results are what is known now, in the order of the peers.
func (s *Station) Results() []Result {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []Result
	for _, id := range s.order {
		p := s.peers[id]
		r := p.res
		r.Heard = !p.first.IsZero()
		if p.nrtts > 0 {
			r.Mean = p.rtts / time.Duration(p.nrtts)
		}
		r.Sizes = slices.Clone(r.Sizes)
		r.Rows = make(map[uint32]Row, len(p.res.Rows))
		for k, v := range p.res.Rows {
			r.Rows[k] = v
		}
		all = append(all, r)
	}
	return all
}

// tick sends what is due, and returns who is waited for.
func (s *Station) tick(now time.Time) (missing []uint32) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ticks++
	var out, spare []link.Datagram
	for _, id := range s.order {
		p := s.peers[id]
		if s.ticks%10 == 0 {
			p.budget = answersInSecond
		}
		if p.first.IsZero() {
			missing = append(missing, id)
		}
		if s.cfg.Listen && s.ticks%10 != 0 && (p.first.IsZero() || now.Sub(p.last) > listenFor) {
			continue
		}
		s.probe(p, now, &out, &spare)
		if s.ticks%5 == 0 {
			s.report(p, now, &out, &spare)
		}
	}
	s.probeAll(now, &out, &spare)
	for _, id := range s.order {
		p := s.peers[id]
		if p.first.IsZero() || p.ticks >= measureTicks {
			continue
		}
		if p.ticks++; p.ticks == measureTicks {
			p.ended = now
		}
	}
	send(s.cfg.Main, out)
	send(s.cfg.Spare, spare)
	return missing
}

func send(c Carrier, batch []link.Datagram) {
	if c != nil && len(batch) > 0 {
		c.Send(batch)
	}
}

// message is one that has everything that all have.
func (s *Station) message(kind Kind, way Way, to uint32) *Message {
	return &Message{
		Kind: kind, Way: way, From: s.cfg.Self, To: to, Life: s.cfg.Life,
		Stamp: int64(time.Since(s.began)), Clock: s.cfg.Clock().UnixNano(),
		Hash: s.cfg.Hash, Text: s.cfg.Text, SegAddrs: s.cfg.SegAddrs,
	}
}

func (s *Station) append(batch *[]link.Datagram, m *Message) {
	*batch = append(*batch, link.Datagram{
		To: m.To, Near: m.To == 0, Bulk: m.Way != Token && m.Way != SpareToken, Data: m.Append(nil, s.cfg.Auth),
	})
}

// main tells whether the daemons' ports of a peer may be used.
func (s *Station) main(p *peer) bool { return s.cfg.Main != nil && !p.Busy }

// probe sends to one peer: while it is measured at each tick, else now and then.
func (s *Station) probe(p *peer, now time.Time, out, spare *[]link.Datagram) {
	counts := !p.first.IsZero() && p.ticks < measureTicks
	if !counts && p.ticks >= measureTicks && s.ticks%10 != 0 {
		return
	}
	one := func(batch *[]link.Datagram, w Way) {
		m := s.message(Probe, w, p.ID)
		m.Seq = s.seq[w] | uncounted
		if counts {
			m.Seq = s.seq[w]
			p.res.Sent[w]++
		}
		s.seq[w]++
		s.append(batch, m)
	}
	if s.main(p) {
		one(out, Data)
		one(out, Token)
	}
	if s.cfg.Spare != nil {
		one(spare, SpareData)
		one(spare, SpareToken)
	}
	if counts && len(p.res.Sizes) > 0 {
		s.probeSize(p, out, spare)
	}
}

// probeSize tries the sizes in turn.
func (s *Station) probeSize(p *peer, out, spare *[]link.Datagram) {
	size := &p.res.Sizes[p.ticks%len(p.res.Sizes)]
	m := s.message(Probe, Data, p.ID)
	batch := out
	if !s.main(p) {
		m.Way, batch = SpareData, spare
	}
	m.Seq, m.Size = uncounted, size.Bytes
	if s.main(p) || s.cfg.Spare != nil {
		size.Sent++
		s.append(batch, m)
	}
}

// probeAll sends one to everybody in the segment, unless a daemon would get it.
func (s *Station) probeAll(now time.Time, out, spare *[]link.Datagram) {
	near, busy, measuring, awake := false, false, false, !s.cfg.Listen
	for _, p := range s.peers {
		if p.Near {
			near = true
			busy = busy || p.Busy
			measuring = measuring || p.first.IsZero() || p.ticks < measureTicks
			awake = awake || !p.first.IsZero() && now.Sub(p.last) <= listenFor
		}
	}
	if !near || (!awake || !measuring) && s.ticks%10 != 0 {
		return
	}
	for _, w := range []Way{All, SpareAll} {
		batch := out
		if w == SpareAll {
			batch = spare
		}
		if w == All && (s.cfg.Main == nil || busy) || w == SpareAll && s.cfg.Spare == nil {
			continue
		}
		m := s.message(Probe, w, 0)
		m.Seq = s.seq[w]
		s.seq[w]++
		s.append(batch, m)
		for _, p := range s.peers {
			if p.Near && !p.first.IsZero() && p.ticks < measureTicks {
				p.res.Sent[w]++
			}
		}
	}
}

// report tells a peer what has been heard; a part of it each time.
func (s *Station) report(p *peer, now time.Time, out, spare *[]link.Datagram) {
	m := s.message(Report, Data, p.ID)
	part := (s.ticks / 5) % ((len(s.order) + MaxRows - 2) / (MaxRows - 1))
	m.Rows = append(m.Rows, s.row(p, now)) // what it wants to know most
	for i := part * (MaxRows - 1); i < min((part+1)*(MaxRows-1), len(s.order)); i++ {
		if q := s.peers[s.order[i]]; q != p {
			m.Rows = append(m.Rows, s.row(q, now))
		}
	}
	if s.main(p) {
		s.append(out, m)
	}
	if s.cfg.Spare != nil {
		m.Way = SpareData
		s.append(spare, m)
	}
}

func (s *Station) row(p *peer, now time.Time) Row {
	r := Row{Daemon: p.ID, Addr: p.Addr, Done: p.settled(now)}
	for w := range r.Heard {
		r.Heard[w] = uint16(min(p.res.Probes[w], 1<<16-1))
	}
	return r
}
