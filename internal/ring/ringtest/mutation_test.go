package ringtest

import (
	"math/rand/v2"
	"slices"
	"testing"

	"gospread/spread/internal/evscheck"
)

// forger damages the traces of a run. Its methods report false if the run has
// nothing to damage in that way.
type forger struct {
	*rand.Rand
	traces []*evscheck.DaemonTrace
}

// spot is an event that is to be damaged.
type spot struct {
	t *evscheck.DaemonTrace
	i int
}

func (s spot) event() *evscheck.DaemonEvent { return &s.t.Events[s.i] }

// delete takes the event out.
func (s spot) delete() { s.t.Events = slices.Delete(s.t.Events, s.i, s.i+1) }

// insert puts an event before it.
func (s spot) insert(e evscheck.DaemonEvent) { s.t.Events = slices.Insert(s.t.Events, s.i, e) }

// swap changes places with the event before it.
func (s spot) swap() {
	e := s.t.Events
	e[s.i-1], e[s.i] = e[s.i], e[s.i-1]
}

// next finds the next event of a kind behind it.
func (s spot) next(k evscheck.DaemonKind) (spot, bool) {
	i := slices.IndexFunc(s.t.Events[s.i+1:], func(e evscheck.DaemonEvent) bool { return e.Kind == k })
	return spot{s.t, s.i + 1 + i}, i >= 0
}

// config returns its own copy of the configuration of the event.
func (s spot) config() *evscheck.Config {
	c := *s.event().Config
	c.Members = slices.Clone(c.Members)
	s.event().Config = &c
	return &c
}

// on does something to a random event that suits.
func (f *forger) on(suits func(s spot) bool, do func(s spot) bool) bool {
	var spots []spot
	for _, t := range f.traces {
		for i := range t.Events {
			if s := (spot{t, i}); suits(s) {
				spots = append(spots, s)
			}
		}
	}
	return len(spots) > 0 && do(spots[f.IntN(len(spots))])
}

func drop(s spot) bool  { s.delete(); return true }
func swap(s spot) bool  { s.swap(); return true }
func twice(s spot) bool { s.insert(*s.event()); return true }

func kind(k evscheck.DaemonKind) func(s spot) bool {
	return func(s spot) bool { return s.event().Kind == k }
}

func ordered(s spot) bool {
	return s.event().Kind == evscheck.Delivered && !s.event().Message.Loose
}

func safe(s spot) bool { return ordered(s) && s.event().Message.Service == evscheck.ServiceSafe }

func agreed(s spot) bool { return ordered(s) && s.event().Message.Service != evscheck.ServiceSafe }

func own(s spot) bool {
	_, more := s.next(evscheck.Installed)
	return s.event().Kind == evscheck.Delivered && s.event().Message.Sender == s.t.Daemon && more
}

// behind tells that the event stands between a signal and the next installation.
func behind(s spot) bool {
	for i := s.i - 1; i >= 0; i-- {
		switch s.t.Events[i].Kind {
		case evscheck.Signalled:
			return true
		case evscheck.Installed:
			return false
		}
	}
	return false
}

// atEnd tells that the daemon lives on in the configuration of the event.
func atEnd(s spot) bool {
	_, more := s.next(evscheck.Installed)
	return !s.t.Ended && !more
}

func both(a, b func(s spot) bool) func(s spot) bool {
	return func(s spot) bool { return a(s) && b(s) }
}

func previous(a func(s spot) bool) func(s spot) bool {
	return func(s spot) bool { return s.i > 0 && a(spot{s.t, s.i - 1}) }
}

