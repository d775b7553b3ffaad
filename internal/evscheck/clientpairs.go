package evscheck

import (
	"fmt"
	"math"
	"slices"

	"gospread/spread/internal/clientproto"
)

func (s *stay) String() string { return fmt.Sprintf("view %v of %s", s.key.id, s.view.Group) }

// pairs compares those who were in one view.
func (k *clients) pairs(stays []*stay) {
	in := make(map[*conn]*stay, len(stays))
	for _, s := range stays {
		if in[s.at] == nil {
			in[s.at] = s
		}
		k.sameView(s, stays[0])
	}
	var members []*conn
	for i, s := range stays {
		for j, o := range stays {
			if i == j {
				continue
			}
			k.noGap(s, o)
			if i < j {
				k.prefix(s, o)
				k.sameSet(s, o)
			}
			k.safeAfter(s, o)
		}
		if i == 0 || !slices.Equal(s.view.Members, stays[0].view.Members) {
			members = k.members(s.view)
		}
		k.safeBefore(s, members, in)
	}
}

// sameView: one id, one content (C6).
func (k *clients) sameView(s, o *stay) {
	a, b := s.view, o.view
	if a != b && (a.Cause != b.Cause || !slices.Equal(a.Members, b.Members) || !slices.EqualFunc(a.Sets, b.Sets, slices.Equal)) {
		k.bad("C6", s.at, []Place{s.at.at(s.start), o.at.at(o.start)}, "%v is not the same at %s: %v %v and %v %v", s, o.at.Name,
			a.Members, a.Sets, b.Members, b.Sets)
	}
}

// hidden tells that one of the two kept the message from itself.
func (k *clients) hidden(m int32, s, o *stay) bool {
	sent := k.sent[m]
	return sent.hiddenFrom(s.at) || sent.hiddenFrom(o.at)
}

// together tells that two members of a view went on into the same next one.
func together(s, o *stay) bool {
	return s.next != nil && o.next != nil && s.next.key == o.next.key
}

// free tells that the message need not be at both of two members whose daemons
// recovered together, but did not install the same configuration: a group none of
// whose members is on a lost daemon gets no signal, but behind the unseen one a
// message of a lost daemon may be missing; and who did not get as far may still
// receive it.
func (k *clients) free(m int32, s, o *stay) bool {
	from := daemonOf(k.sent[m].from.Name)
	return !together(s, o) && k.interrupted(s, o.at) &&
		!slices.ContainsFunc(s.view.Members, func(n clientproto.Name) bool { return daemonOf(n) == from })
}

func daemonOf(n clientproto.Name) string {
	_, d, _ := n.SplitPrivate()
	return string(d)
}

// noGap: who has a message before the signal has all that others got before it
// in that view (C17).
func (k *clients) noGap(s, o *stay) {
	first, last := int32(math.MaxInt32), int32(-1) // place at s of the first of those looked at
	for _, m := range slices.Backward(o.got) {
		at := s.at.place[m]
		if first != math.MaxInt32 && (at < 0 || at > first) && !k.hidden(m, s, o) && !k.free(m, s, o) {
			k.bad("C17", s.at, []Place{s.at.at(first), s.at.at(at), o.at.at(o.at.place[m])},
				"%v came in %v, but not %v, which %s got before it", k.sent[last], s, k.sent[m], o.at.Name)
		}
		if s.hasBefore(m) && at < first && !k.hidden(m, s, o) {
			first, last = at, m
		}
	}
}

// prefix: before the signal, one has what the other has, and maybe more (C18).
func (k *clients) prefix(s, o *stay) {
	if s.at.Ended || o.at.Ended {
		return
	}
	m, n, differ := k.compareLists(s.before(), o.before(), s, o, false)
	if differ && m >= 0 && n >= 0 {
		k.bad("C18", s.at, []Place{s.at.at(s.at.place[m]), o.at.at(o.at.place[n])},
			"in %v, before any signal, comes %v where %s has %v", s, k.sent[m], o.at.Name, k.sent[n])
	}
}

// compareLists returns the first two messages in which the lists differ; -1 where
// one is at its end. What is hidden from one does not count; what is free does not
// if all is false.
func (k *clients) compareLists(a, b []int32, s, o *stay, all bool) (m, n int32, differ bool) {
	skip := func(m int32) bool { return k.hidden(m, s, o) || !all && k.free(m, s, o) }
	next := func(list []int32) (int32, []int32) {
		for i, m := range list {
			if !k.hidden(m, s, o) {
				return m, list[i+1:]
			}
		}
		return -1, nil
	}
	for len(a) > 0 || len(b) > 0 {
		m, a = next(a)
		n, b = next(b)
		if m == n {
			continue
		}
		// Rare enough to be slow.
		for m >= 0 && skip(m) {
			m, a = next(a)
		}
		for n >= 0 && skip(n) {
			n, b = next(b)
		}
		if m != n {
			return m, n, true
		}
	}
	return -1, -1, false
}

// sameSet: members that go on together have received the same (C19).
func (k *clients) sameSet(s, o *stay) {
	if !together(s, o) {
		return
	}
	if v := s.next.view; v.Cause == clientproto.CausedByNetwork && !slices.Contains(ownSet(v), o.at.Name) {
		return
	}
	k.report.Counts.ClientSurvivors++
	ends := []Place{s.at.at(s.end), o.at.at(o.end)}
	if m, n, differ := k.compareLists(s.got, o.got, s, o, true); differ {
		k.bad("C19", s.at, ends, "went on from %v together with %s, but received %s, not %s", s, o.at.Name, k.orNothing(m), k.orNothing(n))
	}
	m, n, differ := k.compareLists(s.before(), o.before(), s, o, true)
	if differ || (s.signal < 0) != (o.signal < 0) {
		ends[0], ends[1] = s.at.at(s.cut), o.at.at(o.cut)
		k.bad("C19", s.at, ends, "the signal in %v does not stand where it does at %s: before it came %s, not %s", s, o.at.Name, k.orNothing(m), k.orNothing(n))
	}
}

func (k *clients) orNothing(m int32) string {
	if m < 0 {
		return "no more"
	}
	return k.sent[m].String()
}

func ownSet(v *clientproto.View) []clientproto.Name {
	if v.Own < 0 || v.Own >= len(v.Sets) {
		return nil
	}
	return v.Sets[v.Own]
}

// members are the connections that a view may list and that must get what it
// promises.
func (k *clients) members(v *clientproto.View) []*conn {
	var members []*conn
	for _, n := range v.Members {
		i, known := k.names[n]
		if !known {
			continue
		}
		for _, y := range k.byName[i] {
			if y.Views && !y.Ended {
				members = append(members, y)
			}
		}
	}
	return members
}
