package evscheck

import "slices"

// interrupted tells whether, while s lasted, its daemon and that of y may have
// recovered together without both installing the same configuration after it.
// It is asked only where a rule does not hold in its strict form.
func (k *clients) interrupted(s *stay, y *conn) bool {
	if len(k.run.Traces) == 0 {
		return k.run.Interrupted
	}
	here, there := daemonOf(s.at.Name), daemonOf(y.Name)
	if here == there {
		return false
	}
	p := k.periodOf(here, s)
	if p == nil {
		return k.run.Interrupted // a trace is missing
	}
	last := (*period)(nil)
	if s.next != nil {
		last = k.periodOf(here, s.next)
	}
	for ; p != nil; p = p.next {
		if p.parted(there) {
			return true
		}
		if p == last {
			break
		}
	}
	return false
}

// periodOf finds the configuration that named the view: a regular one, or the
// transitional one that closed it.
func (k *clients) periodOf(daemon string, s *stay) *period {
	id := configOf(s.key.id)
	for _, periods := range k.daemons.lives {
		for _, p := range periods {
			if p.Name == daemon && (p.in.ID == id || p.signal != nil && p.signal.ID == id) {
				return p
			}
		}
	}
	return nil
}

// parted tells that p and a daemon were to go on together, but did not.
func (p *period) parted(daemon string) bool {
	for _, q := range p.in.periods {
		if q.Name != daemon {
			continue
		}
		meant := p.signal != nil && slices.Contains(p.signal.Members, q.Daemon) ||
			q.signal != nil && slices.Contains(q.signal.Members, p.Daemon)
		return meant && !(p.next != nil && q.next != nil && p.next.in == q.next.in)
	}
	return false
}