// forgeries: each must be found by the rule, in one of a few runs.
var forgeries = []struct {
	rule, what string
	do         func(f *forger) bool
}{
	{"D1", "a signal is missing", func(f *forger) bool { return f.on(kind(evscheck.Signalled), drop) }},
	{"D1", "an installation is missing", func(f *forger) bool { return f.on(kind(evscheck.Installed), drop) }},
	{"D2", "a configuration without the daemon", func(f *forger) bool {
		return f.on(kind(evscheck.Installed), func(s spot) bool {
			c := s.config()
			c.Members = slices.DeleteFunc(c.Members, func(id uint32) bool { return id == s.t.Daemon })
			return true
		})
	}},
	{"D3", "another member at one daemon", func(f *forger) bool {
		return f.on(kind(evscheck.Installed), func(s spot) bool {
			c := s.config()
			c.Members = append(c.Members, 99)
			return true
		})
	}},
	{"D3", "an id comes again", func(f *forger) bool {
		return f.on(kind(evscheck.Installed), func(s spot) bool {
			next, more := s.next(evscheck.Installed)
			if more {
				next.config().ID = s.event().Config.ID
			}
			return more
		})
	}},
	{"D4", "somebody is missing in a transitional configuration", func(f *forger) bool {
		return f.on(kind(evscheck.Signalled), func(s spot) bool {
			old := s.event().Config
			for _, t := range f.traces {
				for i := range t.Events {
					if o := (spot{t, i}); o.event().Kind == evscheck.Signalled && o.event().Config.ID == old.ID {
						c := o.config()
						c.Members = c.Members[:len(c.Members)-1]
					}
				}
			}
			return len(old.Members) > 1
		})
	}},
	{"D4", "two signals for two who go together", func(f *forger) bool {
		return f.on(kind(evscheck.Signalled), func(s spot) bool { s.config().ID.Leader = 99; return true })
	}},
	{"D5", "a message comes twice", func(f *forger) bool { return f.on(kind(evscheck.Delivered), twice) }},
	{"D5", "a message changes", func(f *forger) bool {
		return f.on(kind(evscheck.Delivered), func(s spot) bool { s.event().Message.Digest ^= 1; return true })
	}},
	{"D5", "a service changes", func(f *forger) bool {
		return f.on(safe, func(s spot) bool { s.event().Message.Service = evscheck.ServiceAgreed; return true })
	}},
	{"D5", "a message was never sent", func(f *forger) bool { return f.on(kind(evscheck.Sequenced), drop) }},
	{"D5", "a payload gets another place", func(f *forger) bool {
		return f.on(kind(evscheck.Sequenced), func(s spot) bool {
			next, more := s.next(evscheck.Installed)
			if more {
				next.i++
				next.insert(*s.event())
			}
			return more
		})
	}},
	{"D6", "a message comes one configuration late", func(f *forger) bool {
		return f.on(kind(evscheck.Delivered), func(s spot) bool {
			next, more := s.next(evscheck.Installed)
			if more {
				next.i++
				next.insert(*s.event())
				s.delete()
			}
			return more
		})
	}},
	{"D7", "two messages swap", func(f *forger) bool { return f.on(both(ordered, previous(ordered)), swap) }},
	{"D8", "a message before the signal is missing", func(f *forger) bool { return f.on(ordered, drop) }},
	{"D9", "a message behind the signal is missing", func(f *forger) bool { return f.on(both(ordered, behind), drop) }},
	{"D10", "a FIFO message is missing", func(f *forger) bool { return f.on(agreed, drop) }},
	{"D11", "a CAUSAL message is missing", func(f *forger) bool { return f.on(agreed, drop) }},
	{"D11", "a message was sent later than others got it", func(f *forger) bool {
		return f.on(kind(evscheck.Sequenced), func(s spot) bool {
			end, more := s.next(evscheck.Signalled)
			if more {
				end.insert(*s.event())
				s.delete()
			}
			return more
		})
	}},
	{"D12", "its own message is missing", func(f *forger) bool { return f.on(own, drop) }},
	{"D12", "its own loose message is missing", func(f *forger) bool {
		return f.on(both(own, func(s spot) bool { return s.event().Message.Loose }), drop)
	}},
	{"D13", "the last message behind the signal is missing", func(f *forger) bool { return f.on(both(ordered, behind), drop) }},
	{"D13", "the signal comes early", func(f *forger) bool { return f.on(both(kind(evscheck.Signalled), previous(ordered)), swap) }},
	{"D13", "the signal comes late", func(f *forger) bool { return f.on(both(ordered, previous(kind(evscheck.Signalled))), swap) }},
	{"D14", "two messages before the signal swap", func(f *forger) bool { return f.on(both(ordered, previous(ordered)), swap) }},
	{"D15", "a SAFE message is missing", func(f *forger) bool { return f.on(safe, drop) }},
	{"D16", "a SAFE message behind the signal is missing", func(f *forger) bool { return f.on(both(safe, behind), drop) }},
	{"D17", "the signal is early at all", func(f *forger) bool {
		return f.on(both(kind(evscheck.Signalled), previous(agreed)), func(s spot) bool {
			id := s.event().Config.ID
			for _, t := range f.traces {
				for i := range t.Events {
					if o := (spot{t, i}); i > 0 && o.event().Kind == evscheck.Signalled && o.event().Config.ID == id && agreed(spot{t, i - 1}) {
						o.swap()
					}
				}
			}
			return true
		})
	}},
	{"D17", "a SAFE message known to be stable comes late at all", func(f *forger) bool {
		return f.on(both(kind(evscheck.Signalled), previous(safe)), func(s spot) bool {
			id := s.event().Config.ID
			for _, t := range f.traces {
				for i := range t.Events {
					if o := (spot{t, i}); i > 0 && o.event().Kind == evscheck.Signalled && o.event().Config.ID == id && safe(spot{t, i - 1}) {
						o.swap()
					}
				}
			}
			return true
		})
	}},
	{"D18", "AGREED overtakes SAFE", func(f *forger) bool { return f.on(both(agreed, previous(safe)), swap) }},
	{"D18", "AGREED does without SAFE", func(f *forger) bool { return f.on(safe, drop) }},
	{"D19", "a loose message is missing in the end", func(f *forger) bool {
		return f.on(both(atEnd, func(s spot) bool { return s.event().Kind == evscheck.Delivered && s.event().Message.Loose }), drop)
	}},
	{"D19", "an ordered message is called loose", func(f *forger) bool {
		return f.on(safe, func(s spot) bool {
			m := s.event().Message
			for _, t := range f.traces {
				for i := range t.Events {
					if t.Events[i].Message == m {
						t.Events[i].Message.Loose = true
					}
				}
			}
			return true
		})
	}},
	{"D20", "an ordered message is missing in the end", func(f *forger) bool { return f.on(both(atEnd, ordered), drop) }},
	{"D20", "a daemon is missing in the end", func(f *forger) bool {
		t := f.traces[f.IntN(len(f.traces))]
		alive := !t.Ended
		t.Ended = true
		return alive
	}},
	{"D20", "a daemon stays behind", func(f *forger) bool {
		return f.on(both(atEnd, kind(evscheck.Installed)), func(s spot) bool { s.t.Events = s.t.Events[:s.i]; return s.i > 0 })
	}},
}

// TestCheckerFinds damages traces, and expects the checker to say which rule was
// broken. Not every damage can be seen in every run; it must be in one of some.
func TestCheckerFinds(t *testing.T) {
	const runs = 60
	for _, m := range forgeries {
		t.Run(m.rule+" "+m.what, func(t *testing.T) {
			for s := range uint64(runs) {
				run := randomRun(s)
				if m.do(&forger{rand.New(rand.NewPCG(s, 2)), run.Traces}) && evscheck.Check(run).Has(m.rule) {
					t.Logf("found in run %d", s)
					return
				}
			}
			t.Errorf("not found in %d runs", runs)
		})
	}
}
