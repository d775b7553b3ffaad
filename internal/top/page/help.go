package page

import (
	"fmt"
	"strconv"
	"strings"
)

// help draws the keys and the columns, beside each other if there is room.
func (d *drawing) help() {
	left := []string{
		"KEYS",
		"q, Ctrl-C    quit",
		"left, right  sort by the column beside",
		"a letter     sort by that column",
		"r            the other way round",
		"up, down     scroll the daemons",
		"PgUp, PgDn   by a page",
		"p, space     pause the screen",
		"+  -         faster, slower",
		"/            filter by name; Esc: all",
		"Ctrl-L       draw anew",
		"Ctrl-Z       to the shell; fg: back",
		"",
		"Paused, it still takes answers, and no",
		"event is lost.",
		"A daemon that misses one answer is",
		"late, after two it is silent.",
	}
	right := []string{"COLUMNS"}
	for _, c := range columns {
		right = append(right, fmt.Sprintf("%c %-8s %s", c.key, c.title, c.about))
	}
	lines := append(append(left, ""), right...)
	const beside = 80
	if d.g.Width >= beside {
		lines = nil
		for i := range max(len(left), len(right)) {
			lines = append(lines, strings.TrimRight(fmt.Sprintf("%-40s%s", at(left, i), at(right, i)), " "))
		}
	}
	d.g.bar(0, Title)
	d.g.text(1, 0, "HELP", Title)
	rows := d.g.Height - 2
	from, to := d.c.window(len(lines), rows)
	for i, line := range lines[from:to] {
		style := Plain
		if line == strings.ToUpper(line) {
			style = Strong
		}
		d.g.text(1, i+1, clip(line, d.g.Width-2), style)
	}
	if hidden := len(lines) - to + from; hidden > 0 {
		d.g.text(1, d.g.Height-2, strconv.Itoa(from)+" lines above, "+strconv.Itoa(len(lines)-to)+" below", Dim)
	}
	d.hints(0, d.g.Height-1, "any key", "back", "q", "quit")
}

func at(lines []string, i int) string {
	if i < len(lines) {
		return lines[i]
	}
	return ""
}
