package page

import (
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// Choices are what the user has chosen. The zero value sorts by name.
type Choices struct {
	Every  time.Duration // between rounds
	Paused bool
	Filter string // only what has this in its name; case does not count
	Help   bool
	ASCII  bool // the terminal has no other characters

	sort    int // a column
	reverse bool
	editing bool // keys go into the filter
	top     int  // the first daemon shown, or the first line of the help

	// How it was last drawn, which is what some keys depend on.
	shown []int // columns
	rows  int   // daemons, or lines of help, at a time
	most  int   // what top may be
}

// Action is what a key asks of the program, beyond the choices.
type Action uint8

// The actions.
const (
	None Action = iota
	Quit
	Suspend
	Redraw // from scratch
)

// paces are the times between rounds that keys reach.
var paces = []time.Duration{
	500 * time.Millisecond, time.Second, 2 * time.Second, 5 * time.Second,
	10 * time.Second, 30 * time.Second, time.Minute,
}

// longestFilter bounds what is typed.
const longestFilter = 40

// Press takes a key: a character, or the name of another key: enter, escape,
// backspace, up, down, left, right, pgup, pgdn, home, end, or ctrl and a letter
// such as ctrl-c.
func (c *Choices) Press(key string) Action {
	switch key {
	case "ctrl-c":
		return Quit
	case "ctrl-z":
		return Suspend
	case "ctrl-l":
		return Redraw
	}
	switch {
	case c.editing:
		c.edit(key)
	case c.Help:
		return c.helpKey(key)
	default:
		return c.command(key)
	}
	return None
}

func (c *Choices) edit(key string) {
	switch key {
	case "enter":
		c.editing = false
	case "escape", "ctrl-u":
		c.editing = key != "escape"
		c.Filter = ""
	case "backspace":
		if c.Filter == "" {
			c.editing = false
		} else {
			c.Filter = c.Filter[:len(c.Filter)-1]
		}
	default:
		if utf8.RuneCountInString(key) == 1 && key >= " " && key <= "~" && len(c.Filter) < longestFilter {
			c.Filter += key
		}
	}
	c.top = 0
}

func (c *Choices) helpKey(key string) Action {
	switch {
	case key == "q":
		return Quit
	case !c.scroll(key):
		c.Help, c.top = false, 0
	}
	return None
}

func (c *Choices) command(key string) Action {
	switch key {
	case "q":
		return Quit
	case "h", "?":
		c.Help, c.top = true, 0
	case "/":
		c.editing = true
	case "escape":
		c.Filter = ""
	case "p", " ":
		c.Paused = !c.Paused
	case "r":
		c.reverse = !c.reverse
	case "left":
		c.beside(-1)
	case "right":
		c.beside(1)
	case "+", "=":
		c.Every = faster(c.Every)
	case "-", "_":
		c.Every = slower(c.Every)
	default:
		if !c.scroll(key) {
			c.sortBy(key)
		}
	}
	return None
}

// sortBy sorts by the column of a letter, and the other way round if it did
// already.
func (c *Choices) sortBy(key string) {
	i := slices.IndexFunc(columns, func(col column) bool { return string(col.key) == strings.ToLower(key) })
	switch {
	case i < 0:
	case i == c.sort:
		c.reverse = !c.reverse
	default:
		c.sort, c.reverse, c.top = i, false, 0
	}
}

// beside sorts by the next column that is shown.
func (c *Choices) beside(step int) {
	if len(c.shown) == 0 {
		return
	}
	i := slices.Index(c.shown, c.sort)
	switch {
	case i >= 0:
		i += step
	case step < 0:
		i = len(c.shown) - 1
	default:
		i = 0
	}
	c.sort, c.reverse, c.top = c.shown[(i+len(c.shown))%len(c.shown)], false, 0
}

func (c *Choices) scroll(key string) bool {
	switch key {
	case "up":
		c.top--
	case "down":
		c.top++
	case "pgup":
		c.top -= max(1, c.rows)
	case "pgdn":
		c.top += max(1, c.rows)
	case "home":
		c.top = 0
	case "end":
		c.top = c.most
	default:
		return false
	}
	c.top = max(0, min(c.top, c.most))
	return true
}

// window says which of n lines are shown in a number of rows: all, or from the
// chosen one on, with the last row left for telling about the others.
func (c *Choices) window(n, rows int) (from, to int) {
	if n > rows {
		rows = max(0, rows-1)
	}
	c.rows, c.most = rows, max(0, n-rows)
	c.top = max(0, min(c.top, c.most))
	return c.top, min(n, c.top+rows)
}

func faster(d time.Duration) time.Duration {
	for _, p := range slices.Backward(paces) {
		if p < d {
			return p
		}
	}
	return d
}

func slower(d time.Duration) time.Duration {
	for _, p := range paces {
		if p > d {
			return p
		}
	}
	return d
}

func (c *Choices) matches(name string) bool {
	return c.Filter == "" || strings.Contains(strings.ToLower(name), strings.ToLower(c.Filter))
}
