package spflooder

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"gospread/spread"
	"gospread/spread/internal/fakedaemon"
)

// options are the defaults, for a stand-in of a daemon.
func options(t *testing.T, d *fakedaemon.Daemon) Options {
	t.Helper()
	o := Defaults()
	o.NoSummary = true
	o.dial = []spread.Option{spread.WithDialer(d.Dial)}
	return o
}

func flooding(t *testing.T, o Options) (string, error) {
	t.Helper()
	if err := o.Check(); err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	err := Run(t.Context(), o, &b)
	return b.String(), err
}

// The lines are those of the original.
func TestLines(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(*Options)
		want   string
	}{
		{"default", func(o *Options) { o.Messages = 2500; o.Bytes = 100 }, `flooder: connecting to 4803
flooder: starting  multicast of 2500 messages, 100 bytes each.
flooder: completed   1000 messages of 100 bytes
flooder: completed   2000 messages of 100 bytes
flooder: completed multicast of 2500 messages, 100 bytes each.
`},
		{"write only", func(o *Options) { o.Messages = 1000; o.Bytes = 0; o.WriteOnly = true }, `flooder: connecting to 4803
flooder: starting  multicast of 1000 messages, 0 bytes each (self discarding).
flooder: completed   1000 messages of 0 bytes
flooder: completed multicast of 1000 messages, 0 bytes each.
`},
		{"nothing", func(o *Options) { o.Messages = 0 }, `flooder: connecting to 4803
flooder: starting  multicast of 0 messages, 1000 bytes each.
flooder: completed multicast of 0 messages, 1000 bytes each.
`},
		{"nothing to read", func(o *Options) { o.Messages = 0; o.ReadOnly = true }, `flooder: connecting to 4803
flooder: Only receiving messages
flooder: completed multicast of 0 messages, 1000 bytes each.
`},
		{"one member", func(o *Options) { o.Messages = 1000; o.Members = 1; o.Bytes = 2 }, `flooder: connecting to 4803 with group membership
flooder: starting  multicast of 1000 messages, 2 bytes each.
Received REGULAR membership for group flooder with 1 members, where I am member 0:
	#flooder#machine1
flooder: completed   1000 messages of 2 bytes
flooder: completed multicast of 1000 messages, 2 bytes each.
`},
		{"small window", func(o *Options) { o.Messages = 20; o.Window = 1 }, `flooder: connecting to 4803
flooder: starting  multicast of 20 messages, 1000 bytes each.
flooder: completed multicast of 20 messages, 1000 bytes each.
`},
		{"clients", func(o *Options) { o.Messages = 700; o.Clients = 3 }, `flooder: connecting to 4803
flooder: starting  multicast of 2100 messages, 1000 bytes each.
flooder: completed   1000 messages of 1000 bytes
flooder: completed   2000 messages of 1000 bytes
flooder: completed multicast of 2100 messages, 1000 bytes each.
`},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := options(t, fakedaemon.New("machine1"))
			c.change(&o)
			got, err := flooding(t, o)
			if err != nil || got != c.want {
				t.Errorf("%v, output\n%s\nwant\n%s", err, got, c.want)
			}
		})
	}
}

// A reader gets what writers send, and members wait for each other.
func TestTogether(t *testing.T) {
	for _, c := range []struct {
		name    string
		members int
		flags   []func(*Options)
	}{
		{"reader and writer", 0, []func(*Options){
			func(o *Options) { o.ReadOnly = true; o.Messages = 3000 },
			func(o *Options) { o.WriteOnly = true; o.Messages = 3000; o.Bytes = 70 },
		}},
		{"two members", 2, []func(*Options){
			func(o *Options) { o.Messages = 3000 },
			func(o *Options) { o.Messages = 3000 },
		}},
		{"one sends more", 2, []func(*Options){
			func(o *Options) { o.Messages = 100 },
			func(o *Options) { o.Messages = 3000 },
		}},
		{"one only reads", 2, []func(*Options){
			func(o *Options) { o.Messages = 2000; o.ReadOnly = true },
			func(o *Options) { o.Messages = 2000 },
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := fakedaemon.New("machine1")
			var wg sync.WaitGroup
			for i, change := range c.flags {
				o := options(t, d)
				o.User = fmt.Sprint("f", i)
				o.Members = c.members
				change(&o)
				out := &watched{want: "Only receiving", seen: make(chan struct{})}
				wg.Go(func() {
					if err := Run(t.Context(), o, out); err != nil {
						t.Errorf("%s: %v", o.User, err)
					}
				})
				if o.ReadOnly && c.members == 0 {
					<-out.seen // it has joined
				}
			}
			wg.Wait()
		})
	}
}

