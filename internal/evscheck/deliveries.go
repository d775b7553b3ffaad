package evscheck

import "slices"

// walk goes through the deliveries of the periods of one configuration.
type walk struct {
	*daemons
	e *epoch
	// by sender (place of its period), at the period under way:
	count []int32 // ordered messages delivered
	told  []bool  // a gap is reported
}

func newWalk(d *daemons, e *epoch) *walk {
	return &walk{daemons: d, e: e, count: make([]int32, len(e.periods)), told: make([]bool, len(e.periods))}
}

// period goes through one period (D5 to D8, D10, D18).
func (w *walk) period(p *period) {
	clear(w.count)
	clear(w.told)
	p.has = newBits(len(w.e.messages))
	p.got = make([]int32, 0, len(w.e.ordered))
	p.before = -1
	last, lowest, hole := int32(-1), int32(0), false
	hint := 0
	for i := p.start + 1; i < p.end; i++ {
		if i == p.signalAt {
			p.before = len(p.got)
		}
		ev := &p.Events[i]
		if ev.Kind != Delivered {
			continue
		}
		w.report.Counts.Deliveries++
		at := w.find(p, i, &ev.Message, hint)
		if at < 0 {
			continue
		}
		hint = at + 1
		m := &w.e.messages[at]
		if p.has.has(int32(at)) {
			w.bad("D5", p, []Place{p.delivery(m), p.at(i)}, "%v is delivered twice", m)
			continue
		}
		p.has.add(int32(at))
		if m.Loose {
			continue
		}
		if m.rank < last {
			w.overtaken(p, i, m, last)
		}
		if m.rank == int32(len(p.got)) && p.dense == len(p.got) {
			p.dense++
		}
		p.got = append(p.got, m.rank)
		last = max(last, m.rank)
		for lowest < int32(len(w.e.ordered)) && p.has.has(w.e.ordered[lowest]) {
			lowest++
		}
		if p.before < 0 && lowest < m.rank && !hole {
			hole = true
			w.gap(p, i, m, lowest)
		}
		w.fifo(p, i, m)
		if m.Service == ServiceSafe {
			if p.before < 0 {
				w.report.Counts.SafeBefore++
			} else {
				w.report.Counts.SafeAfter++
			}
		}
	}
	if p.before < 0 {
		p.before = len(p.got)
	}
}

// find looks up what was delivered. The message expected next stands at hint.
func (w *walk) find(p *period, event int, m *DaemonMessage, hint int) int {
	all := w.e.messages
	if hint >= len(all) || all[hint].Seq != m.Seq {
		i, found := slices.BinarySearchFunc(all, m.Seq, func(m message, seq uint64) int { return compare(m.Seq, seq) })
		if !found {
			w.stray(p, event, m)
			return -1
		}
		hint = i
	}
	sent := &all[hint]
	if sent.DaemonMessage != *m {
		w.changed(p, event, m, sent)
		return -1
	}
	if sent.sender == p && int(sent.event) > event {
		w.bad("D5", p, []Place{p.at(event), sent.place()}, "%v is delivered before it was sequenced", m)
	}
	return hint
}

func (w *walk) stray(p *period, event int, m *DaemonMessage) {
	if o := w.elsewhere(m); o != nil {
		w.bad("D6", p, []Place{p.at(event), o.place()}, "%v is delivered in %v, but it was sequenced in %v", m, w.e.ID, o.sender.in.ID)
		return
	}
	w.bad("D5", p, []Place{p.at(event)}, "%v is delivered in %v, but nobody sequenced it", m, w.e.ID)
}

func (w *walk) changed(p *period, event int, m *DaemonMessage, sent *message) {
	if o := w.elsewhere(m); o != nil {
		w.bad("D6", p, []Place{p.at(event), o.place()}, "%v is delivered in %v, but it was sequenced in %v", m, w.e.ID, o.sender.in.ID)
		return
	}
	w.bad("D5", p, []Place{p.at(event), sent.place()}, "%v is delivered in %v, but what was sequenced there is %v", m, w.e.ID, sent)
}

// elsewhere finds the same message in another configuration. It is slow, and for
// reports only.
func (w *walk) elsewhere(m *DaemonMessage) *message {
	if w.kept["D5"]+w.kept["D6"] >= 2*MaxPerRule {
		return nil
	}
	for _, e := range w.epochs {
		for i := range e.messages {
			if o := &e.messages[i]; e != w.e && o.DaemonMessage == *m {
				return o
			}
		}
	}
	return nil
}

// overtaken: m comes after a message of a higher rank (D7, D18).
func (w *walk) overtaken(p *period, event int, m *message, last int32) {
	o := &w.e.messages[w.e.ordered[last]]
	places := []Place{p.delivery(o), p.at(event)}
	w.bad("D7", p, places, "%v is delivered after %v", m, o)
	if m.Service == ServiceSafe && o.Service != ServiceSafe {
		w.bad("D18", p, places, "%v did not wait for %v", o, m)
	}
}

// gap: m comes before the signal, but not all before it (D8, D18).
func (w *walk) gap(p *period, event int, m *message, lowest int32) {
	for rank := lowest; rank < m.rank; rank++ {
		o := &w.e.messages[w.e.ordered[rank]]
		if p.has.has(w.e.ordered[rank]) {
			continue
		}
		places := []Place{p.at(event), o.place()}
		if rank == lowest {
			w.bad("D8", p, places, "%v is delivered before any signal, but %v is not", m, o)
		}
		if o.Service == ServiceSafe && m.Service != ServiceSafe {
			w.bad("D18", p, places, "%v did not wait for %v", m, o)
			return
		}
	}
}

// fifo: all earlier ones of the same sender have come (D10).
func (w *walk) fifo(p *period, event int, m *message) {
	from := m.sender.place
	if w.count[from] < m.nth && !w.told[from] {
		w.told[from] = true
		for i := range m.sender.sent {
			o := &m.sender.sent[i]
			at, found := slices.BinarySearchFunc(w.e.messages, o.Seq, func(m message, seq uint64) int { return compare(m.Seq, seq) })
			if found && !o.Loose && !p.has.has(int32(at)) {
				w.bad("D10", p, []Place{p.at(event), o.place()}, "%v is delivered, but not %v of the same sender", m, o)
				break
			}
		}
	}
	w.count[from]++
}
