package flush

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"gospread/spread"
	"gospread/spread/internal/fakedaemon"
)

// member is a client in a test: it receives all the time, answers at once, and
// keeps what it saw.
type member struct {
	*testing.T
	*Conn
	mu     sync.Mutex
	more   *sync.Cond // there is another view
	log    []string
	views  []*View
	end    error
	before func(group string) // when asked to flush
}

func newMember(t *testing.T, d *fakedaemon.Daemon, name string, opts ...spread.Option) *member {
	t.Helper()
	c, err := Dial(t.Context(), "", append(opts, spread.WithName(name), spread.WithDialer(d.Dial))...)
	if err != nil {
		t.Fatal(err)
	}
	m := &member{T: t, Conn: c}
	m.more = sync.NewCond(&m.mu)
	return m
}

// awaitView waits until there are more than n views.
func (m *member) awaitView(n int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for len(m.views) <= n {
		m.more.Wait()
	}
}

func (m *member) numViews() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.views)
}

// run is the receiving goroutine.
func (m *member) run() {
	ctx := context.Background()
	for ev, err := range m.Events(ctx) {
		m.mu.Lock()
		if err != nil {
			m.end = err
		} else if v, ok := ev.(*View); ok {
			m.views = append(m.views, v)
			m.more.Broadcast()
		} else {
			m.log = append(m.log, describe(ev))
		}
		m.mu.Unlock()
		if f, ok := ev.(*FlushRequest); ok {
			if m.before != nil {
				m.before(f.Group)
			}
			if err := m.Flush(ctx, f.Group); err != nil && !errors.Is(err, spread.ErrIllegalSession) {
				m.Errorf("flush: %v", err)
			}
		}
	}
}

func (m *member) lastView() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.views) == 0 {
		return "none"
	}
	v := m.views[len(m.views)-1]
	return fmt.Sprintf("%v %v", v.Cause, v.Members)
}

// TestGroupLife is the everyday of three members.
func TestGroupLife(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx := context.Background()
		d := fakedaemon.New("d")
		var ms []*member
		for _, name := range []string{"a", "b", "c"} {
			m := newMember(t, d, name)
			go m.run()
			ms = append(ms, m)
			if m.PrivateGroup() != "#"+name+"#d" || m.Daemon() != "d" || m.RemoteAddr() == nil {
				t.Errorf("%s at daemon %s, %v", m.PrivateGroup(), m.Daemon(), m.RemoteAddr())
			}
		}
		for i, m := range ms {
			if err := m.Join(ctx, "g"); err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
			want := fmt.Sprintf("JOIN %v", []string{"#a#d", "#b#d", "#c#d"}[:i+1])
			for _, m := range ms[:i+1] {
				if got := m.lastView(); got != want {
					t.Errorf("%s is in view %s, want %s", m.Name(), got, want)
				}
			}
		}
		if err := ms[0].Join(ctx, "g"); !errors.Is(err, spread.ErrIllegalGroup) {
			t.Errorf("joining again: %v", err)
		}
		if err := ms[0].Flush(ctx, "g"); !errors.Is(err, spread.ErrIllegalState) {
			t.Errorf("flushing without a request: %v", err)
		}
		if err := errors.Join(
			ms[0].Multicast(ctx, spread.Agreed, "g", []byte("all")),
			ms[0].Unicast(ctx, spread.FIFO, "g", "#b#d", []byte("one")),
			ms[0].SubgroupCast(ctx, spread.Safe, "g", []string{"#b#d", "#c#d"}, []byte("two")),
		); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		for i, want := range []int{1, 3, 2} {
			ms[i].mu.Lock()
			n := 0
			for _, s := range ms[i].log {
				if s[:7] == "message" {
					n++
				}
			}
			ms[i].mu.Unlock()
			if n != want {
				t.Errorf("%s received %d messages, want %d", ms[i].Name(), n, want)
			}
		}
		if err := ms[1].Leave(ctx, "g"); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if got := ms[0].lastView(); got != "LEAVE [#a#d #c#d]" {
			t.Errorf("after the leave: %s", got)
		}
		if err := ms[2].Close(); err != nil {
			t.Error(err)
		}
		synctest.Wait()
		if got := ms[0].lastView(); got != "DISCONNECT [#a#d]" {
			t.Errorf("after the disconnect: %s", got)
		}
		for _, m := range ms {
			_ = m.Close()
			synctest.Wait()
			if !errors.Is(m.end, spread.ErrIllegalSession) {
				t.Errorf("%s ended with %v", m.Name(), m.end)
			}
		}
	})
}

// TestSendersDuringChanges has many goroutines send while clients come and go:
// every message is received by all in the view in which it was sent.
func TestSendersDuringChanges(t *testing.T) {
	for _, queue := range []int{1, spread.DefaultSendQueue} {
		synctest.Test(t, func(t *testing.T) {
			ctx := context.Background()
			d := fakedaemon.New("d")
			a := newMember(t, d, "a", spread.WithSendQueue(queue))
			go a.run()
			if err := a.Join(ctx, "g"); err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
			stop := make(chan struct{})
			var wait sync.WaitGroup
			var sent int
			for i := range 4 {
				wait.Go(func() {
					for {
						select {
						case <-stop:
							return
						default:
						}
						views := a.numViews()
						s := []spread.Service{spread.Reliable, spread.FIFO, spread.Agreed, spread.Safe}[i]
						err := a.Send(ctx, &Outgoing{Service: s, Group: "g", Data: make([]byte, i*100)})
						switch {
						case err == nil:
							a.mu.Lock()
							sent++
							a.mu.Unlock()
						case !errors.Is(err, spread.ErrIllegalState):
							t.Error(err)
							return
						default:
							a.awaitView(views)
						}
					}
				})
			}
			for range 20 {
				b := newMember(t, d, "b", spread.WithSendQueue(queue))
				go b.run()
				if err := b.Join(ctx, "g"); err != nil {
					t.Fatal(err)
				}
				b.awaitView(0)
				if err := b.Close(); err != nil {
					t.Error(err)
				}
			}
			close(stop)
			wait.Wait()
			synctest.Wait()
			got := 0
			for _, s := range a.log {
				if s[:7] == "message" {
					got++
				}
			}
			if got != sent || sent == 0 || a.Dropped() != (Drops{}) {
				t.Errorf("%d messages were sent, %d received, dropped %+v", sent, got, a.Dropped())
			}
			if n := len(a.views); n != 41 {
				t.Errorf("%d views, want 41", n)
			}
			_ = a.Close()
		})
	}
}