// watched tells when a text has been written.
type watched struct {
	mu   sync.Mutex
	b    bytes.Buffer
	want string
	seen chan struct{}
	once sync.Once
}

func (w *watched) Write(b []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.b.Write(b)
	if strings.Contains(w.b.String(), w.want) {
		w.once.Do(func() { close(w.seen) })
	}
	return len(b), nil
}

func (w *watched) String() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.b.String()
}

func TestSummary(t *testing.T) {
	o := options(t, fakedaemon.New("machine1"))
	o.NoSummary = false
	o.Messages, o.Bytes = 500, 10
	got, err := flooding(t, o)
	if err != nil {
		t.Fatal(err)
	}
	want := regexp.MustCompile(`flooder: completed multicast of 500 messages, 10 bytes each\.
flooder: sent     500 messages, 5000 bytes in \d+\.\d{3} s: \d+ messages/s, \d+\.\d{3} MB/s
flooder: received 500 messages, 5000 bytes in \d+\.\d{3} s: \d+ messages/s, \d+\.\d{3} MB/s
flooder: latency of own messages: min (\d+\.\d{3}) ms, mean \d+\.\d{3} ms, median \d+\.\d{3} ms, 90% \d+\.\d{3} ms, 99% \d+\.\d{3} ms, 99\.9% \d+\.\d{3} ms, max \d+\.\d{3} ms
(flooder:  +< \d+\.\d{3} ms +\d+ +\d+\.\d%( #+)?
)+$`)
	if !want.MatchString(got) {
		t.Errorf("output\n%s", got)
	}
}

func TestJSON(t *testing.T) {
	o := options(t, fakedaemon.New("machine1"))
	o.JSON = true
	o.Messages, o.Bytes, o.Service = 500, 10, spread.Safe
	got, err := flooding(t, o)
	if err != nil {
		t.Fatal(err)
	}
	var s summary
	dec := json.NewDecoder(strings.NewReader(got))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&s); err != nil || dec.More() {
		t.Fatalf("%v: %q", err, got)
	}
	if s.Address != "4803" || s.Group != "flooder" || s.Service != "safe" || s.Clients != 1 || s.Bytes != 10 || s.Errors == nil || len(s.Errors) > 0 {
		t.Errorf("%+v", s)
	}
	for _, r := range []rate{s.Sent, s.Received} {
		if r.Messages != 500 || r.Bytes != 5000 || r.Seconds <= 0 || r.MessagesPerSecond <= 0 || r.BytesPerSecond <= 0 {
			t.Errorf("%+v", r)
		}
	}
	l := s.Latency
	if l == nil || l.Messages != 500 || l.Min <= 0 || l.Min > l.P50 || l.P50 > l.P90 || l.P90 > l.P99 || l.P99 > l.P999 || l.P999 > l.Max {
		t.Errorf("%+v", l)
	}
}

func TestErrors(t *testing.T) {
	taken := fakedaemon.New("machine1")
	holder, err := spread.Dial(t.Context(), "", spread.WithName("flooder"), spread.WithDialer(taken.Dial))
	if err != nil {
		t.Fatal(err)
	}
	defer holder.Close()
	for _, c := range []struct {
		name, want string
		change     func(*Options)
	}{
		{"name in use", "flooder: connecting to 4803\nSP_error: (-6) Connection rejected, name not unique.\n", func(*Options) {}},
		{"illegal group", "flooder: connecting to 4803\nSP_error: (-14) Illegal group.\n", func(o *Options) { o.User = "x"; o.Group = "#g" }},
		{"too long", "flooder: connecting to 4803\nflooder: starting  multicast of 10000 messages, 150000 bytes each.\nSP_error: (-17) ",
			func(o *Options) { o.User = "x"; o.Bytes = 150000 }},
	} {
		o := options(t, taken)
		c.change(&o)
		got, err := flooding(t, o)
		if err == nil || !strings.HasPrefix(got, c.want) || strings.Count(got, "SP_error") != 1 {
			t.Errorf("%s: %v, output\n%s", c.name, err, got)
		}
		o.JSON = true
		got, err = flooding(t, o)
		var s summary
		if jerr := json.Unmarshal([]byte(got), &s); err == nil || jerr != nil || len(s.Errors) != 1 {
			t.Errorf("%s: %v, %v: %q", c.name, err, jerr, got)
		}
	}
}

