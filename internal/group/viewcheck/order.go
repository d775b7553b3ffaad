package viewcheck

import (
	"cmp"
	"gospread/spread/internal/clientproto"
	"slices"
)

// order compares the order at c with that at all others (C14), and with the
// order of the calls (C15, C16).
func (k *checker) order(c *conn) {
	type item struct {
		what any
		at   int
	}
	var mine []item
	for what, at := range c.place {
		mine = append(mine, item{what, at})
	}
	slices.SortFunc(mine, func(a, b item) int { return cmp.Compare(a.at, b.at) })
	for _, o := range k.conns {
		if o == c {
			continue
		}
		last, lastAt := any(nil), -1
		for _, it := range mine {
			at, got := o.place[it.what]
			if !got {
				continue
			}
			if at < lastAt {
				k.fail("C14", c, "%v before %v, at %s the other way round", last, it.what, o.Name)
			}
			last, lastAt = it.what, at
		}
	}
	for _, o := range k.conns {
		k.sentOrder(c, o)
	}
}

// sentOrder checks what c received of o's messages against what o had sent and
// received when it sent them.
func (k *checker) sentOrder(c, o *conn) {
	last := -1
	for _, s := range o.sends {
		at, got := c.place[s.m]
		if !got {
			continue
		}
		if at < last {
			k.fail("C15", c, "%v came before an earlier message of %s", s.m, o.Name)
		}
		last = at
		for what, seen := range o.place {
			if seen < s.at {
				if mine, got := c.place[what]; got && mine > at {
					k.fail("C16", c, "%v came before %v, which %s had received when it sent it", s.m, what, o.Name)
				}
			}
		}
	}
}

// selfDelivery: whoever is a member and stays gets its own messages (C22).
// Joins and leaves are calls, so only what lies between views counts.
func (k *checker) selfDelivery(c *conn) {
	if c.Ended || !c.Views {
		return
	}
	got := make(map[string]bool)
	for _, e := range c.Events {
		if e.Kind == Message {
			got[string(e.Payload)] = true
		}
	}
	for _, g := range k.staying(c) {
		member := false
		for _, e := range c.Events {
			switch {
			case e.Kind == View && e.View.Group == g:
				member = true
			case e.Kind == Send && member:
				if m := k.sent[string(e.Payload)]; m != nil && m.to(g) && !m.hiddenFrom(c) && !got[string(e.Payload)] {
					k.fail("C22", c, "never received its own %v", m)
				}
			}
		}
	}
}

// staying lists the groups that c joined and never asked to leave.
func (k *checker) staying(c *conn) []clientproto.Name {
	var in, out []clientproto.Name
	for _, e := range c.Events {
		switch {
		case e.Kind == View && !slices.Contains(in, e.View.Group):
			in = append(in, e.View.Group)
		case e.Kind == Leave:
			out = append(out, e.Group)
		}
	}
	return slices.DeleteFunc(in, func(g clientproto.Name) bool { return slices.Contains(out, g) })
}
