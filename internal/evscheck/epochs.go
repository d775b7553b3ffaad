package evscheck

import "slices"

// epoch compares the daemons that were in one configuration.
func (d *daemons) epoch(e *epoch) {
	d.own(e)
	d.prefix(e)
	for _, p := range e.periods {
		d.transitional(p)
		d.moved(p)
	}
	d.causal(e)
	d.together(e)
	d.safeBefore(e)
	d.safeAfter(e)
	for _, p := range e.periods {
		if p.signal != nil {
			d.lost(p)
			d.signalPlace(p)
		}
	}
}

func (e *epoch) message(rank int32) *message { return &e.messages[e.ordered[rank]] }

// of finds the period of a daemon. Different lives of one daemon are never in one
// configuration (D3).
func (e *epoch) of(daemon uint32) *period {
	for _, p := range e.periods {
		if p.Daemon == daemon {
			return p
		}
	}
	return nil
}

// own: who goes on has delivered all that it sent (D12).
func (d *daemons) own(e *epoch) {
	for i := range e.messages {
		m := &e.messages[i]
		if p := m.sender; p.next != nil && !p.has.has(int32(i)) {
			d.bad("D12", p, []Place{m.place(), p.at(p.next.start)}, "went on from %v to %v without its own %v", e.ID, p.next.in.ID, m)
		}
	}
}

// prefix: before any signal, one has what the other has, and maybe more (D14).
func (d *daemons) prefix(e *epoch) {
	long := e.longest()
	for _, p := range e.periods {
		if p.before <= p.dense && p.before <= long.dense {
			continue
		}
		for i := range p.before {
			if p.got[i] != long.got[i] {
				m, o := e.message(p.got[i]), e.message(long.got[i])
				d.bad("D14", p, []Place{p.delivery(m), long.delivery(o)}, "before any signal in %v, %v comes where %v has %v", e.ID, m, long, o)
				break
			}
		}
	}
}

// longest is the period with the most ordered messages before the signal.
func (e *epoch) longest() *period {
	long := e.periods[0]
	for _, p := range e.periods {
		if p.before > long.before {
			long = p
		}
	}
	return long
}

// transitional checks the members of the configuration that closes p (D4).
func (d *daemons) transitional(p *period) {
	if p.signal == nil {
		return
	}
	here := p.at(p.signalAt)
	for _, id := range p.signal.Members {
		switch {
		case !slices.Contains(p.in.Members, id):
			d.bad("D4", p, []Place{here}, "transitional configuration %v has %d, which is not in %v before it", p.signal.ID, id, p.in.ID)
		case p.in.of(id) == nil:
			d.bad("D4", p, []Place{here}, "transitional configuration %v has %d, which never installed %v before it", p.signal.ID, id, p.in.ID)
		case p.next != nil && !slices.Contains(p.next.in.Members, id):
			d.bad("D4", p, []Place{here, p.at(p.next.start)}, "transitional configuration %v has %d, which is not in %v behind it", p.signal.ID, id, p.next.in.ID)
		}
	}
}

// moved compares where the members of a configuration say they come from (D4).
func (d *daemons) moved(p *period) {
	from := p.prev
	if from == nil || from.signal == nil {
		return
	}
	for _, q := range p.in.periods {
		same := q.prev != nil && q.prev.in == from.in
		in := slices.Contains(from.signal.Members, q.Daemon)
		places := []Place{from.at(from.signalAt), q.at(q.start)}
		switch {
		case in && !same:
			d.bad("D4", p, places, "came to %v with %d in %v, but that came from elsewhere", p.in.ID, q.Daemon, from.signal.ID)
		case same && !in:
			d.bad("D4", p, places, "came to %v from %v without %d in %v, but that came from there, too", p.in.ID, from.in.ID, q.Daemon, from.signal.ID)
		case same && q.prev.signal != nil && q.prev.signal.ID != from.signal.ID:
			d.bad("D4", p, places, "came to %v from %v by %v, but %v by %v", p.in.ID, from.in.ID, from.signal.ID, q, q.prev.signal.ID)
		}
	}
}

// causal: who delivers a message has delivered before it all that its sender had
// delivered when it was sequenced (D11).
func (d *daemons) causal(e *epoch) {
	places := make([]int32, len(e.ordered)) // in p.got
	past := make([]int32, len(e.periods))   // by sender, how many of its first deliveries are looked at
	latest := make([]int32, len(e.periods)) // and the last place of those
	for _, p := range e.periods {
		filled := false
		for i, rank := range p.got {
			m := e.message(rank)
			q := m.sender
			if q == p || int(m.known) <= min(q.dense, p.dense, i) {
				continue
			}
			if !filled {
				filled = true
				clear(past)
				clear(latest)
				for j := range places {
					places[j] = int32(len(e.ordered))
				}
				for j, rank := range p.got {
					places[rank] = int32(j)
				}
			}
			for past[q.place] < min(m.known, int32(len(q.got))) {
				latest[q.place] = max(latest[q.place], places[q.got[past[q.place]]])
				past[q.place]++
			}
			if int(latest[q.place]) > i {
				d.notCausal(p, m, q.got[:past[q.place]])
				break
			}
		}
	}
}

