package page

import (
	"slices"
	"strings"
	"time"

	"gospread/spread/internal/top/cluster"
)

// receivers are the slow ones that are shown.
func (d *drawing) receivers() []*cluster.Receiver {
	var rows []*cluster.Receiver
	for i := range d.s.Slowest {
		if r := &d.s.Slowest[i]; d.c.matches(r.Name) || d.c.matches(r.Daemon) {
			rows = append(rows, r)
		}
	}
	return rows
}

// slowest draws the section of receivers, the title first.
func (d *drawing) slowest(y, lines int) {
	const queued, messages, stalled = 7, 8, 7
	g := d.g
	name := min(32, g.Width-1-queued-messages-stalled-3-2)
	end := 1 + name
	g.bar(y, Title)
	g.text(1, y, clip("SLOWEST RECEIVERS", name), Title)
	g.right(end+1+queued, y, "QUEUED", Title)
	g.right(end+2+queued+messages, y, "MESSAGES", Title)
	g.right(end+3+queued+messages+stalled, y, "STALLED", Title)
	detail := end + 3 + queued + messages + stalled + 2
	g.text(detail, y, "FROM", Title)
	rows := d.receivers()
	if len(rows) == 0 {
		g.text(1, y+1, "nothing waits for a client", Dim)
		return
	}
	for _, r := range rows[:min(len(rows), lines-1)] {
		y++
		g.text(1, y, clip(clean(r.Name), name), Strong)
		g.right(end+1+queued, y, number(float64(r.QueuedBytes))+"B", Plain)
		g.right(end+2+queued+messages, y, number(float64(r.QueuedMessages)), Plain)
		if r.Stalled >= 0.05 {
			g.right(end+3+queued+messages+stalled, y, lasting(time.Duration(min(r.Stalled, 1e9)*float64(time.Second))), Warning)
		}
		g.text(detail, y, clip(d.origin(r), g.Width-detail), Dim)
	}
}

// origin says where a receiver is connected from, since when, and its groups.
func (d *drawing) origin(r *cluster.Receiver) string {
	text := clean(r.Remote)
	if !r.Since.IsZero() {
		text += ", for " + cluster.Age(d.now.Sub(r.Since))
	}
	if len(r.Groups) > 0 {
		text += ", in " + clean(strings.Join(r.Groups, " "))
	}
	return text
}

// events draws the section of events, the title first.
func (d *drawing) events(y, lines int) {
	if lines < 2 {
		return
	}
	d.g.bar(y, Title)
	d.g.text(1, y, "EVENTS, the latest first", Title)
	if len(d.s.Events) == 0 {
		d.g.text(1, y+1, "none since the start", Dim)
	}
	d.eventLines(y+1, lines-1)
}

func (d *drawing) eventLines(y, lines int) {
	for _, e := range d.s.Events {
		if lines == 0 {
			return
		}
		text := clean(e.Text)
		if !d.c.matches(text) {
			continue
		}
		mark, style := " ", Plain
		switch e.Level {
		case cluster.Good:
			mark, style = "+", OK
		case cluster.Warn:
			mark, style = "-", Warning
		case cluster.Bad:
			mark, style = "!", Bad
		}
		x := d.g.text(1, y, e.At.Format(clock), Dim)
		x = d.g.text(x+1, y, mark, style)
		d.g.text(x+1, y, clip(text, d.g.Width-x-1), style)
		y++
		lines--
	}
}

// footer names the keys, or shows the filter.
func (d *drawing) footer() {
	y := d.g.Height - 1
	if d.c.editing {
		x := d.g.text(0, y, "filter: ", Strong)
		x = d.g.text(x, y, d.c.Filter+"_", Plain)
		d.hints(x+2, y, "Enter", "keep", "Esc", "drop")
		return
	}
	x := 0
	if d.c.Filter != "" {
		x = d.g.text(x, y, "filter: ", Strong)
		x = d.g.text(x, y, d.c.Filter, Warning)
		x = d.hints(x+2, y, "Esc", "all", "/", "change")
	}
	if len(d.c.shown) > 0 && !slices.Contains(d.c.shown, d.c.sort) {
		x = d.g.text(x, y, "by "+columns[d.c.sort].title, Warning) + 2
	}
	arrows := "←→"
	if d.c.ASCII {
		arrows = "<>"
	}
	d.hints(x, y, "q", "quit", "?", "help", arrows, "sort", "r", "reverse", "p", "pause", "+-", "pace", "/", "filter")
}

// hints shows pairs of a key and what it does, as far as there is room.
func (d *drawing) hints(x, y int, pairs ...string) int {
	for i := 0; i+1 < len(pairs); i += 2 {
		key, what := pairs[i], pairs[i+1]
		if x+width(key)+1+width(what) > d.g.Width {
			break
		}
		x = d.g.text(x, y, key, Key)
		x = d.g.text(x+1, y, what, Dim) + 2
	}
	return x
}
