package page

import (
	"slices"
	"strings"
	"testing"
	"time"

	"gospread/spread/internal/top/cluster"
)

// typist presses keys and looks at the screen after each.
type typist struct {
	testing.TB
	Choices
	state *cluster.State
	now   time.Time
	w, h  int
}

func sit(t testing.TB, names []string, rounds ...string) *typist {
	p := &typist{TB: t, w: 80, h: 24}
	p.Every = time.Second
	p.state, p.now = play(t, names, rounds...)
	p.screen()
	return p
}

func (p *typist) screen() []string {
	g := NewGrid(p.w, p.h)
	Draw(g, p.state, &p.Choices, p.now)
	text, _, _ := strings.Cut(dump(g), "====")
	return strings.Split(text, "|\n")
}

func (p *typist) press(keys ...string) {
	p.Helper()
	for _, k := range keys {
		if a := p.Press(k); a != None {
			p.Fatalf("%q asks for %d", k, a)
		}
		p.screen()
	}
}

// order are the daemons as they stand.
func (p *typist) order() string {
	var names []string
	for _, line := range p.screen() {
		for _, d := range p.state.Daemons {
			if len(line) > 1 && strings.HasPrefix(line[1:], d.Name) {
				names = append(names, d.Name[:1])
			}
		}
	}
	return strings.Join(names, "")
}

func TestSorting(t *testing.T) {
	for _, c := range []struct{ keys, want string }{
		{"", "abcde"},
		{"r", "edcba"},
		{"n", "edcba"},  // again: the other way round
		{"i", "abced"},  // most traffic first, who does not answer last
		{"ir", "decba"}, // least first
		{"ii", "decba"},
		{"I", "abced"},
		{"u", "ebacd"},  // the queues of echo and bravo, and no others
		{"x", "baced"},  // bravo has retransmitted
		{"s", "dabce"},  // who does not answer comes first
		{"a", "ecbad"},  // who has run longest; of delta it is not known
		{"%", "abcde"},  // no column
		{"ri", "abced"}, // another column begins in its own order
	} {
		p := sit(t, five, "", "slow #x#echo echo", "slow #y#bravo bravo", "retransmit bravo 9;down delta", "retransmit bravo 5", "retransmit bravo 1")
		p.w = 160
		p.press(strings.Split(c.keys, "")...)
		if got := p.order(); got != c.want {
			t.Errorf("%q: order %s, want %s", c.keys, got, c.want)
		}
	}
}

func TestSortingByArrows(t *testing.T) {
	p := sit(t, five, calm...)
	var titles []string
	for range len(p.shown) {
		p.press("right")
		titles = append(titles, columns[p.sort].title)
	}
	if want := strings.Fields("STATE VIEW CLIENTS GROUPS IN/s OUT/s RETR/s TOKEN QUEUED DAEMON"); !slices.Equal(titles, want) {
		t.Errorf("right leads to %q, want %q", titles, want)
	}
	p.press("left")
	if got := columns[p.sort].title; got != "QUEUED" {
		t.Errorf("left of the first is %s", got)
	}
	if line := p.screen()[2]; !strings.Contains(line, "▼QUEUED") {
		t.Errorf("titles %q", line)
	}
	// A column without room sorts too, and the last line says so.
	p.press("e")
	if line := p.screen()[23]; !strings.HasPrefix(line, "by MEM ") {
		t.Errorf("last line %q", line)
	}
	p.press("right")
	if got := columns[p.sort].title; got != "DAEMON" {
		t.Errorf("right of none is %s", got)
	}
}

func TestActions(t *testing.T) {
	for _, c := range []struct {
		before string // typed before
		key    string
		want   Action
	}{
		{"", "q", Quit},
		{"", "ctrl-c", Quit},
		{"?", "q", Quit},
		{"?", "ctrl-c", Quit},
		{"/", "ctrl-c", Quit},
		{"/", "q", None}, // a letter of the filter
		{"", "ctrl-z", Suspend},
		{"/", "ctrl-z", Suspend},
		{"", "ctrl-l", Redraw},
		{"", "Q", None},
		{"", "", None},
	} {
		p := sit(t, five, calm...)
		for _, k := range c.before {
			p.press(string(k))
		}
		if got := p.Press(c.key); got != c.want {
			t.Errorf("%q after %q: %d, want %d", c.key, c.before, got, c.want)
		}
	}
}

func TestFilter(t *testing.T) {
	p := sit(t, five, calm...)
	p.press("/", "A", "l")
	if got := p.order(); got != "a" {
		t.Errorf("shown while it is typed: %s", got)
	}
	p.press("backspace", "enter")
	if got := p.order(); got != "abcd" {
		t.Errorf("shown with an a: %s", got)
	}
	p.press("r", "q"[:0])
	if got := p.order(); got != "dcba" {
		t.Errorf("keys work again: %s", got)
	}
	p.press("/", "z")
	if got := p.order(); got != "" {
		t.Errorf("shown with az: %s", got)
	}
	if p.screen()[3][:31] != " no daemon has this in its name" {
		t.Errorf("%q", p.screen()[3])
	}
	p.press("escape")
	if p.Filter != "" || p.order() != "edcba" {
		t.Errorf("after escape: %q, %s", p.Filter, p.order())
	}
	p.press("/", "backspace", "p")
	if !p.Paused {
		t.Error("deleting nothing does not leave the filter")
	}
	p.press("/")
	for range 3 * longestFilter {
		p.press("x")
	}
	if len(p.Filter) != longestFilter {
		t.Errorf("a filter of %d", len(p.Filter))
	}
	p.press("ctrl-u", "e", "ö", "enter", "escape")
	if p.Filter != "" {
		t.Errorf("filter %q", p.Filter)
	}
}

