package top

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gdamore/tcell/v3"
	"github.com/gdamore/tcell/v3/vt"

	"gospread/spread/internal/top/page"
	"gospread/spread/internal/top/toptest"
)

// played is a source whose daemons answer after a while. Its clock is that of the
// bubble.
type played struct {
	mu sync.Mutex
	*toptest.Cluster
	last   time.Time
	takes  time.Duration
	asked  []time.Time
	limits []time.Duration // how long each round could have taken
	boom   bool
}

// tell makes something happen, between two rounds.
func (p *played) tell(t testing.TB, command string) {
	t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	if command == "panic" {
		p.boom = true
	} else if err := p.Do(command); err != nil {
		t.Fatal(err)
	}
}

func play(names ...string) *played {
	now := time.Now()
	return &played{Cluster: toptest.New(now, names...), last: now}
}

func (p *played) Status(ctx context.Context) []Sample {
	if !p.mu.TryLock() {
		panic("two rounds at a time")
	}
	defer p.mu.Unlock()
	if p.boom {
		panic("no daemons")
	}
	now := time.Now()
	deadline, _ := ctx.Deadline()
	p.asked, p.limits = append(p.asked, now), append(p.limits, deadline.Sub(now))
	p.Advance(now.Sub(p.last))
	p.last = now
	select {
	case <-time.After(p.takes):
	case <-ctx.Done():
	}
	return p.Samples()
}

// sitting is a live view on a terminal that is played, too.
type sitting struct {
	testing.TB
	term vt.MockTerm
	end  context.CancelCauseFunc
	done chan struct{}
	err  error // once done is closed
	boom any   // what it panicked with
}

// sit starts a live view in the bubble of the test.
func sit(t testing.TB, o Options) *sitting {
	t.Helper()
	s := &sitting{TB: t, term: vt.NewMockTerm(vt.MockOptSize{X: 80, Y: 24}), done: make(chan struct{})}
	screen, err := tcell.NewTerminfoScreenFromTty(s.term)
	if err != nil {
		t.Fatal(err)
	}
	if err := screen.Init(); err != nil {
		t.Fatal(err)
	}
	var ctx context.Context
	ctx, s.end = context.WithCancelCause(t.Context())
	t.Cleanup(func() { s.end(nil) })
	go func() {
		defer close(s.done)
		defer func() { s.boom = recover() }()
		s.err = run(ctx, o, screen)
	}()
	return s
}

// after lets time go by, in the bubble.
func (s *sitting) after(d time.Duration) {
	select {
	case <-time.After(d):
	case <-s.done:
	}
	synctest.Wait()
}

// line is one of the screen, as the terminal shows it.
func (s *sitting) line(y int) string {
	var b strings.Builder
	for x := range vt.Col(80) {
		c := s.term.GetCell(vt.Coord{X: x, Y: vt.Row(y)}).C
		if c == "" {
			c = " "
		}
		b.WriteString(c)
	}
	return strings.TrimRight(b.String(), " ")
}

func (s *sitting) shows(y int, want string) {
	s.Helper()
	if got := s.line(y); !strings.Contains(got, want) {
		s.Errorf("line %d is %q, want %q", y, got, want)
	}
}

func (s *sitting) types(keys string) {
	for _, k := range keys {
		s.term.SendRaw([]byte(string(k)))
		s.after(60 * time.Millisecond) // an escape is one when nothing follows
	}
}

// inBubble runs a test with fake time. The package of signals starts a goroutine of
// its own at its first use, which must not be in there.
func inBubble(t *testing.T, f func(t *testing.T)) {
	watchSignals().stop()
	t.Setenv("TERM", "xterm-256color")
	t.Setenv("LC_ALL", "C.UTF-8")
	t.Setenv("NO_COLOR", "")
	synctest.Test(t, f)
}

func TestLive(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		source := play("alpha", "bravo")
		s := sit(t, Options{Source: source})
		s.after(100 * time.Millisecond)
		s.shows(0, "2 of 2 up  one view, led by alpha")
		s.shows(1, "in ...")
		s.after(time.Second)
		s.shows(1, "in 3.0k/s 750kB/s  out 15.0k/s")
		s.shows(3, "*alpha")
		source.tell(t, "down bravo")
		s.after(time.Second)
		s.shows(4, "bravo    late")
		s.after(time.Second)
		s.shows(4, "bravo    NO ANSWER")

		s.types("p")
		s.shows(1, "PAUSED")
		source.tell(t, "up bravo")
		s.after(3 * time.Second)
		s.shows(4, "bravo    NO ANSWER")
		s.types("p")
		s.shows(4, "bravo    up")

		s.types("q")
		<-s.done
		if s.err != nil || s.boom != nil {
			t.Errorf("%v, %v", s.err, s.boom)
		}
	})
}

