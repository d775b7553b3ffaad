package top

import (
	"github.com/gdamore/tcell/v3"
	"github.com/gdamore/tcell/v3/color"

	"gospread/spread/internal/top/page"
)

// styles is how many there are.
const styles = page.Key + 1

// palette is how the styles look with so many colours. It uses the first eight,
// which every theme chooses so that they can be read, and none where there are none
// or NO_COLOR is set.
func palette(colours int) (p [styles]tcell.Style) {
	plain := tcell.StyleDefault
	p = [styles]tcell.Style{
		page.Strong: plain.Bold(true),
		page.Title:  plain.Reverse(true),
		page.Sorted: plain.Reverse(true).Bold(true),
		page.Bad:    plain.Bold(true),
		page.Alert:  plain.Reverse(true).Bold(true),
		page.Key:    plain.Bold(true),
	}
	p[page.Dim] = plain.Dim(true)
	if colours < 8 {
		return p
	}
	p[page.OK] = plain.Foreground(color.PaletteColor(2))
	p[page.Warning] = plain.Foreground(color.PaletteColor(3))
	p[page.Bad] = plain.Foreground(color.PaletteColor(1)).Bold(true)
	p[page.Alert] = plain.Foreground(color.PaletteColor(7)).Background(color.PaletteColor(1)).Bold(true)
	p[page.Key] = plain.Foreground(color.PaletteColor(6)).Bold(true)
	return p
}

var keys = map[tcell.Key]string{
	tcell.KeyEnter: "enter", tcell.KeyEscape: "escape",
	tcell.KeyBackspace: "backspace", tcell.KeyBackspace2: "backspace",
	tcell.KeyUp: "up", tcell.KeyDown: "down", tcell.KeyLeft: "left", tcell.KeyRight: "right",
	tcell.KeyPgUp: "pgup", tcell.KeyPgDn: "pgdn", tcell.KeyHome: "home", tcell.KeyEnd: "end",
	tcell.KeyCtrlC: "ctrl-c", tcell.KeyCtrlL: "ctrl-l", tcell.KeyCtrlU: "ctrl-u", tcell.KeyCtrlZ: "ctrl-z",
}

// keyName is the name that page has for a key; empty if it has none.
func keyName(ev *tcell.EventKey) string {
	switch {
	case ev.Key() != tcell.KeyRune:
		return keys[ev.Key()]
	case ev.Modifiers()&(tcell.ModAlt|tcell.ModMeta|tcell.ModCtrl) != 0:
		return ""
	}
	return ev.Str()
}
