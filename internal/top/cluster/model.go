// Package cluster makes sense of what daemons tell of themselves, round after
// round: rates, who is in which membership, who has gone silent, what happened. It
// is what a live view shows, without the showing.
package cluster

import (
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"gospread/spread/internal/status"
)

// Sample is what one daemon has answered in a round.
type Sample struct {
	Daemon  string          // its name
	Summary *status.Summary // nil if it has not answered
	Err     error           // then: why
}

// silentAfter is how many rounds in a row a daemon misses before it counts as
// silent: a single datagram may be lost.
const silentAfter = 2

// HistoryLength is how many rounds of rates are kept at most.
const HistoryLength = 240

// Model collects rounds. Its zero value has seen none.
type Model struct {
	rounds  int
	at      time.Time
	daemons []*daemon // in the order of the last round
	parts   []Part
	parted  bool
	differ  []string
	totals  []float64 // messages in and out, of the last rounds
	journal journal
}

// daemon is what is known of one of them.
type daemon struct {
	name     string
	last     *status.Summary // its last answer
	answered time.Time       // when that came; zero: never
	missed   int             // rounds without an answer since then
	err      error           // of the last miss
	started  time.Time       // when its process did, once it has answered
	rates    Rates
	history  []float64
}

func (d *daemon) silent() bool   { return d.missed >= silentAfter || d.answered.IsZero() && d.missed > 0 }
func (d *daemon) answers() bool  { return d.last != nil && !d.silent() }
func (d *daemon) viewID() string { return d.last.Membership.ID }

// Add takes the answers of a round that ended at the given time. The daemons are
// those of this round: one that is no longer among them is forgotten.
func (m *Model) Add(at time.Time, round []Sample) {
	m.at = at
	known := make(map[string]*daemon, len(m.daemons))
	views := map[string]bool{}
	for _, d := range m.daemons {
		known[d.name] = d
		if d.answers() {
			views[d.viewID()] = true
		}
	}
	next := make([]*daemon, 0, len(round))
	seen := make(map[string]bool, len(round))
	for _, s := range round {
		if seen[s.Daemon] {
			continue
		}
		seen[s.Daemon] = true
		d := known[s.Daemon]
		if d == nil {
			d = &daemon{name: s.Daemon}
			if m.rounds > 0 {
				m.note(d, Info, "is now watched")
			}
		}
		next = append(next, d)
		if s.Summary == nil {
			m.missed(d, s.Err)
		} else {
			m.answer(d, s.Summary, views)
		}
	}
	for _, d := range m.daemons {
		if !seen[d.name] {
			m.note(d, Info, "is no longer in the configuration")
		}
	}
	m.daemons = next
	m.rounds++
	m.compare()
	m.remember()
}

func (m *Model) missed(d *daemon, err error) {
	was := d.silent()
	d.missed++
	d.err = err
	if !d.silent() {
		return
	}
	d.rates = Rates{}
	if !was {
		m.note(d, Bad, "is silent"+because(err))
	}
}

func because(err error) string {
	if err == nil {
		return ""
	}
	return ": " + err.Error()
}

// answer takes what a daemon says. views are the memberships that are known.
func (m *Model) answer(d *daemon, s *status.Summary, views map[string]bool) {
	before, wasSilent, since := d.last, d.silent(), d.answered
	restarted := before != nil && !s.Daemon.Started.Equal(d.started)
	switch {
	case wasSilent && since.IsZero():
		m.note(d, Good, "answers")
	case wasSilent && restarted:
		m.note(d, Good, "is back, restarted, after "+Age(m.at.Sub(since)))
	case wasSilent:
		m.note(d, Good, "answers again after "+Age(m.at.Sub(since)))
	case restarted:
		m.note(d, Warn, "has restarted; it had run for "+Age(seconds(before.Daemon.Uptime)))
	}
	d.last, d.answered, d.missed, d.err, d.started = s, m.at, 0, nil, s.Daemon.Started
	if restarted {
		before = nil
	}
	d.rates = between(before, s)
	m.moved(d, before, views)
	m.ended(d, before)
}