// Rounds begin in the chosen rhythm, one at a time, however long they take.
func TestRhythm(t *testing.T) {
	for _, c := range []struct {
		every, takes, want, limit time.Duration
	}{
		{0, 0, Default, Default},
		{time.Second, 700 * time.Millisecond, time.Second, time.Second},
		{200 * time.Millisecond, 250 * time.Millisecond, 250 * time.Millisecond, 300 * time.Millisecond},
		{time.Nanosecond, 0, Shortest, 300 * time.Millisecond},
		{10 * time.Second, time.Hour, 10 * time.Second, 2 * time.Second}, // given up after 2 s
	} {
		inBubble(t, func(t *testing.T) {
			source := play("alpha")
			source.takes = c.takes
			s := sit(t, Options{Source: source, Every: c.every})
			s.after(4*c.want + c.want/2)
			s.types("q")
			<-s.done
			if len(source.asked) < 4 {
				t.Fatalf("every %v: asked %d times", c.every, len(source.asked))
			}
			for i, at := range source.asked[1:] {
				if got := at.Sub(source.asked[i]); got != c.want {
					t.Errorf("every %v, and answers take %v: asked after %v", c.every, c.takes, got)
				}
			}
			if source.limits[0] != c.limit {
				t.Errorf("every %v: a round may take %v, want %v", c.every, source.limits[0], c.limit)
			}
		})
	}
}

func TestEvery(t *testing.T) {
	for every, want := range map[time.Duration]time.Duration{
		0: Default, -1: Shortest, 1: Shortest, 3 * time.Second: 3 * time.Second, 48 * time.Hour: Longest,
	} {
		if got := (&Options{Every: every}).every(); got != want {
			t.Errorf("%v becomes %v, want %v", every, got, want)
		}
	}
}

// A key that makes it faster does not wait for the end of a long pause.
func TestFaster(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		source := play("alpha")
		s := sit(t, Options{Source: source, Every: time.Minute})
		s.after(2 * time.Second)
		s.types("+++++") // to 1 s
		s.after(2 * time.Second)
		if n := len(source.asked); n < 3 {
			t.Errorf("asked %d times", n)
		}
		s.types("q")
		<-s.done
	})
}

// The context ends it at once, although the daemons are being asked.
func TestContextEnds(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		source := play("alpha")
		source.takes = time.Hour
		s := sit(t, Options{Source: source, Every: time.Minute})
		s.after(500 * time.Millisecond)
		why := errors.New("enough")
		s.end(why)
		begun := time.Now()
		<-s.done
		if took := time.Since(begun); took > 100*time.Millisecond || !errors.Is(s.err, why) {
			t.Errorf("%v after %v", s.err, took)
		}
	})
}

// A panic where the daemons are asked ends the view, not only a goroutine, and the
// terminal is as it was.
func TestPanic(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		source := play("alpha")
		s := sit(t, Options{Source: source})
		s.after(100 * time.Millisecond)
		source.tell(t, "panic")
		<-s.done
		text := fmt.Sprint(s.boom)
		if !strings.HasPrefix(text, "no daemons\n") || !strings.Contains(text, "played).Status") {
			t.Errorf("panic with %q", text)
		}
		if got := s.line(0); got != "" {
			t.Errorf("still on the screen: %q", got)
		}
	})
}

func TestResize(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		s := sit(t, Options{Source: play("alpha", "bravo")})
		s.after(100 * time.Millisecond)
		s.shows(23, "q quit")
		s.term.SetSize(vt.Coord{X: 80, Y: 12})
		s.after(100 * time.Millisecond)
		s.shows(11, "q quit")
		s.term.SetSize(vt.Coord{X: 30, Y: 5})
		s.after(100 * time.Millisecond)
		s.shows(0, "30x5 is too small")
		s.term.SetSize(vt.Coord{X: 80, Y: 24})
		s.after(100 * time.Millisecond)
		s.shows(23, "q quit")
		s.types("q")
		<-s.done
	})
}

func TestKeyNames(t *testing.T) {
	for _, c := range []struct {
		key  *tcell.EventKey
		want string
	}{
		{tcell.NewEventKey(tcell.KeyRune, "x", tcell.ModNone), "x"},
		{tcell.NewEventKey(tcell.KeyRune, "X", tcell.ModShift), "X"},
		{tcell.NewEventKey(tcell.KeyRune, "q", tcell.ModAlt), ""},
		{tcell.NewEventKey(tcell.KeyCtrlC, "", tcell.ModCtrl), "ctrl-c"},
		{tcell.NewEventKey(tcell.KeyCtrlZ, "", tcell.ModCtrl), "ctrl-z"},
		{tcell.NewEventKey(tcell.KeyEnter, "", tcell.ModNone), "enter"},
		{tcell.NewEventKey(tcell.KeyBackspace2, "", tcell.ModNone), "backspace"},
		{tcell.NewEventKey(tcell.KeyF1, "", tcell.ModNone), ""},
	} {
		if got := keyName(c.key); got != c.want {
			t.Errorf("%s is %q, want %q", c.key.Name(), got, c.want)
		}
	}
}

// Without colours none is used; with eight, no more than those.
func TestPalette(t *testing.T) {
	for style, s := range palette(0) {
		if s.GetForeground().Valid() || s.GetBackground().Valid() {
			t.Errorf("style %d has a colour where there are none", style)
		}
	}
	for _, colours := range []int{8, 16, 256, 1 << 24} {
		if palette(colours) != palette(8) {
			t.Errorf("%d colours are used differently", colours)
		}
	}
	if plain, p := palette(0), palette(8); plain[page.Alert] == plain[page.Plain] || p[page.OK] == p[page.Bad] {
		t.Error("styles look the same")
	}
}

func TestNoTerminal(t *testing.T) {
	for _, term := range []string{"dumb", ""} {
		if term == "" && console {
			continue
		}
		t.Setenv("TERM", term)
		if err := Run(t.Context(), Options{Source: play("alpha")}); err == nil || !strings.Contains(err.Error(), "TERM") {
			t.Errorf("TERM=%s: %v", term, err)
		}
	}
}
