package session

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"sync"
	"testing"
	"time"

	"gospread/spread/internal/clientproto"
)

// echo is a router of the smallest kind: names are unique, and a message goes to
// the session that it names first, or back to its sender if it names "echo".
type echo struct {
	mu    sync.Mutex
	names map[clientproto.Name]*Session
}

func (e *echo) Full() <-chan struct{} { return nil }

func (e *echo) Claim(n clientproto.Name) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if _, taken := e.names[n]; taken {
		return ErrTaken
	}
	e.names[n] = nil
	return nil
}

func (e *echo) Release(n clientproto.Name) {
	e.mu.Lock()
	defer e.mu.Unlock()
	delete(e.names, n)
}

func (e *echo) Attach(s *Session) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.names[s.Private] = s
}

func (e *echo) Submit(s *Session, messages [][]byte, touched []*Session) []*Session {
	e.mu.Lock()
	defer e.mu.Unlock()
	var doomed []*Session
	to := func(r *Session, m []byte) {
		if r.Deliver(m, false) {
			touched = append(touched, r)
		}
	}
	for _, m := range messages {
		name := clientproto.NameOf(m[clientproto.HeaderSize:])
		if r := e.names[name]; r != nil {
			to(r, m)
		} else if name == clientproto.MakeName("echo") {
			to(s, m)
		}
	}
	for _, r := range touched {
		if v := r.Commit(new(Turn), time.Now()); v != Open && r.End(v, nil) {
			doomed = append(doomed, r)
		}
	}
	for _, r := range doomed {
		delete(e.names, r.Private)
		r.Close()
	}
	return touched
}

func (e *echo) Leave(s *Session) {
	e.Release(s.Private)
	s.Close()
}

// ends collects what the server reports.
type ends struct {
	opened chan *Session
	ended  chan *End
}

func (o *ends) SessionOpened(s *Session) { o.opened <- s }
func (o *ends) SessionEnded(e *End)      { o.ended <- e }
func (o *ends) AcceptFailed(error)       {}

type fixture struct {
	*ends
	t      *testing.T
	server *Server
	stop   func()
	addr   string
}

func testConfig() *Config {
	return &Config{
		DaemonName: "d", Auth: Auth{Allowed: []string{MethodNull}}, MaxSessions: 100,
		HandshakeTimeout: time.Minute,
		Limits:           Limits{Bytes: 1 << 20, Messages: -1, Hold: 50 * time.Millisecond},
	}
}

func serveTest(t *testing.T, c *Config) *fixture {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	f := &fixture{
		ends: &ends{make(chan *Session, 100), make(chan *End, 100)}, t: t, addr: l.Addr().String(),
	}
	f.stop = sync.OnceFunc(func() { f.server.Stop() })
	f.server = NewServer(c, &echo{names: make(map[clientproto.Name]*Session)}, f.ends)
	ctx, cancel := context.WithCancel(t.Context())
	served := make(chan error, 1)
	go func() { served <- f.server.Serve(ctx, l) }()
	t.Cleanup(func() {
		cancel()
		if err := <-served; err != nil {
			t.Errorf("Serve: %v", err)
		}
		f.stop()
	})
	return f
}

// dial connects and sends the given bytes.
func (f *fixture) dial(first []byte) net.Conn {
	f.t.Helper()
	c, err := net.Dial("tcp", f.addr)
	if err != nil {
		f.t.Fatal(err)
	}
	f.t.Cleanup(func() { c.Close() })
	c.SetDeadline(time.Now().Add(2 * time.Minute))
	if _, err := c.Write(first); err != nil {
		f.t.Fatal(err)
	}
	return c
}

func greeting(name string) []byte {
	b := clientproto.AppendHello(nil, &clientproto.Hello{Version: clientproto.ThisVersion, Name: name})
	b, _ = clientproto.AppendChoice(b, []string{MethodNull})
	return b
}

