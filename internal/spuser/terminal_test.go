package spuser

import (
	"bytes"
	"context"
	"io"
	"strings"
	"sync"
	"testing"
	"time"

	"gospread/spread"
	"gospread/spread/internal/fakedaemon"
)

// patience bounds every wait for an event; nothing passes because it has gone by.
const patience = 20 * time.Second

// terminal is a session under test and the one who uses it.
type terminal struct {
	testing.TB
	address string
	cut     func() // breaks all connections
	typing  *io.PipeWriter
	done    chan struct{}
	err     error // of Run, once done is closed

	mu      sync.Mutex
	out     bytes.Buffer
	seen    int // how much of it was expected
	changed chan struct{}
}

// Write takes the output.
func (t *terminal) Write(b []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.out.Write(b)
	close(t.changed)
	t.changed = make(chan struct{})
	return len(b), nil
}

// daemon starts a stand-in for a daemon.
func daemon(t testing.TB) (address string, cut func()) {
	t.Helper()
	d := fakedaemon.New("machine1")
	address, stop, err := d.Listen()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stop)
	return address, d.Cut
}

// start runs a session. Without an address it has a daemon of its own.
func start(t testing.TB, o Options) *terminal {
	t.Helper()
	term := &terminal{TB: t, done: make(chan struct{}), changed: make(chan struct{})}
	if o.Address == "" {
		o.Address, term.cut = daemon(t)
	}
	if o.User == "" {
		o.User = DefaultUser
	}
	term.address = o.Address
	stdin, typing := io.Pipe()
	term.typing = typing
	go func() {
		defer close(term.done)
		term.err = Run(t.Context(), o, stdin, term)
	}()
	t.Cleanup(func() { _ = typing.Close() })
	return term
}

// menuStarts are the last bytes before the first command.
const menuStarts = "\tq -- quit\n\nUser> "

// expect waits until the output goes on with the given text.
func (t *terminal) expect(want string) {
	t.Helper()
	limit := time.After(patience)
	for {
		t.mu.Lock()
		rest, changed := t.out.Bytes()[t.seen:], t.changed
		if len(rest) >= len(want) {
			t.seen += len(want)
			got := string(rest[:len(want)])
			t.mu.Unlock()
			if got != want {
				t.Fatalf("the output goes on with\n%q\nwant\n%q", got, want)
			}
			return
		}
		got := string(rest)
		t.mu.Unlock()
		select {
		case <-changed:
		case <-t.done:
			if t.exhausted(len(want)) {
				t.Fatalf("the session ended (%v) after\n%q\nwant\n%q", t.err, got, want)
			}
		case <-limit:
			t.Fatalf("nothing comes after\n%q\nwant\n%q", got, want)
		}
	}
}

func (t *terminal) exhausted(want int) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.out.Len()-t.seen < want
}

// skip waits until the output has the given text and goes on behind it.
func (t *terminal) skip(want string) {
	t.Helper()
	limit := time.After(patience)
	for {
		t.mu.Lock()
		_, after, found := strings.Cut(string(t.out.Bytes()[t.seen:]), want)
		if found {
			t.seen = t.out.Len() - len(after)
		}
		changed := t.changed
		t.mu.Unlock()
		if found {
			return
		}
		select {
		case <-changed:
		case <-limit:
			t.Fatalf("no %q", want)
		}
	}
}

func (t *terminal) typeIn(text string) {
	t.Helper()
	if _, err := io.WriteString(t.typing, text); err != nil {
		t.Fatal(err)
	}
}

// end waits for the end and returns the error of Run. All output must have been
// expected.
func (t *terminal) end() error {
	t.Helper()
	select {
	case <-t.done:
	case <-time.After(patience):
		t.Fatal("the session does not end")
	}
	if rest := t.out.Bytes()[t.seen:]; len(rest) > 0 {
		t.Fatalf("unexpected at the end: %q", rest)
	}
	return t.err
}

// other is another client of the daemon.
func (t *terminal) other(name string) *spread.Conn {
	t.Helper()
	c, err := spread.Dial(t.Context(), t.address, spread.WithName(name))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// ordered returns when all that c has sent has been delivered: a message to
// itself is back.
func (t *terminal) ordered(c *spread.Conn) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := c.Multicast(ctx, spread.Safe, c.PrivateGroup(), nil); err != nil {
		t.Fatal(err)
	}
	for {
		ev, err := c.Receive(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if m, ok := ev.(*spread.Message); ok && len(m.Data) == 0 {
			return
		}
	}
}
