// Package page draws a live view of a cluster into a grid of characters, and knows
// what the keys do to it. It has no terminal.
package page

import "strings"

// Style is what a character means; the terminal decides how that looks. Nothing is
// told by style alone.
type Style uint8

// The styles.
const (
	Plain Style = iota
	Strong
	Dim
	Title  // of a table
	Sorted // title of the column that sorts
	OK
	Warning
	Bad
	Alert // what must not be missed
	Key   // a key that can be pressed
)

// Cell is one character.
type Cell struct {
	Rune  rune
	Style Style
}

// Grid is a screen.
type Grid struct {
	Width, Height int
	cells         []Cell
}

// NewGrid returns an empty screen. Its size must not be negative.
func NewGrid(width, height int) *Grid {
	g := &Grid{Width: width, Height: height, cells: make([]Cell, width*height)}
	for i := range g.cells {
		g.cells[i].Rune = ' '
	}
	return g
}

// At returns a character inside the screen.
func (g *Grid) At(x, y int) Cell { return g.cells[y*g.Width+x] }

// text writes from a place on and returns the one behind. What is outside is left
// out.
func (g *Grid) text(x, y int, s string, style Style) int {
	for _, r := range s {
		if x >= 0 && x < g.Width && y >= 0 && y < g.Height {
			g.cells[y*g.Width+x] = Cell{r, style}
		}
		x++
	}
	return x
}

// right writes so that the text ends before a place.
func (g *Grid) right(x, y int, s string, style Style) {
	g.text(x-width(s), y, s, style)
}

// bar gives a line one style.
func (g *Grid) bar(y int, style Style) {
	g.text(0, y, strings.Repeat(" ", g.Width), style)
}

// width is how many cells a text takes: all characters used here take one.
func width(s string) int {
	n := 0
	for range s {
		n++
	}
	return n
}

// clip cuts a text to a width, and shows that it did.
func clip(s string, most int) string {
	if width(s) <= most {
		return s
	}
	if most <= 1 {
		return s[:0]
	}
	n := 0
	for i := range s {
		if n == most-1 {
			return s[:i] + "~"
		}
		n++
	}
	return s
}

// middle cuts an ASCII text to a width in its middle: names of daemons often differ
// only at the end.
func middle(s string, most int) string {
	if len(s) <= most || most < 3 {
		return s
	}
	end := (most - 1) / 2
	return s[:most-1-end] + "~" + s[len(s)-end:]
}

// clean makes what came from elsewhere harmless: characters that are not printable
// ASCII become question marks.
func clean(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return '?'
		}
		return r
	}, s)
}
