package spread

import (
	"context"
	"errors"
	"io"
	"net"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"gospread/spread/internal/clientproto"
	"gospread/spread/internal/fakedaemon"
)

// daemons are those at some hosts, to be dialled by "4803@HOST:". A host that is not
// there refuses; one that is nil takes the connection and never says a word.
type daemons struct {
	mu    sync.Mutex
	at    map[string]*fakedaemon.Daemon
	tried []string
}

func (d *daemons) set(host string, f *fakedaemon.Daemon) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.at[host] = f
}

func (d *daemons) remove(host string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.at, host)
}

func (d *daemons) attempts() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.tried)
}

func (d *daemons) dial(ctx context.Context, network, address string) (net.Conn, error) {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	d.mu.Lock()
	f, there := d.at[host]
	d.tried = append(d.tried, host)
	d.mu.Unlock()
	switch {
	case !there:
		return nil, &net.OpError{Op: "dial", Net: network, Err: errors.New("connection refused")}
	case f == nil:
		<-ctx.Done()
		return nil, ctx.Err()
	}
	return f.Dial(ctx, network, address)
}

// again connects the client "me" to hosts, of which those named are there.
func again(t *testing.T, there []string, hosts ...string) (*Reconnecting, *daemons) {
	t.Helper()
	d := &daemons{at: map[string]*fakedaemon.Daemon{}}
	for _, host := range there {
		d.at[host] = fakedaemon.New(host)
	}
	var names []string
	for _, host := range hosts {
		names = append(names, "4803@"+host)
	}
	r, err := DialReconnecting(t.Context(), names, WithName("me"), WithDialer(d.dial))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.Close() })
	return r, d
}

// cut breaks all connections of a host.
func (d *daemons) cut(host string) {
	d.mu.Lock()
	f := d.at[host]
	d.mu.Unlock()
	f.Cut()
}

func next[E Event](t *testing.T, r *Reconnecting) E {
	t.Helper()
	ev, err := r.Receive(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	e, ok := ev.(E)
	if !ok {
		t.Fatalf("%T %+v, want %T", ev, ev, e)
	}
	return e
}

// It tells of the loss, is in its groups again, and messages flow.
func TestReconnecting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx := t.Context()
		r, d := again(t, []string{"a"}, "a")
		for _, group := range []string{"g", "h", "g"} {
			if err := r.Join(ctx, group); err != nil {
				t.Fatal(err)
			}
		}
		next[*View](t, r)
		next[*View](t, r)
		if err := r.Leave(ctx, "h"); err != nil {
			t.Fatal(err)
		}
		next[*SelfLeave](t, r)

		d.cut("a")
		if lost := next[*Lost](t, r); !errors.Is(lost.Err, ErrConnectionClosed) {
			t.Errorf("lost by %v", lost.Err)
		}
		if err := r.Multicast(ctx, Agreed, "g", []byte("x")); !errors.Is(err, ErrConnectionClosed) {
			t.Errorf("sending without a connection: %v", err)
		}
		if r.Conn() != nil {
			t.Error("there is a connection")
		}
		for _, group := range []string{"k", "l"} {
			if err := r.Join(ctx, group); err != nil {
				t.Fatal(err)
			}
		}
		if err := r.Leave(ctx, "l"); err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		if back := next[*Restored](t, r); back.PrivateGroup != "#me#a" {
			t.Errorf("%+v", back)
		}
		if took := time.Since(began); took > 100*time.Millisecond {
			t.Errorf("back after %v", took)
		}
		for _, group := range []string{"g", "k"} {
			if v := next[*View](t, r); v.Group != group {
				t.Errorf("in %s, want %s", v.Group, group)
			}
		}
		if err := r.Send(ctx, &Outgoing{Service: Agreed, Groups: []string{"g"}, Data: []byte("y")}); err != nil {
			t.Fatal(err)
		}
		if m := next[*Message](t, r); string(m.Data) != "y" {
			t.Errorf("%q", m.Data)
		}
	})
}

// The first daemon that answers is taken, at first and later.
func TestReconnectingElsewhere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, d := again(t, []string{"b", "c"}, "a", "b", "c")
		if got := r.Conn().PrivateGroup(); got != "#me#b" {
			t.Errorf("at first %s", got)
		}
		d.cut("b")
		d.set("b", nil) // hangs
		next[*Lost](t, r)
		began := time.Now()
		if back := next[*Restored](t, r); back.PrivateGroup != "#me#c" {
			t.Errorf("%+v", back)
		}
		if took := time.Since(began); took > attemptTimeout+time.Second {
			t.Errorf("a daemon that does not answer takes %v", took)
		}
	})
}

