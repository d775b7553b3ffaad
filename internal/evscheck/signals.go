package evscheck

import (
	"slices"

	"gospread/spread/internal/clientproto"
)

// reason: a signal says that a member of the view is on a daemon that may be lost
// (C11). A view that came about between a signal and the next configuration is
// followed by one even if those members have left meanwhile.
func (k *clients) reason(s *stay) {
	if s.signal < 0 {
		return
	}
	c := s.at
	here := daemonOf(c.Name)
	p := k.periodOf(here, s)
	if s.view.Cause == clientproto.CausedByNetwork && s.provisional() && (p == nil || p.in.ID != configOf(s.key.id)) {
		return
	}
	places := []Place{c.at(s.start), c.at(s.cut)}
	if !slices.ContainsFunc(s.view.Members, func(n clientproto.Name) bool { return daemonOf(n) != here }) {
		k.bad("C11", c, places, "signal for %v, whose members are all on %s", s, here)
		return
	}
	if p != nil && !k.loses(s, p) {
		k.bad("C11", c, places, "signal for %v, whose members are all on daemons that went on together", s)
	}
}

// loses tells whether in one of the periods of its daemon that the view s saw the
// end of, from p on, a daemon of a member did not go on.
func (k *clients) loses(s *stay, p *period) bool {
	var last *period
	if s.next != nil {
		last = k.periodOf(p.Name, s.next)
	}
	for ; p != nil; p = p.next {
		if p == last && last.in.ID == configOf(s.next.key.id) {
			return false // the next view belongs to the configuration, the signal came before it
		}
		if p.signal != nil && slices.ContainsFunc(s.view.Members, func(n clientproto.Name) bool { return !p.goesOn(daemonOf(n)) }) {
			return true
		}
		if p == last {
			return false
		}
	}
	return false
}

// goesOn tells whether a daemon is in the transitional configuration that closes p.
func (p *period) goesOn(daemon string) bool {
	return slices.ContainsFunc(p.in.periods, func(q *period) bool {
		return q.Name == daemon && slices.Contains(p.signal.Members, q.Daemon)
	})
}
