package page

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"gospread/spread/internal/top/cluster"
)

// The smallest screen that shows something.
const (
	LeastWidth  = 40
	LeastHeight = 10
)

// clock is how times of day are shown.
const clock = "15:04:05"

// drawing is one screen in the making.
type drawing struct {
	g   *Grid
	s   *cluster.State
	c   *Choices
	now time.Time
}

// Draw draws what is known into an empty screen of at least 1 by 1. It remembers in
// the choices how far can be scrolled.
func Draw(g *Grid, s *cluster.State, c *Choices, now time.Time) {
	d := &drawing{g, s, c, now}
	switch {
	case g.Width < LeastWidth || g.Height < LeastHeight:
		d.tooSmall()
	case c.Help:
		d.help()
	default:
		d.all()
	}
}

func (d *drawing) tooSmall() {
	for y, line := range []string{
		fmt.Sprintf("%dx%d is too small:", d.g.Width, d.g.Height),
		fmt.Sprintf("%dx%d is needed", LeastWidth, LeastHeight),
	} {
		d.g.text(0, y, line, Strong)
	}
}

// What a section of the lower half gets at least, its title included.
const (
	leastReceivers = 4
	leastEvents    = 5
)

// all lays out the lines: header, alerts, daemons, receivers, events, keys. The
// table of daemons gets what it needs as long as the others have their least; on a
// low screen there is only the last event below it.
func (d *drawing) all() {
	d.header()
	y := 2
	for _, a := range d.alerts() {
		if y < d.g.Height-5 {
			d.g.bar(y, Alert)
			d.g.text(1, y, clip(a, d.g.Width-2), Alert)
			y++
		}
	}
	lines := d.g.Height - 1 - y
	receivers := 1 + max(1, len(d.receivers()))
	least := min(leastReceivers, receivers) + leastEvents
	switch {
	case lines < 8:
		least = 1
	case lines < 15:
		least = leastEvents - 2
	}
	table := min(1+max(1, len(d.s.Daemons)), lines-least)
	d.daemons(y, table)
	y += table
	rest := lines - table
	switch {
	case least == 1:
		d.eventLines(d.g.Height-2, 1)
	case least < leastEvents:
		d.events(y, rest)
	default:
		gap := min(1, (rest-least)/2)
		receivers = min(receivers, max(leastReceivers, (rest-2*gap)/2))
		d.slowest(y+gap, receivers)
		d.events(y+gap+receivers+gap, rest-receivers-2*gap)
	}
	d.footer()
}

func (d *drawing) header() {
	g, t := d.g, &d.s.Totals
	x := g.text(0, 0, "spmonitor top", Strong)
	switch {
	case d.s.At.IsZero():
		x = g.text(x+2, 0, "waiting for the first answers", Dim)
	default:
		style := OK
		if t.Answer < t.Daemons {
			style = Bad
		}
		x = g.text(x+2, 0, fmt.Sprintf("%d of %d up", t.Answer, t.Daemons), style)
		text, style := d.views()
		x = g.text(x+2, 0, text, style)
	}
	for _, right := range []string{d.pace() + "  " + d.now.Format(clock), d.now.Format(clock)} {
		if x+2+width(right) <= g.Width {
			g.right(g.Width, 0, right, Dim)
			break
		}
	}
	if d.c.Paused {
		const paused = " PAUSED "
		g.right(g.Width, min(1, g.Height-1), paused, Alert)
	}
	d.totals()
}

func (d *drawing) pace() string {
	return "every " + strconv.FormatFloat(d.c.Every.Seconds(), 'f', -1, 64) + "s"
}

// views says in words which memberships there are.
func (d *drawing) views() (string, Style) {
	switch parts := d.s.Parts; {
	case d.s.Partition:
		return "PARTITION", Alert
	case len(parts) == 0:
		return "no view", Warning
	case len(parts) > 1:
		return "views are changing", Warning
	default:
		n := len(parts[0].Members)
		if n == d.s.Totals.Daemons {
			return fmt.Sprintf("one view, led by %s", clean(parts[0].Leader)), OK
		}
		return fmt.Sprintf("view of %d, led by %s", n, clean(parts[0].Leader)), Warning
	}
}

// totals is the second line: as many of the sums as there is room for.
func (d *drawing) totals() {
	t := &d.s.Totals
	if d.s.At.IsZero() {
		return
	}
	room := d.g.Width
	if d.c.Paused {
		room -= 9
	}
	x := 0
	put := func(label, value string) {
		if x+width(label)+1+width(value) <= room {
			x = d.g.text(x, 1, label+" ", Dim)
			x = d.g.text(x, 1, value, Plain) + 2
		}
	}
	in, out := "...", "..."
	if t.Rates.Known {
		in, out = number(t.Rates.In)+"/s", number(t.Rates.Out)+"/s"
		if d.g.Width >= 70 {
			in += " " + number(t.Rates.BytesIn) + "B/s"
			out += " " + number(t.Rates.BytesOut) + "B/s"
		}
	}
	put("in", in)
	put("out", out)
	put("clients", number(float64(t.Clients)))
	put("groups", number(float64(t.Groups)))
	put("queued", number(float64(t.Queued))+"B")
	if cells := min(sparkMost, room-x); cells >= sparkLeast {
		d.g.text(x, 1, spark(t.History, cells, highest(t.History, cells), d.c.ASCII), OK)
	}
}

// alerts are lines that shout.
func (d *drawing) alerts() []string {
	var lines []string
	if d.s.Partition {
		lines = append(lines, d.partition()...)
	}
	if len(d.s.Differ) > 0 {
		lines = append(lines, "CONFIGURATIONS DIFFER  another one at "+clean(strings.Join(d.s.Differ, " ")))
	}
	var steered []string
	for i := range d.s.Daemons {
		row := &d.s.Daemons[i]
		if row.Condition != cluster.Silent && row.Summary.Membership.Partition != 0 {
			steered = append(steered, fmt.Sprintf("%s: %d", row.Name, row.Summary.Membership.Partition))
		}
	}
	if len(steered) > 0 {
		lines = append(lines, "PARTED BY A MONITOR  "+clean(strings.Join(steered, ", ")))
	}
	if !d.s.At.IsZero() && d.s.Totals.Answer == 0 {
		lines = append(lines, "NO DAEMON ANSWERS  do they run, and with this configuration?")
	}
	return lines
}

// partition names the parts: in one line, or in one for each of the largest.
func (d *drawing) partition() []string {
	const label, most = "PARTITION  ", 4
	var parts []string
	for i, p := range d.s.Parts {
		parts = append(parts, letter(i)+": "+clean(strings.Join(led(p), " ")))
	}
	if one := label + strings.Join(parts, " | "); width(one) <= d.g.Width-2 || d.g.Height < 20 {
		return []string{one}
	}
	for i := range parts {
		parts[i] = label + parts[i]
	}
	if len(parts) > most {
		parts = append(parts[:most-1], fmt.Sprintf("%sand %d more parts", label, len(parts)-most+1))
	}
	return parts
}

// led are the members, with a mark on the leader.
func led(p cluster.Part) []string {
	names := make([]string, len(p.Members))
	for i, name := range p.Members {
		names[i] = name
		if name == p.Leader {
			names[i] += "*"
		}
	}
	return names
}