func TestReconnectingWithoutDaemon(t *testing.T) {
	d := &daemons{at: map[string]*fakedaemon.Daemon{}}
	_, err := DialReconnecting(t.Context(), []string{"4803@a", "no port"}, WithDialer(d.dial))
	for _, want := range []Code{ErrCouldNotConnect, ErrIllegalSpread} {
		if !errors.Is(err, want) {
			t.Errorf("%v does not tell of %v", err, want)
		}
	}
	if _, err := DialReconnecting(t.Context(), nil); !errors.Is(err, ErrIllegalSpread) {
		t.Errorf("no daemon: %v", err)
	}
}

// Without a daemon, pauses grow to their bound; then it comes back.
func TestReconnectingPatience(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, d := again(t, []string{"a"}, "a")
		d.cut("a")
		d.remove("a")
		next[*Lost](t, r)
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		if _, err := r.Receive(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Fatal(err)
		}
		if n := len(d.attempts()); n < 700 || n > 740 {
			t.Errorf("%d attempts in an hour", n)
		}
		d.set("a", fakedaemon.New("a"))
		synctest.Wait()
		// A receiver with little patience does not miss that it is back.
		for {
			ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
			ev, err := r.Receive(ctx)
			cancel()
			if errors.Is(err, context.DeadlineExceeded) {
				continue
			}
			if _, ok := ev.(*Restored); !ok || err != nil {
				t.Errorf("%T, %v", ev, err)
			}
			return
		}
	})
}

// A host that has no address for a while is one that starts anew.
func TestReconnectingNoAddress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, asked := fakedaemon.New("a"), 0
		r, err := DialReconnecting(t.Context(), []string{"4803@a"}, WithName("me"),
			WithDialer(func(ctx context.Context, network, address string) (net.Conn, error) {
				if asked++; asked > 1 && asked < 5 {
					return nil, &net.DNSError{Err: "no such host", Name: "a", IsNotFound: true}
				}
				return f.Dial(ctx, network, address)
			}))
		if err != nil {
			t.Fatal(err)
		}
		f.Cut()
		next[*Lost](t, r)
		next[*Restored](t, r)
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	})
}

// What will not go away ends it: the daemon does not let the client in any more.
func TestReconnectingRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &daemons{at: map[string]*fakedaemon.Daemon{"a": fakedaemon.New("a")}}
		d.at["a"].Auth = map[string]func(io.ReadWriter) error{"PASS": func(io.ReadWriter) error { return nil }}
		r, err := DialReconnecting(t.Context(), []string{"4803@a"}, WithDialer(d.dial), WithAuth("PASS", nil))
		if err != nil {
			t.Fatal(err)
		}
		d.cut("a")
		d.set("a", fakedaemon.New("a")) // has no PASS
		next[*Lost](t, r)
		for range 2 {
			if _, err := r.Receive(t.Context()); !errors.Is(err, ErrAuth) {
				t.Errorf("receive: %v", err)
			}
		}
		if err := r.Multicast(t.Context(), Agreed, "g", nil); !errors.Is(err, ErrAuth) {
			t.Errorf("multicast: %v", err)
		}
		if err := r.Join(t.Context(), "g"); !errors.Is(err, ErrAuth) {
			t.Errorf("join: %v", err)
		}
		if err := r.Close(); err != nil {
			t.Error(err)
		}
		if _, err := r.Receive(t.Context()); !errors.Is(err, ErrIllegalSession) {
			t.Errorf("receive after the end: %v", err)
		}
	})
}

// Who waits is told when this side closes, with a connection and without.
func TestReconnectingClose(t *testing.T) {
	for _, away := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			r, d := again(t, []string{"a"}, "a")
			if away {
				d.cut("a")
				d.set("a", nil) // hangs
				next[*Lost](t, r)
			}
			got := make(chan error, 1)
			go func() {
				_, err := r.Receive(t.Context())
				got <- err
			}()
			synctest.Wait() // it waits
			if err := r.Close(); err != nil {
				t.Error(err)
			}
			if err := <-got; !errors.Is(err, ErrIllegalSession) {
				t.Errorf("away %v: receive: %v", away, err)
			}
			for name, f := range map[string]func() error{
				"multicast": func() error { return r.Multicast(t.Context(), Agreed, "g", nil) },
				"join":      func() error { return r.Join(t.Context(), "g") },
				"leave":     func() error { return r.Leave(t.Context(), "g") },
			} {
				if err := f(); !errors.Is(err, ErrIllegalSession) {
					t.Errorf("away %v: %s: %v", away, name, err)
				}
			}
			if err := r.Close(); err != nil {
				t.Errorf("closing again: %v", err)
			}
		})
	}
}