func TestPace(t *testing.T) {
	p := sit(t, five, calm...)
	walk := func(key string, want ...string) {
		t.Helper()
		for _, w := range want {
			p.press(key)
			if got := p.Every.String(); got != w {
				t.Errorf("%s leads to %s, want %s", key, got, w)
			}
		}
	}
	walk("-", "2s", "5s", "10s", "30s", "1m0s", "1m0s")
	walk("+", "30s", "10s", "5s", "2s", "1s", "500ms", "500ms")
	p.Every = 3 * time.Second
	walk("=", "2s")
	p.Every = 3 * time.Second
	walk("_", "5s")
	if !strings.Contains(p.screen()[0], "every 5s") {
		t.Errorf("%q", p.screen()[0])
	}
}

func TestScrolling(t *testing.T) {
	p := sit(t, fleet(), calm...)
	first := func() string { return strings.Fields(p.screen()[3])[0] }
	for _, c := range []struct{ key, want string }{
		{"up", "*daemon-number-01"},
		{"down", "daemon-number-02"},
		{"pgdn", "daemon-number-14"},
		{"pgup", "daemon-number-02"},
		{"end", "daemon-number-29"},
		{"down", "daemon-number-29"},
		{"home", "*daemon-number-01"},
	} {
		p.press(c.key)
		if got := first(); got != c.want {
			t.Errorf("after %s: %s, want %s", c.key, got, c.want)
		}
	}
	p.press("end")
	p.h = 50
	if got := first(); got != "daemon-number-03" {
		t.Errorf("on a higher screen: %s", got)
	}
	p.h = 70
	if got := first(); got != "*daemon-number-01" {
		t.Errorf("on a screen for all: %s", got)
	}
}

func TestHelp(t *testing.T) {
	p := sit(t, five, calm...)
	p.w, p.h = 40, 10
	p.press("h", "end")
	text := strings.Join(p.screen(), "\n")
	if !strings.Contains(text, "e MEM") {
		t.Errorf("the end of the help\n%s", text)
	}
	p.press("x")
	if p.Help || p.sort != 0 || p.top != 0 {
		t.Error("any other key leads back, and does nothing else")
	}
}

// Every column can be sorted by a letter of its own, which no command has, and the
// help tells it.
func TestLetters(t *testing.T) {
	used := map[rune]string{'q': "quit", 'r': "reverse", 'p': "pause", 'h': "help"}
	for _, c := range columns {
		if other := used[c.key]; other != "" {
			t.Errorf("%c is both %s and %s", c.key, other, c.title)
		}
		used[c.key] = c.title
		if width(c.title) > c.width {
			t.Errorf("%s is wider than its column", c.title)
		}
		if len(c.about) > 27 {
			t.Errorf("the help on %s is too long", c.title)
		}
	}
}

func TestNumbers(t *testing.T) {
	for v, want := range map[float64]string{
		-1: "0", 0: "0", 0.01: "<0.1", 0.05: "0.1", 0.44: "0.4", 3: "3", 9.94: "9.9", 9.96: "10", 999.4: "999",
		999.5: "1.0k", 12_345: "12.3k", 99_949: "99.9k", 99_960: "100k", 999_499: "999k", 999_500: "1.0M", 4e9: "4.0G", 1e30: ">999P",
	} {
		if got := number(v); got != want {
			t.Errorf("%v is %q, want %q", v, got, want)
		}
	}
	for d, want := range map[time.Duration]string{
		-1: "-", 0: "-", 1: "<0.1us", 1500: "1.5us", 35 * time.Microsecond: "35us", 99_400: "99us",
		100 * time.Microsecond: "0.1ms", 999 * time.Microsecond: "1ms", 12 * time.Millisecond: "12ms",
		999_400 * time.Microsecond: "999ms", 999_500 * time.Microsecond: "1s", 98 * time.Second: "98s", 252 * time.Second: "4m12s",
	} {
		if got := lasting(d); got != want {
			t.Errorf("%d ns is %q, want %q", d, got, want)
		}
	}
}

func TestCutNames(t *testing.T) {
	for _, c := range []struct {
		name  string
		width int
		want  string
	}{
		{"alpha", 5, "alpha"},
		{"rack-1-machine-17", 10, "rack-~e-17"},
		{"rack-1-machine-17", 3, "r~7"},
		{"", 3, ""},
	} {
		if got := middle(c.name, c.width); got != c.want {
			t.Errorf("%q in %d: %q, want %q", c.name, c.width, got, c.want)
		}
	}
}

func TestSpark(t *testing.T) {
	for _, c := range []struct {
		values []float64
		most   float64
		want   string
	}{
		{nil, 0, "    "},
		{[]float64{0, 0}, 0, "  ▁▁"},
		{[]float64{1, 2, 3, 4, 5, 6}, 6, "▅▆▇█"},
		{[]float64{-1, 0, 0.01, 8}, 8, " ▁▂█"},
		{[]float64{100}, 8, "   █"},
	} {
		if got := spark(c.values, 4, c.most, false); got != c.want {
			t.Errorf("%v: %q, want %q", c.values, got, c.want)
		}
	}
	if got := spark([]float64{0, 4, 8}, 3, 8, true); got != "_+#" {
		t.Errorf("in ASCII: %q", got)
	}
}