// connect shakes hands, with everything the client says in one piece.
func (f *fixture) connect(name string) (net.Conn, *Session) {
	f.t.Helper()
	c := f.dial(greeting(name))
	want := append(clientproto.AppendAuthList(nil, []string{MethodNull}), 1, 5, 0, 1, byte(len(name)+3))
	want = append(want, "#"+name+"#d"...)
	got := make([]byte, len(want))
	if _, err := io.ReadFull(c, got); err != nil || !bytes.Equal(got, want) {
		f.t.Fatalf("handshake: %q %v, want %q", got, err, want)
	}
	return c, <-f.opened
}

func data(from, to string, body []byte) []byte {
	h := clientproto.Header{Type: clientproto.Reliable, NumGroups: 1, DataLen: len(body)}
	sender, name := clientproto.MakeName(from), clientproto.MakeName(to)
	b := clientproto.AppendHeader(nil, &h, &sender, 0)
	return append(append(b, name[:]...), body...)
}

func TestRefusalsHaveTheirReasons(t *testing.T) {
	c := testConfig()
	c.Policy = refuseAll{}
	f := serveTest(t, c)
	cases := []struct {
		first  []byte
		close  bool
		reply  string
		reason Reason
		why    string // in the log, behind the reason
	}{
		{[]byte{3, 0, 1, 1, 'a'}, false, "\xf9", RefusedVersion, "version 3.0.0, must be at least 3.1.0"},
		{[]byte{5, 0, 1, 1, 11}, false, "\xfb", RefusedName, "11 bytes, must be at most 10"},
		{[]byte{5, 0, 1, 1, 3, 'a', '#', 'b'}, false, "\xfb", RefusedName, `"a#b": bytes must be printable ASCII from $ to ~`},
		{[]byte{5, 0, 1}, true, "", HandshakeClosed, ""},
		{[]byte{5, 0, 1, 1, 3, 'a'}, true, "\xfb", HandshakeClosed, ""},
		{append([]byte{5, 0, 1, 1, 1, 'a'}, make([]byte, 90)...), false, "\x05NULL \xf7", RefusedAuth, ""},
		{append([]byte{5, 0, 1, 1, 1, 'a'}, make([]byte, 89)...), true, "\x05NULL \xf7", HandshakeClosed, ""},
		{greeting("a"), false, "\x05NULL \xf7", RefusedPolicy, ""},
	}
	for _, tc := range cases {
		conn := f.dial(tc.first)
		if tc.close {
			conn.(*net.TCPConn).CloseWrite()
		}
		got, err := io.ReadAll(conn)
		if err != nil || string(got) != tc.reply {
			t.Errorf("%q: reply %q, %v; want %q", tc.first, got, err, tc.reply)
		}
		if e := <-f.ended; e.Reason != tc.reason || !tc.reason.Refusal() {
			t.Errorf("%q: %v", tc.first, e)
		} else if tc.why != "" && (e.Err == nil || e.Err.Error() != tc.why) {
			t.Errorf("%q: %v, want %s", tc.first, e.Err, tc.why)
		}
	}
}

type refuseAll struct{}

func (refuseAll) Connect(string, string) bool                           { return false }
func (refuseAll) Join(_, _ clientproto.Name) bool                       { return false }
func (refuseAll) Leave(_, _ clientproto.Name) bool                      { return false }
func (refuseAll) SendPrivate(clientproto.Name, []clientproto.Name) bool { return false }
func (refuseAll) SendGroups(clientproto.Name, []clientproto.Name) bool  { return false }

func TestQuotaCountsHandshakes(t *testing.T) {
	c := testConfig()
	c.MaxSessions = 2
	f := serveTest(t, c)
	f.connect("a")
	half := f.dial([]byte{5, 0, 1, 1, 1, 'b'})
	if _, err := io.ReadFull(half, make([]byte, 6)); err != nil {
		t.Fatal(err)
	}
	refused := f.dial(nil)
	if got, err := io.ReadAll(refused); err != nil || string(got) != "\xfd" {
		t.Fatalf("reply %q, %v", got, err)
	}
	if e := <-f.ended; e.Reason != RefusedQuota {
		t.Fatal(e)
	}
	half.Close()
	if e := <-f.ended; e.Reason != HandshakeClosed {
		t.Fatal(e)
	}
	f.connect("c")
}

