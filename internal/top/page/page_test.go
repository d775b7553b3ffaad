package page

import (
	"flag"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"gospread/spread/internal/top/cluster"
	"gospread/spread/internal/top/toptest"
)

var update = flag.Bool("update", false, "write the screens instead of comparing them")

var start = time.Date(2026, 11, 25, 21, 0, 0, 0, time.UTC)

// play lets a cluster of five carry out a round of commands a second, and returns
// what is known then, and the time.
func play(t testing.TB, names []string, rounds ...string) (*cluster.State, time.Time) {
	t.Helper()
	c, now := toptest.New(start, names...), start
	var m cluster.Model
	for _, round := range rounds {
		for command := range strings.SplitSeq(round, ";") {
			if err := c.Do(command); err != nil {
				t.Fatal(err)
			}
		}
		c.Advance(time.Second)
		now = now.Add(time.Second)
		m.Add(now, c.Samples())
	}
	s := m.State()
	return &s, now
}

var five = []string{"alpha", "bravo", "charlie", "delta", "echo"}

// Rounds of a bad day.
var (
	calm      = []string{"", "", "", ""}
	partition = []string{
		"", "slow #reader#bravo bravo", "", "slow #ticker#echo echo;retransmit bravo 3", "down delta",
		"cut bravo;slow #reader#bravo bravo", "part alpha,bravo charlie,echo", "retransmit alpha 1200",
	}
	deaf  = []string{"", "", "deaf echo;config bravo;state charlie gathering;steer alpha 1", "", ""}
	alone = []string{"down alpha;down bravo;down charlie;down delta;down echo", "", ""}
)

// fleet has more daemons than a screen has lines.
func fleet() []string {
	var names []string
	for i := range 40 {
		names = append(names, fmt.Sprintf("daemon-number-%02d", i+1))
	}
	return names
}

