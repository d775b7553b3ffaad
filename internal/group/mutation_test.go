package group

import (
	"math/rand/v2"
	"slices"
	"testing"

	"gospread/spread/internal/clientproto"
	"gospread/spread/internal/evscheck"
)

// forger damages the traces of a run. Its methods report false if the run has
// nothing to damage in that way.
type forger struct {
	*rand.Rand
	conns []*evscheck.Conn
}

// pick finds a random event that suits.
func (f *forger) pick(suits func(c *evscheck.Conn, i int) bool) (*evscheck.Conn, int, bool) {
	type place struct {
		c *evscheck.Conn
		i int
	}
	var places []place
	for _, c := range f.conns {
		for i := range c.Events {
			if suits(c, i) {
				places = append(places, place{c, i})
			}
		}
	}
	if len(places) == 0 {
		return nil, 0, false
	}
	p := places[f.IntN(len(places))]
	return p.c, p.i, true
}

func message(t clientproto.Type) func(c *evscheck.Conn, i int) bool {
	return func(c *evscheck.Conn, i int) bool {
		e := &c.Events[i]
		return c.Views && !c.Ended && e.Kind == evscheck.Message && clientproto.TypeOf(e.Payload)&t != 0
	}
}

func kind(k evscheck.Kind) func(c *evscheck.Conn, i int) bool {
	return func(c *evscheck.Conn, i int) bool { return c.Events[i].Kind == k }
}

const orderedServices = clientproto.FIFO | clientproto.Causal | clientproto.Agreed | clientproto.Safe

// drop makes a connection miss a message.
func (f *forger) drop(t clientproto.Type) bool {
	c, i, ok := f.pick(message(t))
	if ok {
		c.Events = slices.Delete(c.Events, i, i+1)
	}
	return ok
}

// view damages a view of one connection, given a copy of its own.
func (f *forger) view(change func(v *clientproto.View) bool) bool {
	c, i, ok := f.pick(kind(evscheck.View))
	if !ok {
		return false
	}
	v := *c.Events[i].View
	v.Members = slices.Clone(v.Members)
	v.Sets = slices.Clone(v.Sets)
	for j := range v.Sets {
		v.Sets[j] = slices.Clone(v.Sets[j])
	}
	c.Events[i].View = &v
	return change(&v)
}

func network(v *clientproto.View) bool { return v.Cause == clientproto.CausedByNetwork }