func TestSilentHandshakesEndAndFreeTheName(t *testing.T) {
	c := testConfig()
	c.HandshakeTimeout = time.Second
	f := serveTest(t, c)
	silent := f.dial(nil)
	if got, err := io.ReadAll(silent); err != nil || len(got) != 0 {
		t.Fatalf("%q, %v", got, err)
	}
	if e := <-f.ended; e.Reason != HandshakeLate {
		t.Fatal(e)
	}
	unchosen := f.dial([]byte{5, 0, 1, 1, 1, 'n'})
	if got, err := io.ReadAll(unchosen); err != nil || string(got) != "\x05NULL \xf7" {
		t.Fatalf("%q, %v", got, err)
	}
	if e := <-f.ended; e.Reason != HandshakeLate {
		t.Fatal(e)
	}
	f.connect("n")
}

func TestMessagesInAnyPieces(t *testing.T) {
	f := serveTest(t, testConfig())
	c, _ := f.connect("a")
	var want []byte
	for i := range 40 {
		want = append(want, data("#a#d", "echo", bytes.Repeat([]byte{byte(i)}, i*i*7))...)
	}
	for _, step := range []int{1, 47, 49, 1000, len(want)} {
		sent := make(chan error, 1)
		go func() {
			for b := want; len(b) > 0; {
				n := min(step, len(b))
				if _, err := c.Write(b[:n]); err != nil {
					sent <- err
					return
				}
				b = b[n:]
			}
			sent <- nil
		}()
		got := make([]byte, len(want))
		if _, err := io.ReadFull(c, got); err != nil || !bytes.Equal(got, want) {
			t.Fatalf("step %d: %v", step, err)
		}
		if err := <-sent; err != nil {
			t.Fatal(err)
		}
	}
}

func TestEndsHaveTheirReasons(t *testing.T) {
	f := serveTest(t, testConfig())
	kill := clientproto.AppendHeader(nil, &clientproto.Header{Type: clientproto.Kill}, new(clientproto.Private("a", "d")), 0)
	bad := data("#a#d", "g", nil)
	bad[0] |= byte(clientproto.Safe)
	cases := []struct {
		say    []byte
		reason Reason
	}{
		{kill, ClientDisconnected},
		{nil, ClientClosed},
		{bad, IllegalMessage},
		{data("#b#d", "g", nil), IllegalSender},
		{data("#a#d", "g", []byte("half"))[:50], ClientClosed},
	}
	for _, tc := range cases {
		c, s := f.connect("a")
		c.Write(tc.say)
		if tc.reason == ClientClosed {
			c.(*net.TCPConn).CloseWrite()
		}
		if got, err := io.ReadAll(c); len(got) != 0 {
			t.Errorf("%v: got %q, %v", tc.reason, got, err)
		}
		e := <-f.ended
		if e.Reason != tc.reason || e.Name != "#a#d" || e.Remote != c.LocalAddr().String() {
			t.Errorf("%v: %v", tc.reason, e)
		}
		if s.Reason() != tc.reason {
			t.Errorf("%v: session says %v", tc.reason, s.Reason())
		}
	}
}

// stuff sends messages of a to b, who does not read, until a's connection fails
// or until is closed.
func stuff(c net.Conn, until <-chan struct{}) error {
	m := data("#a#d", "#b#d", make([]byte, 8000))
	go io.Copy(io.Discard, c)
	for {
		select {
		case <-until:
			return nil
		default:
		}
		if _, err := c.Write(m); err != nil {
			return err
		}
	}
}