// Requests that are refused leave nothing behind.
func TestReconnectingBadGroup(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, d := again(t, []string{"a"}, "a")
		if err := r.Join(t.Context(), "no blanks"); !errors.Is(err, ErrIllegalGroup) {
			t.Error(err)
		}
		ended, cancel := context.WithCancel(t.Context())
		cancel()
		if err := r.Join(ended, "g"); !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
		if err := r.Join(t.Context(), "last"); err != nil {
			t.Fatal(err)
		}
		next[*View](t, r)
		d.cut("a")
		next[*Lost](t, r)
		next[*Restored](t, r)
		if v := next[*View](t, r); v.Group != "last" {
			t.Errorf("it has joined %s", v.Group)
		}
	})
}

// A daemon that takes no request before the client has received is no dead end, and
// what is sent at once comes behind the joins.
func TestReconnectingJoinsFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		conns := make(chan net.Conn)
		dial := func(context.Context, string, string) (net.Conn, error) {
			mine, theirs := net.Pipe()
			conns <- theirs
			return mine, nil
		}
		var order []clientproto.Type
		var playing sync.WaitGroup
		playing.Go(func() {
			p := &peer{TB: t, Conn: <-conns}
			p.welcome(clientproto.ThisVersion)
			for range 3 {
				p.read(clientproto.HeaderSize)
				p.read(clientproto.NameSize)
			}
			_ = p.Close()
			p = &peer{TB: t, Conn: <-conns}
			p.welcome(clientproto.ThisVersion)
			for range 5 {
				p.write(data(clientproto.Agreed, "#you#fake", []string{"#me#fake"}, 0, "news"))
			}
			for range 4 {
				h, err := clientproto.ParseHeader(p.read(clientproto.HeaderSize))
				if err != nil {
					t.Error(err)
				}
				p.read(clientproto.NameSize*h.NumGroups + h.DataLen)
				order = append(order, h.Type)
			}
			_ = p.Close()
		})
		ctx := t.Context()
		r, err := DialReconnecting(ctx, []string{"4803@fake"}, WithName("me"), WithDialer(dial), WithReceiveQueue(1), WithSendQueue(1), WithLinger(0))
		if err != nil {
			t.Fatal(err)
		}
		for _, group := range []string{"a", "b", "c"} {
			if err := r.Join(ctx, group); err != nil {
				t.Fatal(err)
			}
		}
		next[*Lost](t, r)
		next[*Restored](t, r)
		playing.Go(func() {
			if err := r.Multicast(ctx, Agreed, "a", []byte("x")); err != nil {
				t.Error(err)
			}
		})
		for range 5 {
			next[*Message](t, r)
		}
		next[*Lost](t, r)
		_ = r.Close()
		playing.Wait()
		for i, typ := range order {
			if joins := typ&clientproto.Join != 0; joins != (i < 3) {
				t.Errorf("request %d of 4 is %v", i, typ)
			}
		}
	})
}

// Of many receivers and senders, under many losses, one is told of each: Lost and
// Restored take turns.
func TestReconnectingMany(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const losses = 30
		r, d := again(t, []string{"a"}, "a")
		ctx, cancel := context.WithCancel(t.Context())
		var mu sync.Mutex
		var lost, restored int
		back := make(chan struct{}, losses)
		var all sync.WaitGroup
		for range 4 {
			all.Go(func() {
				for ev, err := range r.Events(ctx) {
					if err != nil {
						if !errors.Is(err, context.Canceled) {
							t.Error(err)
						}
						return
					}
					mu.Lock()
					switch ev.(type) {
					case *Lost:
						lost++
					case *Restored:
						restored++
						back <- struct{}{}
					}
					mu.Unlock()
				}
			})
			all.Go(func() {
				tick := time.NewTicker(20 * time.Millisecond)
				defer tick.Stop()
				for ctx.Err() == nil {
					_ = r.Join(ctx, "g")
					if err := r.Multicast(ctx, Agreed, "g", []byte("x")); err != nil && !errors.Is(err, ErrConnectionClosed) && ctx.Err() == nil {
						t.Error(err)
					}
					_ = r.Leave(ctx, "g")
					<-tick.C
				}
			})
		}
		for range losses {
			d.cut("a")
			<-back
		}
		cancel()
		all.Wait()
		if lost != losses || restored != losses {
			t.Errorf("lost %d times and restored %d times, want %d", lost, restored, losses)
		}
	})
}
