package daemon

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"gospread/spread/internal/group"
	"gospread/spread/internal/ring"
	"gospread/spread/internal/sdnotify"
)

// told collects what a service manager would see.
type told struct {
	mu    sync.Mutex
	lines []string
}

func (m *told) tell(lines ...string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.lines = append(m.lines, lines...)
	return nil
}

func (m *told) count(line string) (n int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, l := range m.lines {
		if l == line {
			n++
		}
	}
	return n
}

// TestWatchdogStopsWithTheEngine: as long as a turn can be made, also when nothing
// happens, the manager sees signs of life; when one gets stuck, it sees none, and it
// sees them again when the turn goes on.
func TestWatchdogStopsWithTheEngine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var m told
		s := &supervision{tell: m.tell, every: time.Second, status: make(chan string, 1)}
		e := newEngine(time.Now(), &restingRing{}, 1, []group.Daemon{{ID: 1, Name: "d"}}, silent{}, func(*ring.Output) {})
		var hold atomic.Pointer[chan struct{}]
		inTurn := func() {
			if c := hold.Load(); c != nil {
				<-*c
			}
		}
		ctx, stop := context.WithCancel(t.Context())
		var watching sync.WaitGroup
		watching.Go(func() { s.watch(ctx, func() { e.turn(inTurn) }) })
		time.Sleep(10500 * time.Millisecond)
		if n := m.count(sdnotify.Watchdog); n != 10 {
			t.Errorf("%d signs of life of an idle daemon in 10 s", n)
		}
		stuck := make(chan struct{})
		hold.Store(&stuck)
		time.Sleep(time.Minute)
		if n := m.count(sdnotify.Watchdog); n != 10 {
			t.Errorf("%d signs of life of a daemon that is stuck", n-10)
		}
		hold.Store(nil)
		close(stuck)
		time.Sleep(5 * time.Second)
		if n := m.count(sdnotify.Watchdog); n < 15 {
			t.Errorf("%d signs of life of a daemon that goes on", n-10)
		}
		for i := range 5 {
			s.describe(fmt.Sprint(i)) // never waits
		}
		synctest.Wait()
		if m.count("STATUS=4") != 1 {
			t.Errorf("%q", m.lines)
		}
		stop()
		watching.Wait()
	})
}

// restingRing is a ring in which nothing happens.
type restingRing struct{ orderer }

func (*restingRing) Advance(time.Duration, *ring.Output) {}
func (*restingRing) Hold(bool)                           {}
func (*restingRing) Backlog() int                        { return 0 }
func (*restingRing) Left() bool                          { return false }
func (*restingRing) Deadline() time.Duration             { return time.Hour }

// TestSupervisionOfNobody: a daemon within another program has none.
func TestSupervisionOfNobody(t *testing.T) {
	var s *supervision
	s.say(sdnotify.Ready)
	s.describe("x")
	s.watch(t.Context(), nil)
}

// TestManagerThatIsGone: it is said in the log, and nothing else comes of it.
func TestManagerThatIsGone(t *testing.T) {
	out := newLogBuffer()
	l := newLogger(out, time.Now)
	s := &supervision{tell: func(...string) error { return errors.New("nobody there") }, log: l}
	s.say(sdnotify.Ready)
	l.close()
	if got := out.String(); got != "Spread: nobody there\n" {
		t.Errorf("%q", got)
	}
}

// brokenRing has a defect.
type brokenRing struct{ restingRing }

func (*brokenRing) Advance(time.Duration, *ring.Output) { panic("a defect") }

// TestPanicIsLogged: the log has it, and what was logged before it, when the process
// ends.
func TestPanicIsLogged(t *testing.T) {
	out := newLogBuffer()
	l := newLogger(out, time.Now)
	e := newEngine(time.Now(), &brokenRing{}, 1, nil, silent{}, nil)
	e.panicked = l.panicked
	func() {
		defer func() {
			if v := recover(); v != "a defect" {
				t.Errorf("the panic is %v", v)
			}
		}()
		l.print("before")
		e.turn(func() {})
	}()
	got := out.String()
	if !strings.HasPrefix(got, "before\nSpread: internal error, please report it: a defect\n") || !strings.Contains(got, "brokenRing") {
		t.Errorf("%s", got)
	}
}