func TestSlowReceiverIsCutForItsReason(t *testing.T) {
	cases := map[Reason]func(*Limits){
		QueueBytes:    func(l *Limits) { l.Bytes = 100_000 },
		QueueMessages: func(l *Limits) { l.Bytes, l.Messages = 1<<30, 10 },
		Stalled:       func(l *Limits) { l.Bytes, l.Stall = 1<<30, 100*time.Millisecond },
	}
	for reason, set := range cases {
		t.Run(reason.String(), func(t *testing.T) {
			c := testConfig()
			set(&c.Limits)
			f := serveTest(t, c)
			sender, _ := f.connect("a")
			f.connect("b")
			stop, done := make(chan struct{}), make(chan error, 1)
			go func() { done <- stuff(sender, stop) }()
			e := <-f.ended
			if e.Reason != reason || e.Name != "#b#d" || e.Messages == 0 || !e.Reason.Cut() {
				t.Errorf("%v", e)
			}
			close(stop)
			if err := <-done; err != nil {
				t.Errorf("the sender suffered: %v", err)
			}
		})
	}
}

// TestSendersAreHeldBackNotCut: a receiver that pauses while its queue is above
// the high mark holds its sender back; when it reads again, everything arrives.
func TestSendersAreHeldBackNotCut(t *testing.T) {
	c := testConfig()
	c.Limits.Hold = time.Hour
	f := serveTest(t, c)
	sender, s := f.connect("a")
	receiver, r := f.connect("b")
	stop, done := make(chan struct{}), make(chan error, 1)
	go func() { done <- stuff(sender, stop) }()
	// The sender is held when its receiver is congested and the daemon takes
	// nothing more from it.
	waitFor(t, func() bool { return r.queue.slow.Load() })
	close(stop)
	go io.Copy(io.Discard, receiver)
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	// What was held goes through after all.
	waitFor(t, func() bool {
		m, _ := r.queue.depth()
		return m == 0 && s.Received() > 0 && !r.queue.slow.Load()
	})
	if r.Reason() != Open || s.Reason() != Open {
		t.Fatalf("%v, %v", r.Reason(), s.Reason())
	}
}

func TestStopEndsEverything(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	o := &ends{make(chan *Session, 10), make(chan *End, 10)}
	srv := NewServer(testConfig(), &echo{names: make(map[clientproto.Name]*Session)}, o)
	f := &fixture{ends: o, t: t, server: srv, addr: l.Addr().String()}
	ctx, cancel := context.WithCancel(t.Context())
	served := make(chan error, 1)
	go func() { served <- srv.Serve(ctx, l) }()
	a, _ := f.connect("a")
	half := f.dial([]byte{5})
	cancel()
	if err := <-served; err != nil {
		t.Fatal(err)
	}
	srv.Stop()
	for _, c := range []net.Conn{a, half} {
		var one [1]byte
		if _, err := c.Read(one[:]); err == nil || errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("a connection survives Stop: %v", err)
		}
	}
	if n := srv.Count(); n != 0 {
		t.Errorf("%d connections are still counted", n)
	}
}

// waitFor polls for something that has no event of its own.
func waitFor(t *testing.T, done func() bool) {
	t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	limit := time.After(20 * time.Second)
	for !done() {
		select {
		case <-tick.C:
		case <-limit:
			t.Fatal("waited in vain")
		}
	}
}

// TestStopWhileSendersAreHeld: a sender that is held back when the daemon stops
// ends too.
func TestStopWhileSendersAreHeld(t *testing.T) {
	c := testConfig()
	c.Limits.Hold = time.Hour
	f := serveTest(t, c)
	sender, s := f.connect("a")
	_, r := f.connect("b")
	stop, done := make(chan struct{}), make(chan error, 1)
	go func() { done <- stuff(sender, stop) }()
	waitFor(t, func() bool { return r.queue.slow.Load() })
	s.End(DaemonStopped, nil)
	f.stop()
	close(stop)
	<-done
}

