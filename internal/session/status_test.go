package session

import (
	"io"
	"testing"
	"time"

	"gospread/spread/internal/clientproto"
	"gospread/spread/internal/stats"
)

// total is the traffic of all sessions, as it is to be read.
func (s *Server) total() (t Traffic) {
	o := s.Overview()
	t = o.Gone
	for _, x := range o.Sessions {
		t.Add(x.Load(time.Now()).Traffic)
	}
	return t
}

// While a receiver takes nothing, everybody can see whom it is about: its queue, for
// how long, and who is held for it.
func TestLoadOfASlowReceiver(t *testing.T) {
	c := testConfig()
	c.Limits.Hold = time.Hour
	f := serveTest(t, c)
	sender, s := f.connect("a")
	receiver, r := f.connect("b")
	stop, done := make(chan struct{}), make(chan error, 1)
	go func() { done <- stuff(sender, stop) }()
	waitFor(t, func() bool { return s.Load(time.Now()).Held })
	close(stop)
	now := time.Now().Add(time.Minute)
	l := r.Load(now)
	msgs, bytes := r.queue.depth()
	if l.QueuedMessages != msgs || l.QueuedBytes != bytes || msgs == 0 || l.Held || l.Stalled < time.Minute || l.Stalled > 2*time.Minute {
		t.Errorf("%+v; waiting: %d messages, %d bytes", l, msgs, bytes)
	}
	if l := s.Load(now); l.Stalled != 0 || l.QueuedMessages != 0 || l.MessagesIn == 0 || l.BytesIn < 10*l.MessagesIn {
		t.Errorf("sender: %+v", l)
	}
	if o := f.server.Overview(); o.Held != 1 || o.Opened != 2 || len(o.Sessions) != 2 || o.Gone != (Traffic{}) {
		t.Errorf("%+v", o)
	}
	before := f.server.total()
	go io.Copy(io.Discard, receiver)
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	sender.Close()
	<-f.ended
	waitFor(t, func() bool {
		l := r.Load(time.Now())
		return l.QueuedMessages == 0 && l.Stalled == 0 && l.MessagesOut == s.Received()
	})
	// What went through a session that has ended stays counted.
	after := f.server.total()
	if o := f.server.Overview(); len(o.Sessions) != 1 || o.Gone.MessagesIn != s.Received() ||
		after.MessagesIn < before.MessagesIn || after.BytesOut < before.BytesOut || after.MessagesOut != s.Received() {
		t.Errorf("%+v, before %+v, after %+v", o, before, after)
	}
}

// A turn counts how long the queues are that it adds to.
func TestDepths(t *testing.T) {
	s := Detached("u", "d")
	h := stats.Of(stats.Bytes)
	for _, n := range []int{100, 5000} {
		turn := Turn{Depths: &h}
		s.Deliver(make([]byte, n), false)
		if v := s.Commit(&turn, time.Now()); v != Open {
			t.Fatal(v)
		}
	}
	if h.Count != 2 || h.Max != 5100 || h.Sum != 5200 {
		t.Errorf("%+v", h)
	}
	s.Discard()
	if m, b := s.queue.waiting(); m != 0 || b != 0 {
		t.Errorf("%d messages, %d bytes wait", m, b)
	}
}

// What waits of a long message counts by its cost, what has gone through by its bytes.
func TestLoadOfLongMessages(t *testing.T) {
	s := Detached("u", "d")
	s.DeliverLong(&piece{b: make([]byte, 300000), cost: 7})
	s.Deliver(make([]byte, 100), false)
	s.Commit(&Turn{}, time.Now())
	if l := s.Load(time.Now()); l.QueuedBytes != 107 || l.QueuedMessages != 2 || l.BytesOut != 300100 {
		t.Errorf("%+v", l)
	}
	s.Discard()
	if l := s.Load(time.Now()); l.QueuedBytes != 0 || l.QueuedMessages != 0 || l.BytesOut != 300100 || l.MessagesOut != 2 {
		t.Errorf("%+v", l)
	}
}

func TestReasons(t *testing.T) {
	words := make(map[string]bool)
	for _, r := range Reasons() {
		words[r.String()] = true
	}
	if len(words) != int(numReasons)-1 || words[Open.String()] {
		t.Errorf("%v", words)
	}
	if v := (&Session{Version: clientproto.Version{Major: 4, Minor: 1, Patch: 2}}).Library(); v != "4.1.2" {
		t.Error(v)
	}
}