// The screens are files; go test -update writes them anew. Look at them before
// they are committed.
func TestScreens(t *testing.T) {
	for _, c := range []struct {
		name          string
		width, height int
		names         []string
		rounds        []string
		keys          string // typed before
		ascii         bool
	}{
		{name: "calm-80x24", width: 80, height: 24, names: five, rounds: calm},
		{name: "calm-120x40", width: 120, height: 40, names: five, rounds: calm},
		{name: "partition-80x24", width: 80, height: 24, names: five, rounds: partition, keys: "u"},
		{name: "partition-120x40", width: 120, height: 40, names: five, rounds: partition, keys: "x"},
		{name: "partition-200x50", width: 200, height: 50, names: five, rounds: partition},
		{name: "partition-40x10", width: 40, height: 10, names: five, rounds: partition},
		{name: "ascii-120x24", width: 120, height: 24, names: five, rounds: partition, keys: "sp", ascii: true},
		{name: "deaf-80x24", width: 80, height: 24, names: five, rounds: deaf, keys: "e"},
		{name: "alone-80x24", width: 80, height: 24, names: five, rounds: alone},
		{name: "fleet-80x24", width: 80, height: 24, names: fleet(), rounds: calm},
		{name: "fleet-filter-80x24", width: 80, height: 24, names: fleet(), rounds: calm, keys: "/-3"},
		{name: "filtered-60x16", width: 60, height: 16, names: five, rounds: partition, keys: "/BRA\n"},
		{name: "help-80x24", width: 80, height: 24, names: five, rounds: calm, keys: "?"},
		{name: "help-40x10", width: 40, height: 10, names: five, rounds: calm, keys: "?"},
		{name: "waiting-80x24", width: 80, height: 24},
		{name: "small-39x10", width: 39, height: 10, names: five, rounds: calm},
	} {
		t.Run(c.name, func(t *testing.T) {
			state, now := play(t, c.names, c.rounds...)
			choices := &Choices{Every: time.Second, ASCII: c.ascii}
			for _, key := range c.keys {
				name := string(key)
				if key == '\n' {
					name = "enter"
				}
				choices.Press(name)
			}
			g := NewGrid(c.width, c.height)
			Draw(g, state, choices, now)
			got := dump(g)
			path := filepath.Join("testdata", c.name+".screen")
			if *update {
				if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if got != string(want) {
				t.Errorf("the screen is\n%s\nwant\n%s", got, want)
			}
		})
	}
}

// dump writes the characters of a screen, and below them their styles as letters.
func dump(g *Grid) string {
	var b strings.Builder
	for _, part := range []func(Cell) rune{
		func(c Cell) rune { return c.Rune },
		func(c Cell) rune { return rune(".SdTtoWBAK"[c.Style]) },
	} {
		for y := range g.Height {
			for x := range g.Width {
				b.WriteRune(part(g.At(x, y)))
			}
			b.WriteString("|\n")
		}
		b.WriteString(strings.Repeat("=", g.Width) + "\n")
	}
	return b.String()
}

// What matters is told in words, whatever the colours.
func TestNothingByColourAlone(t *testing.T) {
	words := func(rounds []string) string {
		s, now := play(t, five, rounds...)
		g := NewGrid(80, 24)
		Draw(g, s, &Choices{Every: time.Second}, now)
		text, _, _ := strings.Cut(dump(g), "====")
		return text
	}
	for want, rounds := range map[string][]string{
		"PARTITION": partition, "NO ANSWER": partition, "CONFIGURATIONS DIFFER": deaf,
		"PARTED BY A MONITOR": deaf, "gathering": deaf, "NO DAEMON ANSWERS": alone,
	} {
		if !strings.Contains(words(rounds), want) {
			t.Errorf("no %q on\n%s", want, words(rounds))
		}
		if strings.Contains(words(calm), want) {
			t.Errorf("%q where all is well", want)
		}
	}
}

// No screen, state and sequence of keys leads to a panic, and every key but those
// that quit leads back to a screen with all daemons.
func TestRandomKeys(t *testing.T) {
	keys := strings.Split("a b c d e f g h i k l n o r s t u v w x y p / ? + - = ! ö", " ")
	keys = append(keys, "", " ", "up", "down", "left", "right", "pgup", "pgdn", "home", "end", "enter", "escape", "backspace", "ctrl-l", "ctrl-u")
	var states []*cluster.State
	var now time.Time
	for _, rounds := range [][]string{nil, calm, partition, deaf, alone} {
		var s *cluster.State
		s, now = play(t, five, rounds...)
		states = append(states, s)
	}
	many, _ := play(t, fleet(), "part daemon-number-01 daemon-number-02 daemon-number-03", "", "down daemon-number-04")
	states = append(states, many, damaged(t))
	r := rand.New(rand.NewPCG(1, 2))
	var c Choices
	for range 20_000 {
		if a := c.Press(keys[r.IntN(len(keys))]); a == Quit || a == Suspend {
			t.Fatal("an innocent key ends it")
		}
		g := NewGrid(1+r.IntN(140), 1+r.IntN(50))
		Draw(g, states[r.IntN(len(states))], &c, now)
	}
}

// damaged is a state full of what daemons should not send.
func damaged(t testing.TB) *cluster.State {
	s, _ := play(t, []string{"", strings.Repeat("long", 100), "\x1b[31mred\n"}, "", "")
	for i := range s.Daemons {
		d := s.Daemons[i].Summary
		d.Membership.State = "\x1b]0;title\a"
		d.Membership.Leader = "\u202eö"
		d.Daemon.Uptime = math.NaN()
		d.Clients.Sessions = -5
		d.Clients.QueuedBytes = math.MinInt
		s.Daemons[i].Rates.CPU = math.Inf(1)
		s.Daemons[i].History = []float64{math.NaN(), math.Inf(1), -1, 0}
	}
	s.Slowest = []cluster.Receiver{{Daemon: "\x00"}}
	s.Slowest[0].Name, s.Slowest[0].Stalled = "\xff\xfe", math.Inf(1)
	s.Events = []cluster.Event{{Text: "a\tb\x1b[2J"}}
	return s
}

// Nothing that comes from a daemon reaches the terminal as a control character.
func TestNoControlCharacters(t *testing.T) {
	s := damaged(t)
	s.Partition = true
	s.Differ = []string{"\x1b[2J"}
	for _, size := range []struct{ w, h int }{{40, 10}, {80, 24}, {200, 60}} {
		g := NewGrid(size.w, size.h)
		Draw(g, s, &Choices{}, start)
		for _, c := range g.cells {
			if c.Rune < ' ' || c.Rune > '~' && !strings.ContainsRune("▁▂▃▄▅▆▇█▲▼←→", c.Rune) {
				t.Fatalf("%q on the screen of %d", c.Rune, size.w)
			}
		}
	}
}
