package page

import (
	"cmp"
	"strings"
	"time"

	"gospread/spread/internal/status"
	"gospread/spread/internal/top/cluster"
)

// column is one of the table of daemons.
type column struct {
	key   rune // that sorts by it
	title string
	width int  // without the blank before it
	need  int  // the lower, the earlier it gets room
	left  bool // aligned so
	// up: the natural order begins with the least.
	up    bool
	about string
	text  func(d *cluster.Daemon) (string, Style)
	order func(a, b *cluster.Daemon) int
}

// columns are all of them, as they stand beside each other. The first is always
// shown.
var columns = []column{
	{key: 'n', title: "DAEMON", width: 8, left: true, up: true, about: "its name; * leads its view",
		text:  func(d *cluster.Daemon) (string, Style) { return clean(d.Name), nameStyle(d) },
		order: func(a, b *cluster.Daemon) int { return strings.Compare(a.Name, b.Name) }},
	{key: 's', title: "STATE", width: 10, need: 1, left: true, about: "up, or what keeps it busy",
		text:  state,
		order: func(a, b *cluster.Daemon) int { return cmp.Compare(trouble(a), trouble(b)) }},
	{key: 'v', title: "VIEW", width: 4, need: 8, up: true, about: "which view, and of how many",
		text:  view,
		order: func(a, b *cluster.Daemon) int { return cmp.Compare(uint(a.Part), uint(b.Part)) }}, //nolint:gosec // -1 comes last
	figure('c', "CLIENTS", 7, 4, "sessions", number, func(d *cluster.Daemon) float64 { return float64(d.Summary.Clients.Sessions) }),
	figure('g', "GROUPS", 6, 9, "groups it knows", number, func(d *cluster.Daemon) float64 { return float64(d.Summary.Clients.Groups) }),
	rate('i', "IN/s", 6, 2, "messages from its clients", func(r *cluster.Rates) float64 { return r.In }),
	rate('o', "OUT/s", 6, 3, "messages to its clients", func(r *cluster.Rates) float64 { return r.Out }),
	rate('b', "INB/s", 6, 13, "bytes from its clients", func(r *cluster.Rates) float64 { return r.BytesIn }),
	rate('w', "OUTB/s", 6, 14, "bytes to its clients", func(r *cluster.Rates) float64 { return r.BytesOut }),
	warned('x', "RETR/s", 6, 5, "packets sent once more", func(r *cluster.Rates) float64 { return r.Retransmitted }),
	warned('l', "LOST/s", 6, 12, "datagrams dropped", func(r *cluster.Rates) float64 { return r.Dropped }),
	span('t', "TOKEN", 6, 6, "token rotation, mean", func(r *cluster.Rates) time.Duration { return r.Token }),
	span('y', "LATENCY", 7, 10, "99 % delivered within", func(r *cluster.Rates) time.Duration { return r.DeliveryWorst }),
	figure('u', "QUEUED", 6, 7, "bytes that wait for clients", number, func(d *cluster.Daemon) float64 { return float64(d.Summary.Clients.QueuedBytes) }),
	figure('a', "AGE", 6, 11, "time since its start", age, func(d *cluster.Daemon) float64 { return d.Summary.Daemon.Uptime }),
	figure('k', "CPU%", 5, 15, "of one processor", number, func(d *cluster.Daemon) float64 { return d.Rates.CPU * 100 }),
	figure('e', "MEM", 5, 16, "memory in use, bytes", number, func(d *cluster.Daemon) float64 { return float64(d.Summary.Process.Resident) }),
}

// figure is a column of numbers that are known as soon as a daemon has answered.
func figure(key rune, title string, width, need int, about string, word func(float64) string, of func(*cluster.Daemon) float64) column {
	value := func(d *cluster.Daemon) float64 {
		if d.Summary == nil || d.Condition == cluster.Silent {
			return -1
		}
		return of(d)
	}
	return column{
		key: key, title: title, width: width, need: need, about: about,
		text: func(d *cluster.Daemon) (string, Style) {
			v := value(d)
			if v < 0 {
				return "", Plain
			}
			return word(v), faint(v == 0)
		},
		order: func(a, b *cluster.Daemon) int { return cmp.Compare(value(a), value(b)) },
	}
}

// rate is a column of numbers that need two answers.
func rate(key rune, title string, width, need int, about string, of func(*cluster.Rates) float64) column {
	value := func(d *cluster.Daemon) float64 {
		if !d.Rates.Known {
			return -1
		}
		return of(&d.Rates)
	}
	return column{
		key: key, title: title, width: width, need: need, about: about,
		text: func(d *cluster.Daemon) (string, Style) {
			v := value(d)
			switch {
			case v >= 0:
				return number(v), faint(v == 0)
			case d.Condition == cluster.Silent:
				return "", Plain
			}
			return "...", Dim
		},
		order: func(a, b *cluster.Daemon) int { return cmp.Compare(value(a), value(b)) },
	}
}

// warned is a rate that should be 0.
func warned(key rune, title string, width, need int, about string, of func(*cluster.Rates) float64) column {
	c := rate(key, title, width, need, about, of)
	plain := c.text
	c.text = func(d *cluster.Daemon) (string, Style) {
		s, style := plain(d)
		if style == Plain && s != "" {
			style = Warning
		}
		return s, style
	}
	return c
}

func span(key rune, title string, width, need int, about string, of func(*cluster.Rates) time.Duration) column {
	return column{
		key: key, title: title, width: width, need: need, about: about,
		text: func(d *cluster.Daemon) (string, Style) {
			if !d.Rates.Known {
				return "", Plain
			}
			v := of(&d.Rates)
			return lasting(v), faint(v == 0)
		},
		order: func(a, b *cluster.Daemon) int { return cmp.Compare(of(&a.Rates), of(&b.Rates)) },
	}
}

func faint(yes bool) Style {
	if yes {
		return Dim
	}
	return Plain
}

func age(seconds float64) string {
	return cluster.Age(time.Duration(min(seconds, 1e9) * float64(time.Second)))
}

func nameStyle(d *cluster.Daemon) Style {
	if d.Condition == cluster.Silent {
		return Bad
	}
	return Strong
}

// operational is the word of the status for a daemon that does its work.
const operational = "operational"

func state(d *cluster.Daemon) (string, Style) {
	switch {
	case d.Condition == cluster.Silent:
		return "NO ANSWER", Bad
	case d.Condition == cluster.Late:
		return "late", Warning
	}
	m := d.Summary.Membership
	switch {
	case m.State != operational:
		return clean(m.State), Warning
	case m.GroupState != operational && m.GroupState != "":
		return "regrouping", Warning
	}
	return "up", OK
}

// trouble grows with what is wrong with a daemon.
func trouble(d *cluster.Daemon) int {
	_, style := state(d)
	return int(style)*4 + int(d.Condition)
}

func view(d *cluster.Daemon) (string, Style) {
	if d.Part < 0 {
		return "", Plain
	}
	return letter(d.Part) + number(float64(members(d.Summary))), Plain
}

func members(s *status.Summary) int { return len(s.Membership.Members) }

// letter names a membership: A is the largest.
func letter(part int) string {
	if part > 'Z'-'A' {
		return "?"
	}
	return string(rune('A' + part))
}
