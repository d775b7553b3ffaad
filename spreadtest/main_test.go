package spreadtest_test

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"gospread/spread"
	"gospread/spread/spreadtest"
)

// limit returns a context for what should not take long.
func limit(t testing.TB) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	t.Cleanup(cancel)
	return ctx
}

// member is a client and what it is told, in a short form:
//
//	JOIN: alice bob
//	signal
//	NETWORK: alice bob, carol     (the sets with commas between, the own one first)
//	bob: text
//
// On a machine that is very busy, daemons may lose each other for a while without any fault. So
// there may be more views than a test makes; it waits for those that it makes.
type member struct {
	*spread.Conn
	t   testing.TB
	ctx context.Context
}

// join connects a client named after who it is to a daemon and joins it to "g", which
// then has these members.
func join(t testing.TB, c *spreadtest.Cluster, who, daemon, members string) *member {
	t.Helper()
	m := &member{c.Dial(daemon, spread.WithName(who)), t, limit(t)}
	if err := m.Join(m.ctx, "g"); err != nil {
		t.Fatal(err)
	}
	m.view(members)
	return m
}

// three are alice at a, bob at b and carol at c, members of "g" who have seen it.
func three(t testing.TB, c *spreadtest.Cluster) (alice, bob, carol *member) {
	t.Helper()
	alice = join(t, c, "alice", "a", "alice")
	bob = join(t, c, "bob", "b", "alice bob")
	carol = join(t, c, "carol", "c", "alice bob carol")
	alice.view("alice bob carol")
	bob.view("alice bob carol")
	return alice, bob, carol
}

// user is the private name in a private group.
func user(private string) string { return strings.Split(private, "#")[1] }

func users(list []string) string {
	var b []string
	for _, m := range list {
		b = append(b, user(m))
	}
	return strings.Join(b, " ")
}

func (m *member) next() string {
	m.t.Helper()
	ev, err := m.Receive(m.ctx)
	if err != nil {
		m.t.Fatalf("%s: %v", m.Name(), err)
	}
	switch ev := ev.(type) {
	case *spread.Message:
		return fmt.Sprintf("%s: %s", user(ev.Sender), ev.Data)
	case *spread.Transition:
		return "signal"
	case *spread.View:
		if ev.Cause != spread.CausedByNetwork {
			return fmt.Sprintf("%s: %s", ev.Cause, users(ev.Members))
		}
		sets := []string{users(ev.Sets[ev.OwnSet])}
		for _, s := range slices.Delete(slices.Clone(ev.Sets), ev.OwnSet, ev.OwnSet+1) {
			sets = append(sets, users(s))
		}
		return "NETWORK: " + strings.Join(sets, ", ")
	}
	return fmt.Sprintf("%T", ev)
}

// until reads up to an event that is wanted, and returns what came before.
func (m *member) until(wanted func(event string) bool) (event string, before []string) {
	m.t.Helper()
	for {
		event := m.next()
		if wanted(event) {
			return event, before
		}
		before = append(before, event)
	}
}

// message reads up to a message.
func (m *member) message(want string) (before []string) {
	m.t.Helper()
	_, before = m.until(func(event string) bool { return event == want })
	return before
}

// view reads up to a view that has these members.
func (m *member) view(members string) (view string, before []string) {
	m.t.Helper()
	want := strings.Fields(members)
	slices.Sort(want)
	return m.until(func(event string) bool {
		cause, list, _ := strings.Cut(event, ": ")
		got := strings.Fields(strings.ReplaceAll(list, ",", " "))
		slices.Sort(got)
		return (cause == "JOIN" || cause == "NETWORK") && slices.Equal(got, want)
	})
}

// parted reads up to a view that has lost members: behind the signal.
func (m *member) parted(members string) {
	m.t.Helper()
	if view, before := m.view(members); len(before) == 0 || before[0] != "signal" {
		m.t.Errorf("%s got %q behind %q, not behind the signal", m.Name(), view, before)
	}
}

// merged reads up to a view that has gained members: without a signal, and with sets
// that tell where they come from.
func (m *member) merged(sets string) {
	m.t.Helper()
	view, before := m.view(strings.ReplaceAll(sets, ",", ""))
	if len(before) == 0 && view != "NETWORK: "+sets {
		m.t.Errorf("%s got %q, want the sets %q", m.Name(), view, sets)
	}
}

func (m *member) send(s spread.Service, text string) {
	m.t.Helper()
	err := m.Multicast(m.ctx, s, "g", []byte(text))
	if err == nil {
		err = m.Flush(m.ctx)
	}
	if err != nil {
		m.t.Fatal(err)
	}
}

// broken: the connection ends, and nothing comes before that.
func (m *member) broken() {
	m.t.Helper()
	if ev, err := m.Receive(m.ctx); err == nil || m.ctx.Err() != nil {
		m.t.Fatalf("%s: got %v and %v instead of the end of the connection", m.Name(), ev, err)
	}
}

// record is a test within a test: it may fail without harm.
type record struct {
	testing.TB
	mu       sync.Mutex
	cleanups []func()
	fatal    string
	failed   bool
	logs     []string
	dir      string
}

func (r *record) Helper()                  {}
func (r *record) Cleanup(f func())         { r.cleanups = append(r.cleanups, f) }
func (r *record) Failed() bool             { r.mu.Lock(); defer r.mu.Unlock(); return r.failed }
func (r *record) Context() context.Context { return context.Background() }

func (r *record) TempDir() string {
	if r.dir == "" {
		dir, err := os.MkdirTemp("", "spreadtest")
		if err != nil {
			panic(err)
		}
		r.dir = dir
	}
	return r.dir
}

func (r *record) Logf(format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.logs = append(r.logs, fmt.Sprintf(format, args...))
}

func (r *record) Errorf(format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.failed = true
	r.fatal += fmt.Sprintf(format, args...)
}

// stopped is what Fatalf panics with.
type stopped struct{}

func (r *record) Fatalf(format string, args ...any) {
	r.Errorf(format, args...)
	panic(stopped{})
}

func (r *record) Fatal(args ...any) { r.Fatalf("%s", fmt.Sprint(args...)) }

// end runs the cleanups.
func (r *record) end() {
	for _, f := range slices.Backward(r.cleanups) {
		f()
	}
	_ = os.RemoveAll(r.dir)
}

// failing runs f up to its Fatalf, and returns the text of that.
func (r *record) failing(f func()) string {
	func() {
		defer func() {
			if p := recover(); p != nil && p != (stopped{}) {
				panic(p)
			}
		}()
		f()
	}()
	r.mu.Lock()
	defer r.mu.Unlock()
	text := r.fatal
	r.fatal = ""
	return text
}
