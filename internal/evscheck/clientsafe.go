package evscheck

import (
	"slices"

	"gospread/spread/internal/clientproto"
)

// safeBefore: a SAFE message before the signal reaches every member of the view
// (C20). in has who was in the view.
func (k *clients) safeBefore(s *stay, members []*conn, in map[*conn]*stay) {
	var safe []int32
	for _, m := range s.before() {
		if k.sent[m].safe() {
			safe = append(safe, m)
		}
	}
	if len(safe) == 0 {
		return
	}
	for _, y := range members {
		if y == s.at {
			continue
		}
		k.report.Counts.ClientSafeBefore += len(safe)
		if o := in[y]; o != nil {
			k.safeIn(s, o, safe)
		} else if k.run.Quiet && len(k.byName[y.name]) == 1 {
			// Only if the name stands for one connection is it sure that y is meant.
			k.safeUnseen(s, y, safe)
		}
	}
}

// safeIn checks that y got the messages in the view, where o is its stay, or in a
// provisional one that followed it, unless it left before.
func (k *clients) safeIn(s, o *stay, safe []int32) {
	y, end := o.at, o
	for end.next != nil && end.signal >= 0 && end.next.provisional() {
		end = end.next
	}
	if end.left || end.next == nil && !k.run.Quiet {
		return
	}
	for _, m := range safe {
		if at := y.place[m]; (at < o.start || at >= end.end) && !k.sent[m].hiddenFrom(y) {
			k.bad("C20", s.at, []Place{s.at.at(s.at.place[m]), y.at(end.end), y.at(at)},
				"got %v before the signal in %v, its member %s did not", k.sent[m], s, y.Name)
		}
	}
}

// safeUnseen: y never saw the view. If the join, leave or disconnect that made it
// stood behind the signal at y, then y saw it as a change caused by the network,
// under another id (4.4). It is enough that y got m after that. Who was to go on
// but did not get as far may have seen the same change under another id, too.
func (k *clients) safeUnseen(s *stay, y *conn, safe []int32) {
	for _, m := range safe {
		if k.sent[m].hiddenFrom(y) {
			continue
		}
		if !slices.ContainsFunc(y.stays, func(o *stay) bool {
			return o.key.group == s.key.group && (o.has(m) || o.left) &&
				(o.provisional() || slices.Equal(o.view.Members, s.view.Members) && k.interrupted(s, y))
		}) {
			k.bad("C20", s.at, []Place{s.at.at(s.at.place[m]), y.at(y.place[m])},
				"got %v in %v, which its member %s never saw", k.sent[m], s, y.Name)
		}
	}
}

// safeAfter: a SAFE message after the signal reaches those who go on together
// (C21). A member that was to go on but did not get as far may have filled a gap
// of ours meanwhile, and so have had a join, leave or disconnect before the
// message; it must have the message before its own next change of the network.
func (k *clients) safeAfter(s, o *stay) {
	if s.signal < 0 || s.signal == len(s.got) || s.next == nil || o.at.Ended || o.left ||
		!slices.Contains(ownSet(s.next.view), o.at.Name) {
		return
	}
	for _, m := range s.got[s.signal:] {
		if !k.sent[m].safe() || k.sent[m].hiddenFrom(o.at) {
			continue
		}
		k.report.Counts.ClientSafeAfter++
		if !o.has(m) && !(!together(s, o) && o.later(m) && k.interrupted(s, o.at)) {
			k.bad("C21", s.at, []Place{s.at.at(s.at.place[m]), o.at.at(o.end)},
				"got %v after the signal in %v, but %s, of the same set, did not", k.sent[m], s, o.at.Name)
		}
	}
}

// later tells that m came in a view that followed s, before the next one that
// ended a change of the network, or that the connection left the group.
func (s *stay) later(m int32) bool {
	for o := s.next; o != nil; o = o.next {
		if o.view.Cause == clientproto.CausedByNetwork && !o.provisional() {
			return false
		}
		if o.has(m) || o.left {
			return true
		}
	}
	return false
}