// TestOldHandshakesGiveWay: silent connections cannot keep others out for long.
func TestOldHandshakesGiveWay(t *testing.T) {
	c := testConfig()
	c.MaxSessions = 2
	f := serveTest(t, c)
	f.connect("a")
	silent := f.dial(nil)
	waitFor(t, func() bool { return f.server.Count() == 2 })
	f.server.mu.Lock()
	g := f.server.greeting.Front().Value.(*greeter)
	g.started = g.started.Add(-crowded)
	f.server.mu.Unlock()
	f.connect("b")
	if e := <-f.ended; e.Reason != HandshakeLate {
		t.Fatal(e)
	}
	if got, err := io.ReadAll(silent); err != nil || len(got) != 0 {
		t.Fatalf("%q, %v", got, err)
	}
	if got, err := io.ReadAll(f.dial(nil)); err != nil || string(got) != "\xfd" {
		t.Fatalf("with two sessions: %q, %v", got, err)
	}
}

// TestOldLagDoesNotEndASession: a client that once lagged gets messages also when
// more time than MaxSessionStall has passed since.
func TestOldLagDoesNotEndASession(t *testing.T) {
	c := testConfig()
	c.Limits.Bytes = 1 << 30
	c.Limits.Stall = 2 * time.Second
	f := serveTest(t, c)
	sender, _ := f.connect("a")
	receiver, r := f.connect("b")
	blocked := func() bool {
		r.queue.mu.Lock()
		defer r.queue.mu.Unlock()
		return r.queue.blocked
	}
	m := data("#a#d", "#b#d", make([]byte, 100_000))
	n := 0
	for ; !blocked(); n++ {
		if _, err := sender.Write(m); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := io.CopyN(io.Discard, receiver, int64(n*len(m))); err != nil {
		t.Fatal(err)
	}
	waitFor(t, func() bool { return !blocked() })
	<-time.NewTimer(2 * c.Limits.Stall).C
	if _, err := sender.Write(m); err != nil {
		t.Fatal(err)
	}
	if _, err := io.CopyN(io.Discard, receiver, int64(len(m))); err != nil {
		t.Fatalf("a message after the lag: %v, %v", err, r.Reason())
	}
}

// TestManySendersDoNotCutAReader: those that were held for one receiver and go on
// at the same moment do not fill its queue beyond the limits.
func TestManySendersDoNotCutAReader(t *testing.T) {
	c := testConfig()
	c.Limits.Hold = 10 * time.Second
	f := serveTest(t, c)
	receiver, r := f.connect("b")
	received := make(chan struct{})
	go func() {
		io.CopyN(io.Discard, receiver, 60<<20)
		close(received)
	}()
	m := data("#a#d", "#b#d", make([]byte, 1000))
	for i := range 30 {
		sender, s := f.connect(string(rune('A' + i)))
		copy(m[4:], s.Private[:])
		batch := bytes.Repeat(m, 60)
		go func() {
			for {
				if _, err := sender.Write(batch); err != nil {
					return
				}
			}
		}()
	}
	select {
	case <-received:
	case e := <-f.ended:
		t.Fatal(e)
	}
	if r.Reason() != Open {
		t.Fatal(r.Reason())
	}
}

// TestPausedReaderGoesOn: a reader that pauses because a receiver is congested does
// not forget what it has read when the receiver drains in that very moment.
func TestPausedReaderGoesOn(t *testing.T) {
	f := serveTest(t, testConfig())
	sender, _ := f.connect("a")
	receiver, r := f.connect("b")
	stop, toggled := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(toggled)
		for on := true; ; on = !on {
			select {
			case <-stop:
				return
			default:
				r.queue.slow.Store(on)

			}
		}
	}()
	burst := bytes.Repeat(data("#a#d", "#b#d", make([]byte, 1000)), 60)
	for i := range 5000 {
		if _, err := sender.Write(burst); err != nil {
			t.Fatal(err)
		}
		if _, err := io.CopyN(io.Discard, receiver, int64(len(burst))); err != nil {
			t.Fatalf("burst %d: %v", i, err)
		}
	}
	close(stop)
	<-toggled
	r.queue.slow.Store(false)
}
