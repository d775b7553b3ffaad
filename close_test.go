package spread

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"gospread/spread/internal/clientproto"
	"gospread/spread/internal/fakedaemon"
)

// TestCloseTakesLeave: what was accepted is sent, then the KILL, and Close
// returns when the daemon has closed.
func TestCloseTakesLeave(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, p := pair(t, [2]connection{})
		ctx := context.Background()
		var want []byte
		for range 3 {
			if err := c.TrySend(&Outgoing{Service: Safe, Groups: []string{"g"}, Data: []byte("last words")}); err != nil {
				t.Fatal(err)
			}
			want = append(want, data(clientproto.Safe, "#me#fake", []string{"g"}, 0, "last words")...)
		}
		received := make(chan error, 1)
		go func() {
			_, err := c.Receive(ctx)
			received <- err
		}()
		closed := make(chan error, 1)
		go func() { closed <- c.Close() }()
		synctest.Wait()
		// Receivers do not wait for the daemon.
		if err := <-received; !errors.Is(err, ErrIllegalSession) || !errors.Is(err, net.ErrClosed) {
			t.Errorf("Receive: %v", err)
		}
		for name, err := range map[string]error{
			"Multicast": c.Multicast(ctx, Agreed, "g", nil),
			"large":     c.Multicast(ctx, Agreed, "g", make([]byte, minThrough)),
			"TrySend":   c.TrySend(&Outgoing{Service: Agreed, Groups: []string{"g"}}),
			"Leave":     c.Leave(ctx, "g"),
		} {
			if !errors.Is(err, ErrIllegalSession) {
				t.Errorf("%s: %v", name, err)
			}
		}
		want = append(want, data(clientproto.Kill, "#me#fake", []string{"#me#fake"}, 0, "")...)
		if got := p.read(len(want)); !bytes.Equal(got, want) {
			t.Errorf("sent %x", got)
		}
		// The daemon may still have sent something.
		p.write(data(clientproto.Agreed, "#a#b", []string{"g"}, 0, "too late"))
		synctest.Wait()
		select {
		case <-closed:
			t.Error("Close did not wait for the daemon")
		default:
		}
		_ = p.Close()
		if err := <-closed; err != nil {
			t.Errorf("Close: %v", err)
		}
		if err := c.Close(); err != nil {
			t.Errorf("the second Close: %v", err)
		}
	})
}

// TestCloseIsPrompt: a daemon that does nothing holds nobody up for long.
func TestCloseIsPrompt(t *testing.T) {
	for _, tt := range []struct {
		name  string
		sizes []int // of messages, sent one after the other: in a write, queued, waiting
	}{
		{name: "idle"},
		{name: "small", sizes: []int{10}},
		{name: "large", sizes: []int{minThrough}},
		{name: "waiting", sizes: []int{10, 50, 50}},
		{name: "large waiting", sizes: []int{10, minThrough}},
	} {
		for _, linger := range []time.Duration{0, 300 * time.Millisecond} {
			t.Run(tt.name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					c, p := pair(t, [2]connection{}, WithLinger(linger), WithSendQueue(100))
					results := make(chan error, len(tt.sizes))
					for i, size := range tt.sizes {
						go func() { results <- c.Multicast(context.Background(), Agreed, "g", make([]byte, size)) }()
						synctest.Wait()
						if i == 0 {
							p.read(5)
							synctest.Wait()
						}
					}
					start := time.Now()
					closed := make(chan error)
					go func() { closed <- c.Close() }()
					for range tt.sizes {
						if err := <-results; err != nil && !errors.Is(err, ErrIllegalSession) {
							t.Errorf("a sender: %v", err)
						}
					}
					if took := time.Since(start); took != 0 {
						t.Errorf("senders were held up for %v", took)
					}
					err := <-closed
					if took := time.Since(start); took != linger {
						t.Errorf("Close took %v, want %v", took, linger)
					}
					if want := linger > 0; errors.Is(err, ErrConnectionClosed) != want {
						t.Errorf("Close: %v, want an error: %v", err, want)
					}
				})
			})
		}
	}
}

// TestCloseUnconfirmed: the daemon takes everything and never closes.
func TestCloseUnconfirmed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, p := pair(t, [2]connection{}, WithLinger(3*time.Second))
		go p.drain()
		start := time.Now()
		err := c.Close()
		if !errors.Is(err, ErrConnectionClosed) || !strings.Contains(err.Error(), "did not confirm the end within 3s") {
			t.Errorf("%v", err)
		}
		if took := time.Since(start); took != 3*time.Second {
			t.Errorf("Close took %v", took)
		}
		if again := c.Close(); again != err {
			t.Errorf("the second Close: %v", again)
		}
	})
}