func (d *daemons) notCausal(p *period, m *message, past []int32) {
	for _, rank := range past {
		o := p.in.message(rank)
		if i, j := slices.Index(p.got, rank), slices.Index(p.got, m.rank); i < 0 || i > j {
			d.bad("D11", p, []Place{p.delivery(m), p.delivery(o), m.place(), m.sender.delivery(o)},
				"%v is delivered without %v before it, which %v had delivered when it sent", m, o, m.sender)
			return
		}
	}
}

// together: who goes the same way delivers the same (D13).
func (d *daemons) together(e *epoch) {
	for i, p := range e.periods {
		if j := slices.IndexFunc(e.periods[:i], p.with); j >= 0 {
			d.report.Counts.Survivors++
			d.sameAs(p, e.periods[j])
		}
	}
}

// with tells that two members of a configuration go on by the same transitional
// configuration to the same next one.
func (p *period) with(q *period) bool {
	return p.signal != nil && q.signal != nil && p.signal.ID == q.signal.ID &&
		p.next != nil && q.next != nil && p.next.in == q.next.in
}

func (d *daemons) sameAs(p, q *period) {
	for i := range max(len(p.got), len(q.got)) {
		switch {
		case i >= len(p.got) || i >= len(q.got) || p.got[i] != q.got[i]:
			places := []Place{p.at(p.signalAt), q.at(q.signalAt)}
			a, b := "nothing", "nothing"
			if i < len(p.got) {
				m := p.in.message(p.got[i])
				a, places = m.String(), append(places, p.delivery(m))
			}
			if i < len(q.got) {
				m := p.in.message(q.got[i])
				b, places = m.String(), append(places, q.delivery(m))
			}
			d.bad("D13", p, places, "goes on from %v to %v with %v, but has %s where that has %s", p.in.ID, p.next.in.ID, q, a, b)
			return
		case (i < p.before) != (i < q.before):
			m := p.in.message(p.got[i])
			d.bad("D13", p, []Place{p.at(p.signalAt), q.at(q.signalAt), p.delivery(m), q.delivery(m)},
				"goes on from %v to %v with %v, but the signal stands on another side of %v", p.in.ID, p.next.in.ID, q, m)
			return
		}
	}
}

// lost: behind a gap there are only messages of senders that go on, and a gap is
// a gap for all that go the same way (D9).
func (d *daemons) lost(p *period) {
	if p.dense == len(p.got) || p.before == len(p.got) {
		return
	}
	top := slices.Max(p.got[p.before:])
	last := p.in.message(top)
	for rank := range top {
		if p.has.has(p.in.ordered[rank]) {
			continue
		}
		m := p.in.message(rank)
		if slices.Contains(p.signal.Members, m.sender.Daemon) {
			d.bad("D9", p, []Place{p.at(p.signalAt), p.delivery(last), m.place()},
				"%v is delivered, but not %v, whose sender is in %v", last, m, p.signal.ID)
			return
		}
		for _, q := range p.in.periods {
			if p.next != nil && q.next != nil && q.next.in == p.next.in && slices.Contains(p.signal.Members, q.Daemon) &&
				q.has.has(p.in.ordered[rank]) {
				d.bad("D9", p, []Place{p.at(p.signalAt), p.delivery(last), q.delivery(m)},
					"%v is delivered, but not %v, which is delivered at %v", last, m, q)
				return
			}
		}
	}
}

// signalPlace: the signal stands behind all that may stand before it (D17). Between
// the last message before it and the first one behind it something must be
// missing, or that first one must be SAFE and not known to be stable.
func (d *daemons) signalPlace(p *period) {
	if p.before == len(p.got) || p.before > p.dense || p.got[p.before] < int32(p.before) {
		return
	}
	m := p.in.message(p.got[p.before])
	places := []Place{p.at(p.signalAt), p.delivery(m)}
	if m.Service == ServiceSafe {
		for _, q := range p.in.periods {
			// Who goes another way may have learnt it later.
			if same := q == p || p.with(q); same && q.line >= m.Seq {
				d.bad("D17", p, append(places, q.delivery(m)), "%v stands behind the signal, but %v knew that all up to %#x is stable", m, q, q.line)
				return
			}
		}
		return
	}
	if !d.mayHide(p, m) {
		d.bad("D17", p, places, "%v stands behind the signal, but nothing is missing before it", m)
	}
}

// mayHide tells whether something that p lacks may stand between its last message
// before the signal and m, the first one behind it: a message, or a packet of
// which the traces do not tell what was in it.
func (d *daemons) mayHide(p *period, m *message) bool {
	packet, from := uint64(0), 0 // up to here, all is there
	if p.before > 0 {
		i := p.in.ordered[p.got[p.before-1]]
		packet, from = p.in.messages[i].Seq>>d.run.IndexBits, int(i)+1
	}
	for i := from; i <= int(p.in.ordered[m.rank]); i++ {
		o := &p.in.messages[i]
		if !p.has.has(int32(i)) || o.Seq>>d.run.IndexBits > packet+1 {
			return true
		}
		packet = o.Seq >> d.run.IndexBits
	}
	return false
}