// forgeries: each must be found by the rule, in one of a few runs.
var forgeries = []struct {
	rule, what string
	do         func(f *forger) bool
}{
	{"C1", "a byte of a message changes", func(f *forger) bool {
		c, i, ok := f.pick(kind(evscheck.Message))
		if ok {
			p := slices.Clone(c.Events[i].Payload)
			p[len(p)-1] ^= 1
			c.Events[i].Payload = p
		}
		return ok
	}},
	{"C1", "a service bit changes", func(f *forger) bool {
		c, i, ok := f.pick(message(clientproto.Unreliable))
		if ok {
			p := slices.Clone(c.Events[i].Payload)
			p[0] ^= byte(clientproto.Unreliable | clientproto.Reliable)
			c.Events[i].Payload = p
		}
		return ok
	}},
	{"C2", "a message comes twice", func(f *forger) bool {
		c, i, ok := f.pick(kind(evscheck.Message))
		if ok {
			c.Events = slices.Insert(c.Events, i, c.Events[i])
		}
		return ok
	}},
	{"C3", "a message reaches one who is no member", func(f *forger) bool {
		c, i, ok := f.pick(kind(evscheck.Message))
		if ok {
			o := f.conns[f.IntN(len(f.conns))]
			o.Events = slices.Insert(o.Events, 0, c.Events[i])
		}
		return ok
	}},
	{"C4", "a message comes back to who did not want it", func(f *forger) bool {
		c, i, ok := f.pick(func(c *evscheck.Conn, i int) bool {
			return c.Events[i].Kind == evscheck.Send && clientproto.TypeOf(c.Events[i].Payload)&clientproto.SelfDiscard != 0
		})
		if ok {
			c.Events = slices.Insert(c.Events, i+1, evscheck.Event{Kind: evscheck.Message, Payload: c.Events[i].Payload})
		}
		return ok
	}},
	{"C5", "two members swap", func(f *forger) bool {
		return f.view(func(v *clientproto.View) bool {
			n := len(v.Members)
			if n > 1 {
				v.Members[n-1], v.Members[n-2] = v.Members[n-2], v.Members[n-1]
			}
			return n > 1
		})
	}},
	{"C6", "two sets become one", func(f *forger) bool {
		return f.view(func(v *clientproto.View) bool {
			if len(v.Sets) < 2 {
				return false
			}
			v.Sets, v.Own = [][]clientproto.Name{v.Members}, 0
			return true
		})
	}},
	{"C6", "a member is missing", func(f *forger) bool {
		return f.view(func(v *clientproto.View) bool {
			if len(v.Members) > 2 {
				v.Members = v.Members[1:]
			}
			return len(v.Members) > 2
		})
	}},
	{"C7", "an id comes again", func(f *forger) bool {
		for range 4 {
			if !f.view(func(v *clientproto.View) bool { v.ID = clientproto.GroupID{}; return true }) {
				return false
			}
		}
		return true
	}},
	{"C8", "the first view is a leave", func(f *forger) bool {
		return f.view(func(v *clientproto.View) bool {
			first := v.Cause == clientproto.CausedByJoin
			v.Cause = clientproto.CausedByLeave
			return first
		})
	}},
	{"C9", "another is named as who changed", func(f *forger) bool {
		return f.view(func(v *clientproto.View) bool {
			if !network(v) {
				v.Sets[0][0] = clientproto.MakeName("#no#red")
			}
			return !network(v)
		})
	}},
	{"C10", "an empty set", func(f *forger) bool {
		return f.view(func(v *clientproto.View) bool { v.Sets = append(v.Sets, nil); return network(v) })
	}},
	{"C10", "another's set", func(f *forger) bool {
		return f.view(func(v *clientproto.View) bool { v.Own = (v.Own + 1) % len(v.Sets); return len(v.Sets) > 1 })
	}},
	{"C11", "the signal comes twice", func(f *forger) bool {
		c, i, ok := f.pick(kind(evscheck.Transition))
		if ok {
			c.Events = slices.Insert(c.Events, i, c.Events[i])
		}
		return ok
	}},
	{"C11", "the signal names another view", func(f *forger) bool {
		c, i, ok := f.pick(kind(evscheck.Transition))
		if ok {
			c.Events[i].ID.Index++
		}
		return ok
	}},
	{"C12", "a join follows the signal", func(f *forger) bool {
		return f.view(func(v *clientproto.View) bool {
			single := network(v) && len(v.Sets) == 1
			v.Cause = clientproto.CausedByJoin
			return single
		})
	}},
	{"C13", "a signal after the leave", func(f *forger) bool {
		c, i, ok := f.pick(kind(evscheck.SelfLeave))
		if ok {
			c.Events = slices.Insert(c.Events, i+1, evscheck.Event{Kind: evscheck.Transition, Group: c.Events[i].Group})
		}
		return ok
	}},
	{"C14", "two messages swap", func(f *forger) bool {
		c, i, ok := f.pick(func(c *evscheck.Conn, i int) bool {
			return i > 0 && message(orderedServices)(c, i) && message(orderedServices)(c, i-1)
		})
		if ok {
			c.Events[i-1], c.Events[i] = c.Events[i], c.Events[i-1]
		}
		return ok
	}},
	{"C14", "a view and a message swap", func(f *forger) bool {
		c, i, ok := f.pick(func(c *evscheck.Conn, i int) bool {
			return i > 0 && message(orderedServices)(c, i) && c.Events[i-1].Kind == evscheck.View
		})
		if ok {
			c.Events[i-1], c.Events[i] = c.Events[i], c.Events[i-1]
		}
		return ok
	}},
	{"C15", "two messages of one sender swap", func(f *forger) bool {
		c, i, ok := f.pick(func(c *evscheck.Conn, i int) bool {
			return i > 0 && message(orderedServices)(c, i) && message(orderedServices)(c, i-1) &&
				string(clientproto.Sender(c.Events[i].Payload)) == string(clientproto.Sender(c.Events[i-1].Payload))
		})
		if ok {
			c.Events[i-1], c.Events[i] = c.Events[i], c.Events[i-1]
		}
		return ok
	}},
	{"C16", "a message was sent later than others got it", func(f *forger) bool {
		c, i, ok := f.pick(kind(evscheck.Send))
		if ok {
			e := c.Events[i]
			c.Events = append(slices.Delete(c.Events, i, i+1), e)
		}
		return ok
	}},
	{"C17", "an AGREED message is missing", func(f *forger) bool { return f.drop(clientproto.Agreed) }},
	{"C17", "a FIFO message is missing", func(f *forger) bool { return f.drop(clientproto.FIFO) }},
	{"C18", "a CAUSAL message is missing", func(f *forger) bool { return f.drop(clientproto.Causal) }},
	{"C19", "an ordered message is missing", func(f *forger) bool { return f.drop(orderedServices) }},
	{"C19", "the signal is missing", func(f *forger) bool {
		c, i, ok := f.pick(kind(evscheck.Transition))
		if ok {
			c.Events = slices.Delete(c.Events, i, i+1)
		}
		return ok
	}},
	{"C19", "the signal comes early", func(f *forger) bool {
		c, i, ok := f.pick(func(c *evscheck.Conn, i int) bool {
			return c.Events[i].Kind == evscheck.Transition && message(orderedServices)(c, i-1)
		})
		if ok {
			c.Events[i-1], c.Events[i] = c.Events[i], c.Events[i-1]
		}
		return ok
	}},
	{"C20", "a SAFE message is missing", func(f *forger) bool { return f.drop(clientproto.Safe) }},
	{"C20", "the signal comes late", func(f *forger) bool {
		c, i, ok := f.pick(func(c *evscheck.Conn, i int) bool {
			return c.Events[i].Kind == evscheck.Transition && i+1 < len(c.Events) && message(clientproto.Safe)(c, i+1)
		})
		if ok {
			c.Events[i+1], c.Events[i] = c.Events[i], c.Events[i+1]
		}
		return ok
	}},
	{"C21", "a SAFE message behind the signal is missing", func(f *forger) bool {
		c, i, ok := f.pick(func(c *evscheck.Conn, i int) bool {
			return i > 0 && c.Events[i-1].Kind == evscheck.Transition && message(clientproto.Safe)(c, i)
		})
		if ok {
			c.Events = slices.Delete(c.Events, i, i+1)
		}
		return ok
	}},
	{"C22", "a message never comes back", func(f *forger) bool {
		c, i, ok := f.pick(func(c *evscheck.Conn, i int) bool {
			return message(orderedServices|clientproto.Reliable)(c, i) && clientproto.NameOf(clientproto.Sender(c.Events[i].Payload)) == c.Name
		})
		if ok {
			c.Events = slices.Delete(c.Events, i, i+1)
		}
		return ok
	}},
}

// TestCheckerFinds damages traces, and expects the checker to say which rule was
// broken. Not every damage can be seen in every run; it must be in one of some.
func TestCheckerFinds(t *testing.T) {
	const runs = 60
	for _, m := range forgeries {
		t.Run(m.rule+" "+m.what, func(t *testing.T) {
			for s := range uint64(runs) {
				w := randomRun(t, s, false)
				w.finish()
				f := &forger{rand.New(rand.NewPCG(s, 2)), w.conns}
				if !m.do(f) {
					continue
				}
				if slices.ContainsFunc(w.check(true), func(v evscheck.Violation) bool { return v.Rule == m.rule }) {
					t.Logf("found in run %d", s)
					return
				}
			}
			t.Errorf("not found in %d runs", runs)
		})
	}
}
