package viewcheck

import (
	"slices"

	"gospread/spread/internal/clientproto"
)

// pairs compares one stay with those of all others in the same view.
func (k *checker) pairs(s *stay) {
	for _, o := range k.views[s.key] {
		if o == s {
			continue
		}
		k.sameView(s, o)
		k.noGap(s, o)
		k.prefix(s, o)
		k.sameSet(s, o)
	}
	k.safeBefore(s)
	k.safeAfter(s)
}

// sameView: one id, one content (C6).
func (k *checker) sameView(s, o *stay) {
	a, b := s.view, o.view
	if a.Cause != b.Cause || !slices.Equal(a.Members, b.Members) ||
		!slices.EqualFunc(a.Sets, b.Sets, func(x, y []clientproto.Name) bool { return slices.Equal(x, y) }) {
		k.fail("C6", s.at, "view %v of %s is not the same at %s: %v %v and %v %v", a.ID, a.Group, o.at.Name,
			a.Members, a.Sets, b.Members, b.Sets)
	}
}

// shown drops what one of the two kept from itself.
func shown(ms []*message, a, b *stay) []*message {
	hidden := func(m *message) bool { return m.hiddenFrom(a.at) || m.hiddenFrom(b.at) }
	if !slices.ContainsFunc(ms, hidden) {
		return ms
	}
	return slices.DeleteFunc(slices.Clone(ms), hidden)
}

// together tells that two members of a view went on into the same next one.
func together(s, o *stay) bool {
	return s.next != nil && o.next != nil && s.next.key == o.next.key
}

// binding drops what need not be at both of two members. A group none of whose
// members is on a lost daemon gets no signal, but behind the unseen one a
// message of a lost daemon may be missing; a member that was to go on but did
// not get as far may still receive it.
func (k *checker) binding(ms []*message, s, o *stay) []*message {
	ms = shown(ms, s, o)
	if !k.run.Interrupted || together(s, o) {
		return ms
	}
	return slices.DeleteFunc(slices.Clone(ms), func(m *message) bool {
		return !slices.ContainsFunc(s.view.Members, func(n clientproto.Name) bool {
			return daemonOf(n) == daemonOf(m.from.Name)
		})
	})
}

func daemonOf(n clientproto.Name) string {
	_, d, _ := n.SplitPrivate()
	return string(d)
}

// noGap: who has a message before the signal has all that others got before it
// in that view (C17).
func (k *checker) noGap(s, o *stay) {
	theirs := k.binding(o.got, s, o)
	last := -1
	for _, m := range s.before() {
		if i := slices.Index(theirs, m); i >= 0 {
			for _, earlier := range theirs[last+1 : max(i, last+1)] {
				at, got := s.at.place[earlier]
				if !got || at > s.at.place[m] {
					k.fail("C17", s.at, "%v came in view %v, but not %v, which %s got before it", m, s.key, earlier, o.at.Name)
				}
			}
			last = max(i, last)
		}
	}
}

// prefix: before the signal, one has what the other has, and maybe more (C18).
func (k *checker) prefix(s, o *stay) {
	if s.at.Ended || o.at.Ended {
		return
	}
	a, b := k.binding(s.before(), s, o), k.binding(o.before(), s, o)
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			k.fail("C18", s.at, "in view %v, before any signal, comes %v where %s has %v", s.key, a[i], o.at.Name, b[i])
			return
		}
	}
}

// sameSet: members that go on together have received the same (C19).
func (k *checker) sameSet(s, o *stay) {
	if !together(s, o) {
		return
	}
	v := s.next.view
	if v.Cause == clientproto.CausedByNetwork && !slices.Contains(ownSet(v), o.at.Name) {
		return
	}
	if !slices.Equal(shown(s.got, s, o), shown(o.got, s, o)) {
		k.fail("C19", s.at, "went on from view %v together with %s, but received %v, not %v", s.key, o.at.Name, s.got, o.got)
	}
	if (s.signal < 0) != (o.signal < 0) || !slices.Equal(shown(s.before(), s, o), shown(o.before(), s, o)) {
		k.fail("C19", s.at, "the signal in view %v does not stand where it does at %s", s.key, o.at.Name)
	}
}

func ownSet(v *clientproto.View) []clientproto.Name {
	if v.Own < 0 || v.Own >= len(v.Sets) {
		return nil
	}
	return v.Sets[v.Own]
}

// safeBefore: a SAFE message before the signal reaches every member of the view
// (C20).
func (k *checker) safeBefore(s *stay) {
	for _, m := range s.before() {
		if !m.safe() {
			continue
		}
		for _, y := range k.conns {
			if y != s.at && y.Views && !y.Ended && !m.hiddenFrom(y) && slices.Contains(s.view.Members, y.Name) {
				k.safeAt(s, m, y)
			}
		}
	}
}

// safeAt checks that y, a member of the view of s, got m in that view, or in a
// provisional one that followed it, unless it left before.
func (k *checker) safeAt(s *stay, m *message, y *conn) {
	i := slices.IndexFunc(y.stays, func(o *stay) bool { return o.key == s.key })
	if i < 0 {
		// Only if the name stands for one connection is it sure that y is meant.
		if k.run.Quiet && k.named(y) == 1 && !k.shadowed(s, m, y) {
			k.fail("C20", s.at, "got SAFE %v in view %v, which its member %s never saw", m, s.key, y.Name)
		}
		return
	}
	for o := y.stays[i]; ; o = o.next {
		if o.has(m) || o.left {
			return
		}
		if o.next == nil {
			if k.run.Quiet {
				break
			}
			return
		}
		if o.signal < 0 || !o.next.provisional() {
			break
		}
	}
	k.fail("C20", s.at, "got SAFE %v before the signal in view %v, its member %s did not", m, s.key, y.Name)
}

func (k *checker) named(y *conn) (n int) {
	for _, c := range k.conns {
		if c.Name == y.Name {
			n++
		}
	}
	return n
}

// shadowed: if the join, leave or disconnect that made the view of s stood behind
// the signal at y, then y saw it as a change caused by the network, under another
// id (4.4). It is enough that y got m after that. Who was to go on but did not
// get as far may have seen the same change under another id, too.
func (k *checker) shadowed(s *stay, m *message, y *conn) bool {
	return slices.ContainsFunc(y.stays, func(o *stay) bool {
		return o.key.group == s.key.group && (o.has(m) || o.left) &&
			(o.provisional() || k.run.Interrupted && slices.Equal(o.view.Members, s.view.Members))
	})
}

// safeAfter: a SAFE message after the signal reaches those who go on together
// (C21). A member that was to go on but did not get as far may have filled a gap
// of ours meanwhile, and so have had a join, leave or disconnect before the
// message; it must have the message before its own next change of the network.
func (k *checker) safeAfter(s *stay) {
	if s.signal < 0 || s.next == nil {
		return
	}
	for _, o := range k.views[s.key] {
		if o == s || o.at.Ended || o.left || !slices.Contains(ownSet(s.next.view), o.at.Name) {
			continue
		}
		for _, m := range s.got[s.signal:] {
			if m.safe() && !m.hiddenFrom(o.at) && !o.has(m) && !(k.run.Interrupted && !together(s, o) && o.later(m)) {
				k.fail("C21", s.at, "got SAFE %v after the signal in view %v, but %s, of the same set, did not", m, s.key, o.at.Name)
			}
		}
	}
}

// later tells that m came in a view that followed s, before the next one that
// ended a change of the network, or that the connection left the group.
func (s *stay) later(m *message) bool {
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
