package evscheck

import (
	"fmt"
	"slices"
)

// message is one that was sequenced.
type message struct {
	DaemonMessage
	sender *period
	event  int32 // in the trace of the sender
	rank   int32 // among the ordered messages of the configuration; of loose ones -1
	nth    int32 // among the ordered messages of its sender in the configuration
	// known is how many ordered messages the sender had delivered in the
	// configuration before.
	known int32
}

// epoch is a regular configuration with all that was sequenced in it.
type epoch struct {
	*Config
	messages []message // by Seq
	ordered  []int32   // messages by rank
	periods  []*period
}

// period is the time of a life of a daemon in a regular configuration.
type period struct {
	*DaemonTrace
	trace      int // in Run.Traces
	in         *epoch
	place      int // among the periods of the epoch
	start, end int // events; the first installs
	signal     *Config
	signalAt   int
	prev, next *period
	sent       []message
	// got are the ranks of the ordered messages in the order of their delivery, the
	// first before of them without a signal. The first dense of them are 0, 1, 2...
	got           []int32
	before, dense int
	has           bits // messages delivered, loose ones too
	line          uint64
}

func (p *period) String() string { return fmt.Sprintf("%d (life %d)", p.Daemon, p.Life) }

func (p *period) at(event int) Place { return Place{Conn: -1, Trace: p.trace, Event: event} }

// delivery is the place where p delivered m, or -1. It is for reports only.
func (p *period) delivery(m *message) Place {
	for i := p.start; i < p.end; i++ {
		if e := &p.Events[i]; e.Kind == Delivered && e.Message.Seq == m.Seq {
			return p.at(i)
		}
	}
	return p.at(-1)
}

func (m *message) place() Place { return m.sender.at(int(m.event)) }

// daemons is the state of checking the traces of daemons.
type daemons struct {
	*finder
	epochs []*epoch
	byID   map[ConfigID]*epoch
	lives  [][]*period // by trace
	// signals are the transitional configurations with the epoch that they close.
	signals map[ConfigID]closing
}

type closing struct {
	config *Config
	in     *epoch
}

func checkDaemons(f *finder) *daemons {
	d := &daemons{finder: f, byID: make(map[ConfigID]*epoch), signals: make(map[ConfigID]closing)}
	for i, t := range f.run.Traces {
		d.lives = append(d.lives, d.split(i, t))
	}
	d.signalIDs()
	for _, e := range d.epochs {
		d.number(e)
	}
	if f.run.Unique {
		d.unique()
	}
	for _, e := range d.epochs {
		w := newWalk(d, e)
		for _, p := range e.periods {
			w.period(p)
		}
	}
	for _, e := range d.epochs {
		d.epoch(e)
	}
	if f.run.Quiet {
		d.quiet()
	}
	return d
}

func (d *daemons) bad(rule string, p *period, places []Place, format string, args ...any) {
	d.fail(rule, p.String(), places, format, args...)
}

// split parts a trace at its configurations (D1, D2, D3).
func (d *daemons) split(trace int, t *DaemonTrace) []*period {
	sends := 0
	for i := range t.Events {
		if t.Events[i].Kind == Sequenced {
			sends++
		}
	}
	sent := make([]message, 0, sends)
	var periods []*period
	now := &period{DaemonTrace: t, trace: trace} // not in any configuration yet
	first, known := 0, int32(0)
	finish := func(end int) {
		now.end = end
		now.sent = sent[first:len(sent):len(sent)]
		first, known = len(sent), 0
	}
	for i := range t.Events {
		e := &t.Events[i]
		switch e.Kind {
		case Installed:
			if now.in != nil && now.signal == nil {
				d.bad("D1", now, []Place{now.at(now.start), now.at(i)}, "configurations %v and %v in a row, without a transitional one", now.in.ID, e.Config.ID)
			}
			finish(i)
			next := &period{DaemonTrace: t, trace: trace, start: i, signalAt: -1}
			if now.in != nil {
				next.prev, now.next = now, next
			}
			now = next
			d.install(now, e.Config)
			periods = append(periods, now)
		case Signalled:
			d.signal(now, i, e.Config)
		case Sequenced:
			if now.in == nil || e.Message.Sender != t.Daemon {
				d.bad("D6", now, []Place{now.at(i)}, "sequenced %v, which is another's or in no configuration", &e.Message)
				continue
			}
			sent = append(sent, message{DaemonMessage: e.Message, sender: now, event: int32(i), known: known})
		case Delivered:
			if now.in == nil {
				d.bad("D6", now, []Place{now.at(i)}, "delivered %v before any configuration", &e.Message)
			}
			if !e.Message.Loose {
				known++
			}
		case Stable:
			now.line = max(now.line, e.Message.Seq)
		}
	}
	finish(len(t.Events))
	return periods
}

func (d *daemons) install(p *period, c *Config) {
	d.report.Counts.Configurations++
	here := []Place{p.at(p.start)}
	if !slices.Contains(c.Members, p.Daemon) {
		d.bad("D2", p, here, "installed configuration %v without being a member: %v", c.ID, c.Members)
	}
	d.noTwice(p, here, c)
	e := d.byID[c.ID]
	if e == nil {
		e = &epoch{Config: c}
		d.byID[c.ID] = e
		d.epochs = append(d.epochs, e)
	}
	for _, o := range e.periods {
		if o.Daemon == p.Daemon {
			d.bad("D3", p, append(here, o.at(o.start)), "configuration %v is installed a second time, first by life %d", c.ID, o.Life)
		}
	}
	if !slices.Equal(e.Members, c.Members) {
		o := e.periods[0]
		d.bad("D3", p, append(here, o.at(o.start)), "configuration %v has members %v, at %v it has %v", c.ID, c.Members, o, e.Members)
	}
	p.in, p.place = e, len(e.periods)
	e.periods = append(e.periods, p)
}