// The connection is cut while messages are under way.
func TestLostConnection(t *testing.T) {
	for name, change := range map[string]func(*Options){
		"both": func(*Options) {}, "read": func(o *Options) { o.ReadOnly = true }, "write": func(o *Options) { o.WriteOnly = true },
		"waiting for members": func(o *Options) { o.Members = 2 },
	} {
		d := fakedaemon.New("machine1")
		o := options(t, d)
		o.Messages = 1 << 30
		change(&o)
		want := "starting"
		if o.ReadOnly {
			want = "Only receiving"
		}
		out := &watched{want: want, seen: make(chan struct{})}
		done := make(chan error, 1)
		go func() { done <- Run(t.Context(), o, out) }()
		<-out.seen
		d.Cut()
		if err := <-done; !errors.Is(err, spread.ErrConnectionClosed) || !strings.Contains(out.String(), "\nSP_error: (-8) Connection closed by Spread.\n") {
			t.Errorf("%s: %v, output\n%s", name, err, out)
		}
	}
}

func TestInterrupted(t *testing.T) {
	for _, change := range []func(*Options){
		func(*Options) {}, func(o *Options) { o.ReadOnly = true }, func(o *Options) { o.WriteOnly = true },
		func(o *Options) { o.Members = 2 }, func(o *Options) { o.Rate = 1 },
	} {
		o := options(t, fakedaemon.New("machine1"))
		o.Messages = 1 << 30
		o.NoSummary = false
		change(&o)
		ctx, cancel := context.WithCancel(t.Context())
		out := &watched{want: "\n", seen: make(chan struct{})}
		done := make(chan error, 1)
		go func() { done <- Run(ctx, o, out) }()
		<-out.seen
		cancel()
		if err := <-done; !errors.Is(err, ErrInterrupted) || strings.Contains(out.String(), "SP_error") {
			t.Errorf("%v, output\n%s", err, out)
		}
	}
}

// Time is up: what was sent still comes back, and counts.
func TestDurationAndRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := options(t, fakedaemon.New("machine1"))
		o.Messages, o.Rate, o.Duration, o.Clients = -1, 100, 9995*time.Millisecond, 2
		o.JSON = true
		got, err := flooding(t, o)
		if err != nil {
			t.Fatal(err)
		}
		var s summary
		if err := json.Unmarshal([]byte(got), &s); err != nil {
			t.Fatal(err)
		}
		// Both clients receive what both send.
		if s.Sent.Messages != 2000 || s.Received.Messages < 2*1999 || s.Received.Messages > 2*2000 || s.Sent.MessagesPerSecond < 199 || s.Sent.MessagesPerSecond > 201 {
			t.Errorf("sent %+v, received %+v", s.Sent, s.Received)
		}
		if s.Latency.Messages != 2000 || s.Latency.Max != 0 {
			t.Errorf("latency %+v, where no time passes", s.Latency)
		}
	})
}

func TestReadingForATime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := options(t, fakedaemon.New("machine1"))
		o.Messages, o.ReadOnly, o.Duration = -1, true, time.Minute
		begin := time.Now()
		got, err := flooding(t, o)
		if err != nil || time.Since(begin) != time.Minute || !strings.HasSuffix(got, "flooder: completed multicast of 0 messages, 1000 bytes each.\n") {
			t.Errorf("%v after %v, output\n%s", err, time.Since(begin), got)
		}
	})
}

// On a terminal a line is overwritten once a second, and none for each 1000.
func TestProgress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := options(t, fakedaemon.New("machine1"))
		o.Messages, o.Rate, o.Duration = -1, 2000, 3500*time.Millisecond
		var line strings.Builder
		o.Progress = &line
		got, err := flooding(t, o)
		if err != nil || strings.Contains(got, "completed   1000") {
			t.Errorf("%v, output\n%s", err, got)
		}
		want := regexp.MustCompile(`^(\rflooder: \d+ messages, (1999|2000|2001)/s\x1b\[K){3}\r\x1b\[K$`)
		if !want.MatchString(line.String()) {
			t.Errorf("progress %q", line.String())
		}
	})
}