// TestVulnerableBeforeFlush sends in answer to the request what must still be
// received in the old view.
func TestVulnerableBeforeFlush(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx := context.Background()
		d := fakedaemon.New("d")
		a, b := newMember(t, d, "a"), newMember(t, d, "b")
		a.before = func(group string) {
			if err := a.Multicast(ctx, spread.FIFO, group, []byte("last words")); err != nil {
				t.Error(err)
			}
		}
		go a.run()
		go b.run()
		for _, m := range []*member{a, b} {
			if err := m.Join(ctx, "g"); err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
		}
		if n := len(a.log); n != 2 || a.log[1] != `message g from #a#d "last words" type 0, subgroup false, groups ["g"]` {
			t.Errorf("a saw %q", a.log)
		}
		if len(b.log) != 0 || b.Dropped().NotInView != 1 {
			t.Errorf("b saw %q, dropped %+v", b.log, b.Dropped())
		}
		_ = a.Close()
		_ = b.Close()
	})
}

func TestContextAndClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := fakedaemon.New("d")
		a := newMember(t, d, "a")
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		start := time.Now()
		if _, err := a.Receive(ctx); !errors.Is(err, context.DeadlineExceeded) || time.Since(start) != time.Second {
			t.Errorf("%v after %v", err, time.Since(start))
		}
		for name, err := range map[string]error{
			"Join":      a.Join(ctx, "g"),
			"Multicast": a.Multicast(ctx, spread.Agreed, "#b#d", nil),
			"Flush":     a.Flush(ctx, "g"),
		} {
			if !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("%s: %v", name, err)
			}
		}
		// A leave that was not sent has not begun.
		if err := a.Join(context.Background(), "g"); err != nil {
			t.Fatal(err)
		}
		if ev, err := a.Receive(context.Background()); err != nil || describe(ev)[:8] != "view g 1" {
			t.Errorf("%v, %v", ev, err)
		}
		for range 2 {
			if err := a.Leave(ctx, "g"); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("Leave: %v", err)
			}
		}
		ended := make(chan error, 2)
		for range 2 {
			go func() {
				_, err := a.Receive(context.Background())
				ended <- err
			}()
		}
		synctest.Wait()
		if err := a.Close(); err != nil {
			t.Error(err)
		}
		for range 2 {
			if err := <-ended; !errors.Is(err, spread.ErrIllegalSession) || !errors.Is(err, net.ErrClosed) {
				t.Errorf("Receive: %v", err)
			}
		}
		if err := a.Multicast(context.Background(), spread.Agreed, "#b#d", nil); !errors.Is(err, spread.ErrIllegalSession) {
			t.Errorf("Multicast: %v", err)
		}
	})
}

func TestNeedsMembership(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := fakedaemon.New("d")
		sp, err := spread.Dial(t.Context(), "", spread.WithMembership(false), spread.WithDialer(d.Dial))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := New(sp); !errors.Is(err, spread.ErrIllegalParam) {
			t.Errorf("%v", err)
		}
		_ = sp.Close()
	})
}

// TestTooMuchPending: a group that nobody flushes cannot use up all memory.
func TestTooMuchPending(t *testing.T) {
	m := newMachine("me")
	members := make([]string, 1000)
	for i := range members {
		members[i] = fmt.Sprint(i)
	}
	members[0] = "me"
	n := 0
	for ; m.failed == nil && n < 2000; n++ {
		m.receive(&spread.View{Group: "g", ID: spread.ViewID{Index: int32(n)}, Cause: spread.CausedByJoin, Members: members, Changed: "me", Sets: [][]string{{"me"}}})
	}
	if !errors.Is(m.failed, spread.ErrIllegalState) || n != maxPending/1000+1 {
		t.Errorf("after %d changes: %v", n, m.failed)
	}

	m = newMachine("me")
	m.receive(&spread.View{Group: "g", ID: spread.ViewID{Index: 1}, Cause: spread.CausedByJoin, Members: []string{"me", "b"}, Changed: "me", Sets: [][]string{{"me"}}})
	o := &spread.Outgoing{Service: spread.FIFO, Type: typeVulnerable, Groups: []string{"g"}}
	tail := trailer{vulnerable: true, id: spread.ViewID{Index: 1}}
	o.Data = tail.append(make([]byte, 1<<20))
	for n = 0; m.failed == nil && n < 100; n++ {
		m.receive(received(o, "b"))
	}
	if !errors.Is(m.failed, spread.ErrIllegalState) || n < 60 {
		t.Errorf("after %d messages: %v", n, m.failed)
	}
}
