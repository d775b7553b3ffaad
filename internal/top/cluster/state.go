package cluster

import (
	"cmp"
	"slices"
	"time"

	"gospread/spread/internal/status"
)

// State is what a model knows after a round. Later rounds do not change it.
type State struct {
	At      time.Time // the end of the last round; zero: there was none
	Daemons []Daemon  // in the order of the configuration
	// Parts are the memberships that daemons are in, the largest first. There may be
	// several for a moment while they change; Partition says that they exclude each
	// other.
	Parts     []Part
	Partition bool
	// Differ are the daemons whose configuration is not the one that most have.
	Differ []string
	Totals Totals
	// Slowest are the receivers with the longest queues at all daemons, the longest
	// first.
	Slowest []Receiver
	// Events are the last ones, the latest first.
	Events []Event
}

// Condition is whether a daemon answers.
type Condition uint8

// The conditions.
const (
	Up     Condition = iota // it answered in the last round
	Late                    // it did not, but in the one before
	Silent                  // it does not
)

// Daemon is one of them.
type Daemon struct {
	Name      string
	Condition Condition
	// Answered is when its last answer came; zero: never. Err is why there is none
	// since.
	Answered time.Time
	Err      error
	// Summary is its last answer, nil if there never was one.
	Summary *status.Summary
	Rates   Rates
	// Part is its membership's place in State.Parts, -1 if it is in none. Leader: it
	// is the first of it.
	Part   int
	Leader bool
	// Expected: it does not answer, but another daemon has it in its membership.
	Expected bool
	// History has its messages per second in and out of the last rounds, the latest
	// last; negative where they are not known.
	History []float64
}

// Totals sums up the daemons that answer.
type Totals struct {
	Answer, Daemons int
	Clients         int
	Groups          int // the most that one daemon knows: groups are everywhere
	Queued          int // bytes
	Rates           Rates
	// History is that of all together.
	History []float64
}

// Receiver is a client for which messages wait.
type Receiver struct {
	Daemon string
	status.Session
}

// State returns what is known now.
func (m *Model) State() State {
	s := State{At: m.at, Parts: m.parts, Partition: m.parted, Differ: m.differ, Events: slices.Clone(m.journal.events)}
	slices.Reverse(s.Events)
	s.Totals.History = slices.Clone(m.totals)
	s.Totals.Daemons = len(m.daemons)
	members := map[string]bool{}
	for _, p := range m.parts {
		for _, name := range p.Members {
			members[name] = true
		}
	}
	for _, d := range m.daemons {
		s.Daemons = append(s.Daemons, d.state(m.parts, members))
		if d.answers() {
			s.Totals.add(d)
			s.Slowest = append(s.Slowest, d.slowest()...)
		}
	}
	slices.SortStableFunc(s.Slowest, func(a, b Receiver) int {
		return cmp.Or(-cmp.Compare(a.QueuedBytes, b.QueuedBytes), -cmp.Compare(a.QueuedMessages, b.QueuedMessages))
	})
	return s
}

func (d *daemon) state(all []Part, members map[string]bool) Daemon {
	s := Daemon{
		Name: d.name, Answered: d.answered, Err: d.err, Summary: d.last, Rates: d.rates,
		Part: -1, History: slices.Clone(d.history),
	}
	switch {
	case d.silent():
		s.Condition = Silent
		s.Expected = members[d.name]
		return s
	case d.missed > 0:
		s.Condition = Late
	}
	s.Part = slices.IndexFunc(all, func(p Part) bool { return p.ID == d.viewID() })
	s.Leader = s.Part >= 0 && all[s.Part].Leader == d.name
	return s
}

func (d *daemon) slowest() []Receiver {
	var all []Receiver
	for _, session := range d.last.Clients.Slowest[:min(len(d.last.Clients.Slowest), status.MostSlow)] {
		if session.QueuedBytes > 0 || session.QueuedMessages > 0 {
			all = append(all, Receiver{Daemon: d.name, Session: session})
		}
	}
	return all
}

func (t *Totals) add(d *daemon) {
	t.Answer++
	t.Clients += d.last.Clients.Sessions
	t.Groups = max(t.Groups, d.last.Clients.Groups)
	t.Queued += d.last.Clients.QueuedBytes
	if !d.rates.Known {
		return
	}
	r := &t.Rates
	r.Known = true
	r.In += d.rates.In
	r.Out += d.rates.Out
	r.BytesIn += d.rates.BytesIn
	r.BytesOut += d.rates.BytesOut
	r.Retransmitted += d.rates.Retransmitted
	r.Dropped += d.rates.Dropped
}
