package page

import (
	"slices"
	"strconv"

	"gospread/spread/internal/top/cluster"
)

// The column of bars: when it gets room, and how much.
const (
	sparkNeed  = 11
	sparkLeast = 20
	sparkMost  = 60
)

// The name of a daemon gets this much at least, and up to a part of the screen
// before another column gets something.
const (
	nameLeast = 8
	namePart  = 4
)

// placed is a column on the screen.
type placed struct {
	*column
	index    int
	x, width int
}

// fit chooses the columns that a width has room for, those most needed first, and
// places them. What is left goes to names that are cut, then to the bars.
func fit(screen, longest int) (table []placed, sparkAt, sparkWidth int) {
	name := max(nameLeast, min(longest, screen/namePart))
	used := 1 + name // the mark of a leader stands first
	chosen := []int{0}
	spark := false
	for need := 1; need < 2*len(columns); need++ {
		if need == sparkNeed && used+1+sparkLeast <= screen {
			spark = true
			used += 1 + sparkLeast
		}
		for i := range columns {
			if i > 0 && columns[i].need == need && used+1+columns[i].width <= screen {
				chosen = append(chosen, i)
				used += 1 + columns[i].width
			}
		}
	}
	slices.Sort(chosen)
	name += max(0, min(screen-used, longest-name))
	x := 1
	for _, i := range chosen {
		p := placed{column: &columns[i], index: i, x: x, width: columns[i].width}
		if i == 0 {
			p.width = name
		}
		table = append(table, p)
		x += p.width + 1
	}
	if spark {
		sparkAt, sparkWidth = x, min(sparkMost, screen-x)
	}
	return table, sparkAt, sparkWidth
}

// daemons draws the table into lines from y on, the titles first.
func (d *drawing) daemons(y, lines int) {
	rows := d.sorted()
	longest := 0
	for i := range d.s.Daemons {
		longest = max(longest, len(d.s.Daemons[i].Name))
	}
	table, sparkAt, sparkWidth := fit(d.g.Width, longest)
	d.titles(y, table, sparkAt)
	from, to := d.c.window(len(rows), lines-1)
	most := 0.0
	for i := range rows {
		most = max(most, highest(rows[i].History, sparkWidth))
	}
	for _, row := range rows[from:to] {
		y++
		d.row(y, row, table)
		if sparkWidth > 0 && row.Condition != cluster.Silent {
			d.g.text(sparkAt, y, spark(row.History, sparkWidth, most, d.c.ASCII), OK)
		}
	}
	switch hidden := len(rows) - (to - from); {
	case len(rows) == 0 && len(d.s.Daemons) > 0:
		d.g.text(1, y+1, "no daemon has this in its name", Dim)
	case hidden > 0:
		d.g.text(1, y+1, strconv.Itoa(from)+" above, "+strconv.Itoa(len(rows)-to)+" below: up, down, PgUp, PgDn", Dim)
	}
}

// sorted are the daemons that are shown, in their order.
func (d *drawing) sorted() []*cluster.Daemon {
	var rows []*cluster.Daemon
	for i := range d.s.Daemons {
		if d.c.matches(d.s.Daemons[i].Name) {
			rows = append(rows, &d.s.Daemons[i])
		}
	}
	by := &columns[d.c.sort]
	slices.SortStableFunc(rows, func(a, b *cluster.Daemon) int {
		if by.up != d.c.reverse {
			return by.order(a, b)
		}
		return by.order(b, a)
	})
	return rows
}

func (d *drawing) titles(y int, table []placed, sparkAt int) {
	d.g.bar(y, Title)
	d.c.shown = d.c.shown[:0]
	for _, p := range table {
		d.c.shown = append(d.c.shown, p.index)
		style, arrow := Title, ""
		if p.index == d.c.sort {
			style, arrow = Sorted, d.arrow(p.up != d.c.reverse)
		}
		if p.left {
			d.g.text(p.x, y, clip(p.title+arrow, p.width), style)
		} else {
			d.g.right(p.x+p.width, y, arrow+p.title, style)
		}
	}
	if sparkAt > 0 {
		d.g.text(sparkAt, y, "IN+OUT, PER SECOND", Title)
	}
}

func (d *drawing) arrow(up bool) string {
	switch {
	case d.c.ASCII && up:
		return "^"
	case d.c.ASCII:
		return "v"
	case up:
		return "▲"
	}
	return "▼"
}

func (d *drawing) row(y int, row *cluster.Daemon, table []placed) {
	if row.Leader {
		d.g.text(0, y, "*", Strong)
	}
	for i, p := range table {
		s, style := p.text(row)
		if p.index == 0 {
			s = middle(s, p.width)
		}
		s = clip(s, p.width)
		if p.left {
			d.g.text(p.x, y, s, style)
		} else {
			d.g.right(p.x+p.width, y, s, style)
		}
		if i == 1 && row.Condition == cluster.Silent {
			d.g.text(p.x+p.width+1, y, clip(d.silence(row), d.g.Width-p.x-p.width-1), Dim)
			return
		}
	}
}

// silence says what is known of a daemon that does not answer.
func (d *drawing) silence(row *cluster.Daemon) string {
	text := "never answered"
	if !row.Answered.IsZero() {
		text = "since " + row.Answered.Format(clock) + ", for " + cluster.Age(d.now.Sub(row.Answered))
	}
	if row.Expected {
		text += ", but others have it in their view"
	}
	if row.Err != nil {
		text += ": " + clean(row.Err.Error())
	}
	return text
}