func TestCloseAfterLoss(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, p := pair(t, [2]connection{})
		_ = p.Close()
		synctest.Wait()
		start := time.Now()
		if err := c.Close(); !errors.Is(err, ErrConnectionClosed) || !errors.Is(err, io.EOF) {
			t.Errorf("%v", err)
		}
		if time.Since(start) != 0 {
			t.Errorf("Close took %v", time.Since(start))
		}
	})
}

// TestReconnect closes and connects again under the same name: Close returns
// when the name is free.
func TestReconnect(t *testing.T) {
	d := fakedaemon.New("host")
	daemon, stop, err := d.Listen()
	if err != nil {
		t.Fatal(err)
	}
	defer stop()
	ctx := context.Background()
	for i := range 50 {
		c, err := Dial(ctx, daemon, WithName("again"))
		if err != nil {
			t.Fatalf("connection %d: %v", i, err)
		}
		if err := c.Join(ctx, "g"); err != nil {
			t.Fatal(err)
		}
		ev, err := c.Receive(ctx)
		if v, ok := ev.(*View); err != nil || !ok || v.Changed != "#again#host" || v.Index != 0 {
			t.Fatalf("%+v, %v", ev, err)
		}
		if err := c.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// TestDaemonRestart: a client sees the loss and can connect again.
func TestDaemonRestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx := context.Background()
		first := fakedaemon.New("host")
		c, err := Dial(ctx, "", WithName("a"), WithDialer(first.Dial))
		if err != nil {
			t.Fatal(err)
		}
		first.Cut()
		if _, err := c.Receive(ctx); !errors.Is(err, ErrConnectionClosed) {
			t.Errorf("%v", err)
		}
		_ = c.Close()
		c, err = Dial(ctx, "", WithName("a"), WithDialer(fakedaemon.New("host").Dial))
		if err != nil {
			t.Fatal(err)
		}
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
}

// TestGroupLife is the everyday: two clients, a group, messages and views.
func TestGroupLife(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx := context.Background()
		d := fakedaemon.New("host")
		dial := func(name string, opts ...Option) *Conn {
			c, err := Dial(ctx, "", append(opts, WithName(name), WithDialer(d.Dial))...)
			if err != nil {
				t.Fatal(err)
			}
			return c
		}
		next := func(c *Conn) string {
			ev, err := c.Receive(ctx)
			if err != nil {
				t.Fatal(err)
			}
			return describe(ev)
		}
		a, b := dial("a"), dial("b", WithMembership(false))
		if !a.Membership() || b.Membership() {
			t.Error("membership is mixed up")
		}
		if _, err := Dial(ctx, "", WithName("a"), WithDialer(d.Dial)); !errors.Is(err, ErrNotUnique) {
			t.Errorf("a second a: %v", err)
		}
		steps := []struct {
			do   func() error
			a, b string
		}{
			{func() error { return a.Join(ctx, "g") }, "CAUSED_BY_JOIN|REG_MEMB from 'g' mess_type=0 groups=['#a#host'] gid=(1, 2, 1) sets=[['#a#host']] mine=0", ""},
			{func() error { return b.Join(ctx, "g") }, "CAUSED_BY_JOIN|REG_MEMB from 'g' mess_type=0 groups=['#a#host', '#b#host'] gid=(1, 2, 2) sets=[['#b#host']] mine=0", ""},
			{func() error { return b.Multicast(ctx, Agreed, "g", []byte("hi")) }, "AGREED from '#b#host' mess_type=0 groups=['g'] len=2", "AGREED from '#b#host' mess_type=0 groups=['g'] len=2"},
			{func() error {
				return a.Send(ctx, &Outgoing{Service: Safe, SelfDiscard: true, Type: -9, Groups: []string{"g", "#b#host"}})
			}, "", "SAFE|SELF_DISCARD from '#a#host' mess_type=-9 groups=['g', '#b#host'] len=0"},
			{func() error { return a.Leave(ctx, "g") }, "CAUSED_BY_LEAVE from 'g' mess_type=0 groups=[]", ""},
			{func() error { return a.Multicast(ctx, FIFO, "#a#host", nil) }, "FIFO from '#a#host' mess_type=0 groups=['#a#host'] len=0", ""},
		}
		for i, s := range steps {
			if err := s.do(); err != nil {
				t.Fatal(err)
			}
			if s.a != "" {
				if got := next(a); got != s.a {
					t.Errorf("step %d: a received\n %s, want\n %s", i, got, s.a)
				}
			}
			if s.b != "" {
				if got := next(b); got != s.b {
					t.Errorf("step %d: b received\n %s, want\n %s", i, got, s.b)
				}
			}
		}
		if err := errors.Join(a.Close(), b.Close()); err != nil {
			t.Error(err)
		}
	})
}
