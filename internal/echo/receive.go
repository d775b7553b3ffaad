package echo

import (
	"errors"
	"time"

	"gospread/spread/internal/link"
)

// handler takes what comes to one carrier.
type handler struct {
	s     *Station
	c     Carrier
	spare bool
}

// Receive implements link.Handler.
func (h handler) Receive(batch []link.Received) {
	var answers []link.Datagram
	for i := range batch {
		if a := h.s.receive(&batch[i], h.spare); a != nil {
			answers = append(answers, *a)
		}
	}
	send(h.c, answers)
}

// Refused implements link.Handler.
func (h handler) Refused(id uint32) {
	h.s.mu.Lock()
	defer h.s.mu.Unlock()
	if p := h.s.peers[id]; p != nil {
		p.res.NobodyThere = true
	}
}

// Resized implements link.Handler.
func (h handler) Resized(int) {}

// Noted implements link.Handler.
func (h handler) Noted(string) {}

// receive takes a datagram and returns the answer to it, if it is due one.
func (s *Station) receive(r *link.Received, spare bool) *link.Datagram {
	now := time.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	m, err := Parse(r.Data, s.cfg.Auth)
	p := s.peers[r.From]
	switch {
	case errors.Is(err, ErrForeign):
		return nil
	case err != nil:
		if p != nil {
			p.res.Refusal = err
			if p.refused.IsZero() {
				p.refused = now
			}
		}
		return nil
	case m.Way >= SpareData != spare, m.From == s.cfg.Self, m.To != 0 && m.To != s.cfg.Self:
		return nil
	case p == nil:
		if q := s.peers[m.From]; q != nil {
			q.res.Elsewhere = r.Source
		}
		return nil
	case m.From != p.ID:
		p.res.Misnamed = m.From
		return nil
	}
	return s.take(p, m, now)
}

// take handles a message of a peer.
func (s *Station) take(p *peer, m *Message, now time.Time) *link.Datagram {
	if m.Life != p.life {
		p.reset(m.Life, s.cfg.Sizes)
	}
	if p.first.IsZero() {
		p.first = now
	}
	p.last = now
	p.res.Hash, p.res.Text, p.res.SegAddrs = m.Hash, m.Text, m.SegAddrs
	switch m.Kind {
	case Probe:
		if m.Size == MinSize {
			p.res.Probes[m.Way]++
		}
		return s.answer(p, m)
	case Answer:
		s.answered(p, m)
	case Report:
		for _, r := range m.Rows {
			if r.Daemon == s.cfg.Self || s.peers[r.Daemon] != nil { // so it stays bounded
				p.res.Rows[r.Daemon] = r
			}
		}
	}
	return nil
}

func (s *Station) answer(p *peer, m *Message) *link.Datagram {
	if p.budget <= 0 {
		return nil
	}
	p.budget--
	a := s.message(Answer, m.Way, p.ID)
	a.Seq, a.Stamp, a.Size = m.Seq, m.Stamp, m.Size
	var batch []link.Datagram
	s.append(&batch, a)
	return &batch[0]
}

func (s *Station) answered(p *peer, m *Message) {
	elapsed := time.Since(s.began)
	rtt := elapsed - time.Duration(m.Stamp)
	if m.Stamp < 0 || rtt < 0 {
		return // not one of ours
	}
	if m.Size != MinSize {
		for i := range p.res.Sizes {
			if z := &p.res.Sizes[i]; z.Bytes == m.Size && z.Answered < z.Sent {
				z.Answered++
			}
		}
		return
	}
	if m.Seq&uncounted != 0 || p.res.Answered[m.Way] >= p.res.Sent[m.Way] || !p.fresh(m.Way, m.Seq) {
		return
	}
	p.res.Answered[m.Way]++
	p.rtts += rtt
	p.nrtts++
	if p.res.Best == 0 || rtt < p.res.Best {
		p.res.Best = max(rtt, 1)
		p.res.Ahead = time.Duration(m.Clock - s.cfg.Clock().Add(-rtt/2).UnixNano())
	}
}