// moved notes a membership that nobody was known to be in, and what a monitor did.
func (m *Model) moved(d *daemon, before *status.Summary, views map[string]bool) {
	if before != nil && before.Membership.Partition != d.last.Membership.Partition {
		m.steered(d, d.last.Membership.Partition)
	}
	id := d.viewID()
	if id == "" || views[id] || before != nil && before.Membership.ID == id {
		return
	}
	views[id] = true
	if m.rounds == 0 {
		return
	}
	now := d.last.Membership
	was := m.before(before, now.Members)
	joined, left := missing(now.Members, was), missing(was, now.Members)
	level := Good
	if len(left) > 0 {
		level = Warn
	}
	text := "view of " + count(len(now.Members), "daemon") + ", led by " + now.Leader
	if was != nil {
		text += changes(joined, left)
	}
	m.journal.add(Event{At: m.at, Level: level, Text: text})
}

// before is the membership with which a new one is compared: that of the daemon that
// tells of it, or if it has just started, the largest that others of the new one
// were in.
func (m *Model) before(last *status.Summary, members []string) []string {
	if last != nil {
		return last.Membership.Members
	}
	for _, p := range m.parts {
		if len(missing(p.Members, members)) < len(p.Members) {
			return p.Members
		}
	}
	return nil
}

func (m *Model) steered(d *daemon, part int) {
	if part == 0 {
		m.note(d, Good, "is no longer parted by a monitor")
		return
	}
	m.note(d, Warn, "was put into part "+strconv.Itoa(part)+" by a monitor")
}

// How the reasons begin that are of interest here.
const (
	slow    = "slow receiver: "
	refused = "refused: "
)

// ended notes the clients that a daemon has cut off or refused since its last
// answer.
func (m *Model) ended(d *daemon, before *status.Summary) {
	if before == nil {
		return
	}
	for _, reason := range slices.Sorted(maps.Keys(d.last.Clients.Ended)) {
		n, was := d.last.Clients.Ended[reason], before.Clients.Ended[reason]
		if n <= was {
			continue
		}
		more := int(min(n-was, 1<<30)) //nolint:gosec // bounded
		switch {
		case strings.HasPrefix(reason, slow):
			m.note(d, Bad, "cut off "+count(more, "slow client")+": "+strings.TrimPrefix(reason, slow))
		case strings.HasPrefix(reason, refused):
			m.note(d, Warn, "refused "+count(more, "client")+": "+strings.TrimPrefix(reason, refused))
		case reason == "illegal message" || reason == "message with a foreign sender name":
			m.note(d, Warn, "dismissed "+count(more, "client")+": "+reason)
		}
	}
}

// compare looks at all daemons together.
func (m *Model) compare() {
	m.parts = parts(m.daemons)
	parted := apart(m.parts)
	switch {
	case parted && !m.parted:
		m.journal.add(Event{At: m.at, Level: Bad, Text: "PARTITION: " + count(len(m.parts), "view") + " exclude each other"})
	case !parted && m.parted:
		m.journal.add(Event{At: m.at, Level: Good, Text: "the partition is over"})
	}
	m.parted = parted
	differ := others(m.daemons)
	switch {
	case len(differ) > 0 && len(m.differ) == 0:
		m.journal.add(Event{At: m.at, Level: Bad, Text: "configurations differ: another one at " + strings.Join(differ, ", ")})
	case len(differ) == 0 && len(m.differ) > 0:
		m.journal.add(Event{At: m.at, Level: Good, Text: "configurations are the same again"})
	}
	m.differ = differ
}

// remember extends the histories by this round.
func (m *Model) remember() {
	total := unknown
	for _, d := range m.daemons {
		v := unknown
		if d.rates.Known {
			v = d.rates.In + d.rates.Out
			total = max(total, 0) + v
		}
		d.history = extend(d.history, v)
	}
	m.totals = extend(m.totals, total)
}

// unknown is a rate in a history that is not known.
const unknown = -1.0

func extend(h []float64, v float64) []float64 {
	if len(h) >= HistoryLength {
		h = slices.Delete(h, 0, len(h)-HistoryLength+1)
	}
	return append(h, v)
}

func (m *Model) note(d *daemon, level Level, text string) {
	m.journal.add(Event{At: m.at, Level: level, Text: d.name + " " + text})
}