func (d *daemons) signal(p *period, event int, c *Config) {
	d.report.Counts.Signals++
	here := []Place{p.at(event)}
	if p.in == nil || p.signal != nil {
		d.bad("D1", p, append(here, p.at(p.signalAt)), "transitional configuration %v does not follow a regular one", c.ID)
		if p.in == nil {
			return
		}
	}
	if !slices.Contains(c.Members, p.Daemon) {
		d.bad("D2", p, here, "transitional configuration %v without being a member: %v", c.ID, c.Members)
	}
	d.noTwice(p, here, c)
	if p.signal == nil {
		p.signal, p.signalAt = c, event
	}
	old, known := d.signals[c.ID]
	switch {
	case !known:
		d.signals[c.ID] = closing{c, p.in}
	case old.in != p.in:
		d.bad("D3", p, here, "transitional configuration %v closes %v here, and %v elsewhere", c.ID, p.in.ID, old.in.ID)
	case !slices.Equal(old.config.Members, c.Members):
		d.bad("D3", p, here, "transitional configuration %v has members %v here, and %v elsewhere", c.ID, c.Members, old.config.Members)
	}
}

func (d *daemons) noTwice(p *period, here []Place, c *Config) {
	for i, id := range c.Members {
		if slices.Contains(c.Members[:i], id) {
			d.bad("D3", p, here, "configuration %v lists %d twice: %v", c.ID, id, c.Members)
		}
	}
}

// signalIDs: regular and transitional configurations share the ids, since views
// of groups are named by both.
func (d *daemons) signalIDs() {
	for _, e := range d.epochs {
		if s, both := d.signals[e.ID]; both {
			p := e.periods[0]
			d.bad("D3", p, []Place{p.at(p.start)}, "id %v names a regular configuration and the transitional one that closes %v", e.ID, s.in.ID)
		}
	}
}

// number brings the messages of a configuration into their order.
func (d *daemons) number(e *epoch) {
	total := 0
	runs := make([][]message, 0, len(e.periods))
	for _, p := range e.periods {
		d.ascending(p)
		total += len(p.sent)
		if len(p.sent) > 0 {
			runs = append(runs, p.sent)
		}
	}
	e.messages = merge(make([]message, 0, total), runs)
	e.ordered = make([]int32, 0, total)
	nth := make([]int32, len(e.periods))
	for i := range e.messages {
		m := &e.messages[i]
		if i > 0 && m.Seq == e.messages[i-1].Seq {
			o := &e.messages[i-1]
			d.bad("D5", m.sender, []Place{m.place(), o.place()}, "%v has the place of %v in %v", m, o, e.ID)
		}
		if m.Loose {
			m.rank = -1
			if m.Service > ServiceReliable {
				d.bad("D19", m.sender, []Place{m.place()}, "%v must not be loose", m)
			}
			continue
		}
		m.rank, m.nth = int32(len(e.ordered)), nth[m.sender.place]
		nth[m.sender.place]++
		e.ordered = append(e.ordered, int32(i))
	}
}

// ascending: a daemon gives its messages growing numbers.
func (d *daemons) ascending(p *period) {
	for i := 1; i < len(p.sent); i++ {
		if a, b := &p.sent[i-1], &p.sent[i]; a.Seq >= b.Seq {
			d.bad("D10", p, []Place{a.place(), b.place()}, "%v was sequenced after %v", b, a)
		}
	}
	bySeq := func(a, b message) int { return compare(a.Seq, b.Seq) }
	if !slices.IsSortedFunc(p.sent, bySeq) {
		slices.SortStableFunc(p.sent, bySeq)
	}
}

func compare(a, b uint64) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

// merge joins sorted runs. Senders take turns, so the same run is asked again
// until another has something lower.
func merge(into []message, runs [][]message) []message {
	for len(runs) > 1 {
		least, second := 0, 1
		if runs[1][0].Seq < runs[0][0].Seq {
			least, second = 1, 0
		}
		for i := 2; i < len(runs); i++ {
			switch seq := runs[i][0].Seq; {
			case seq < runs[least][0].Seq:
				least, second = i, least
			case seq < runs[second][0].Seq:
				second = i
			}
		}
		run, limit := runs[least], runs[second][0].Seq
		n := 1
		for n < len(run) && run[n].Seq < limit {
			n++
		}
		into = append(into, run[:n]...)
		if runs[least] = run[n:]; n == len(run) {
			runs = slices.Delete(runs, least, least+1)
		}
	}
	for _, run := range runs {
		into = append(into, run...)
	}
	return into
}

// unique: no payload gets two places (D5).
func (d *daemons) unique() {
	type payload struct {
		digest uint64
		size   int32
		sender uint32
	}
	total := 0
	for _, e := range d.epochs {
		total += len(e.messages)
	}
	seen := make(map[payload]*message, total)
	for _, e := range d.epochs {
		for i := range e.messages {
			m := &e.messages[i]
			key := payload{m.Digest, m.Size, m.Sender}
			if o := seen[key]; o != nil {
				d.bad("D5", m.sender, []Place{o.place(), m.place()}, "the payload of %v in %v got a place as %v in %v, too", m, e.ID, o, o.sender.in.ID)
			}
			seen[key] = m
		}
	}
}
