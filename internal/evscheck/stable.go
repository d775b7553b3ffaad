package evscheck

import "slices"

// safeBefore: what one has as SAFE before the signal, every member has (D15).
func (d *daemons) safeBefore(e *epoch) {
	safe := newBits(len(e.messages))
	any := false
	add := func(p *period) {
		for _, rank := range p.got[:p.before] {
			if at := e.ordered[rank]; e.messages[at].Service == ServiceSafe {
				safe.add(at)
				any = true
			}
		}
	}
	// The others have a part of what the longest has; if not, D14 tells it.
	add(e.longest())
	if !any {
		return
	}
	for _, id := range e.Members {
		if q := e.of(id); q != nil {
			if q.next != nil && q.has.lacks(safe) {
				d.missing("D15", q, safe, "before any signal")
			}
			continue
		}
		if !slices.ContainsFunc(d.run.Traces, func(t *DaemonTrace) bool { return t.Daemon == id && t.Ended }) {
			p := e.longest()
			d.bad("D15", p, []Place{p.at(p.start)}, "delivered SAFE messages before any signal in %v, which member %d never installed", e.ID, id)
		}
	}
}

// safeAfter: what one has as SAFE after the signal, all have that were to go on
// with it (D16).
func (d *daemons) safeAfter(e *epoch) {
	var done []ConfigID
	for i, p := range e.periods {
		if p.signal == nil || slices.Contains(done, p.signal.ID) {
			continue
		}
		done = append(done, p.signal.ID)
		safe := newBits(len(e.messages))
		for _, o := range e.periods[i:] {
			if o.signal == nil || o.signal.ID != p.signal.ID {
				continue
			}
			for _, rank := range o.got[o.before:] {
				if at := e.ordered[rank]; e.messages[at].Service == ServiceSafe {
					safe.add(at)
				}
			}
		}
		for _, id := range p.signal.Members {
			if q := e.of(id); q != nil && q.next != nil && q.has.lacks(safe) {
				d.missing("D16", q, safe, "after the signal of "+p.signal.ID.String())
			}
		}
	}
}

// missing reports the first of the messages that q went on without.
func (d *daemons) missing(rule string, q *period, safe bits, when string) {
	for i := range q.in.messages {
		if !safe.has(int32(i)) || q.has.has(int32(i)) {
			continue
		}
		m := &q.in.messages[i]
		places := []Place{q.at(q.signalAt), q.at(q.next.start), m.place()}
		for _, p := range q.in.periods {
			if p.has.has(int32(i)) {
				places = append(places, p.delivery(m))
				break
			}
		}
		d.bad(rule, q, places, "went on from %v to %v without %v, which was delivered elsewhere %s", q.in.ID, q.next.in.ID, m, when)
		return
	}
}

// quiet: in the end all are in one configuration and have everything that was
// sequenced there (D19, D20).
func (d *daemons) quiet() {
	var alive []uint32
	var last []*period
	for i, t := range d.run.Traces {
		if t.Ended {
			continue
		}
		alive = append(alive, t.Daemon)
		if n := len(d.lives[i]); n > 0 {
			last = append(last, d.lives[i][n-1])
		} else {
			p := &period{DaemonTrace: t, trace: i}
			d.bad("D20", p, nil, "never installed a configuration")
		}
	}
	slices.Sort(alive)
	for _, p := range last {
		here := []Place{p.at(p.start)}
		members := slices.Sorted(slices.Values(p.in.Members))
		switch {
		case p.signal != nil:
			d.bad("D20", p, []Place{p.at(p.signalAt)}, "came to rest in transitional configuration %v", p.signal.ID)
		case p.in != last[0].in:
			d.bad("D20", p, append(here, last[0].at(last[0].start)), "came to rest in %v, %v in %v", p.in.ID, last[0], last[0].in.ID)
		case !slices.Equal(members, alive):
			d.bad("D20", p, here, "came to rest in %v with members %v, but alive are %v", p.in.ID, members, alive)
		}
		d.delivered(p)
	}
}

func (d *daemons) delivered(p *period) {
	for i := range p.in.messages {
		if p.has.has(int32(i)) {
			continue
		}
		m := &p.in.messages[i]
		rule := "D20"
		if m.Loose {
			rule = "D19"
		}
		d.bad(rule, p, []Place{m.place(), p.at(p.end - 1)}, "came to rest without %v", m)
	}
}