// swallow is a connection whose other side hears nothing any more once it is on.
type swallow struct {
	net.Conn
	on *atomic.Bool
}

func (s swallow) Write(b []byte) (int, error) {
	if s.on.Load() {
		return len(b), nil
	}
	return s.Conn.Write(b)
}

// What does not come back is not waited for without end.
func TestMissing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := fakedaemon.New("machine1")
		o := options(t, d)
		var on atomic.Bool
		o.dial = []spread.Option{spread.WithDialer(func(ctx context.Context, network, address string) (net.Conn, error) {
			nc, err := d.Dial(ctx, network, address)
			return swallow{nc, &on}, err
		})}
		o.Messages, o.Window, o.Rate = 30, 100, 10
		time.AfterFunc(1950*time.Millisecond, func() { on.Store(true) })
		got, err := flooding(t, o)
		if want := "10 of 30 messages of #flooder#machine1 did not come back within 30s"; err == nil || err.Error() != want {
			t.Errorf("error %v, want %s; output\n%s", err, want, got)
		}
	})
}

func TestBrokenOutput(t *testing.T) {
	o := options(t, fakedaemon.New("machine1"))
	o.Messages = 1
	r, w := io.Pipe()
	_ = r.Close()
	if err := Run(t.Context(), o, w); !errors.Is(err, io.ErrClosedPipe) {
		t.Error(err)
	}
	o.JSON = true
	if err := Run(t.Context(), o, w); !errors.Is(err, io.ErrClosedPipe) {
		t.Error(err)
	}
}

func TestNames(t *testing.T) {
	o := Defaults()
	o.User = "abcdefghijklm"
	for n, want := range map[int]string{0: "abcdefghij", 1: "abcdefghi2", 99: "abcdefg100"} {
		if got := o.name(n); got != want {
			t.Errorf("client %d is called %q, want %q", n, got, want)
		}
	}
	o.User = ""
	if got := o.name(0); got != "" {
		t.Errorf("the daemon cannot invent a name instead of %q", got)
	}
}

func TestCheck(t *testing.T) {
	for name, change := range map[string]func(*Options){
		"no member":  func(o *Options) { o.WriteOnly = true; o.Members = 2 },
		"no limit":   func(o *Options) { o.Messages = -1 },
		"no clients": func(o *Options) { o.Clients = 0 },
		"no window":  func(o *Options) { o.Window = 0 },
	} {
		o := Defaults()
		change(&o)
		if o.Check() == nil {
			t.Errorf("%s: no error", name)
		}
	}
	o := Defaults()
	if err := o.Check(); err != nil {
		t.Error(err)
	}
}

// Rates are those of all clients together, over the time from the first to the
// last; what is received counts from when it was sent, if it was sent here.
func TestRates(t *testing.T) {
	o := Defaults()
	a, b := new(client), new(client)
	a.sent = flow{messages: 10, bytes: 1000, first: time.Second, last: 2 * time.Second}
	a.received = flow{messages: 5, bytes: 500, first: 3 * time.Second, last: 4 * time.Second}
	b.sent = flow{messages: 20, bytes: 2000, first: 2 * time.Second, last: 5 * time.Second}
	b.received = flow{messages: 55, bytes: 5500, first: 2 * time.Second, last: 6 * time.Second}
	s := summarize(&o, []*client{a, b, new(client)}, 7*time.Second, nil)
	if want := (rate{30, 3000, 4, 7.5, 750}); s.Sent != want {
		t.Errorf("sent %+v, want %+v", s.Sent, want)
	}
	if want := (rate{60, 6000, 5, 12, 1200}); s.Received != want {
		t.Errorf("received %+v, want %+v", s.Received, want)
	}
	a.sent, b.sent = flow{}, flow{}
	s = summarize(&o, []*client{a, b}, 7*time.Second, nil)
	if want := (rate{60, 6000, 4, 15, 1500}); s.Received != want || s.Sent != (rate{}) {
		t.Errorf("received %+v, want %+v; sent %+v", s.Received, want, s.Sent)
	}
	one := flow{messages: 1, bytes: 9, first: time.Second, last: time.Second}
	if got := one.rate(); got != (rate{Messages: 1, Bytes: 9}) {
		t.Errorf("a single message has the rate %+v", got)
	}
}
