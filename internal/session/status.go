package session

import (
	"fmt"
	"time"
)

// Traffic counts what went through sessions, in messages and bytes: In came from
// clients, Out went into their queues.
type Traffic struct{ MessagesIn, BytesIn, MessagesOut, BytesOut uint64 }

// Add adds what others have done.
func (t *Traffic) Add(o Traffic) {
	t.MessagesIn += o.MessagesIn
	t.BytesIn += o.BytesIn
	t.MessagesOut += o.MessagesOut
	t.BytesOut += o.BytesOut
}

// Load is what a session has done and has to do.
type Load struct {
	Traffic
	// QueuedMessages and QueuedBytes wait for the client.
	QueuedMessages, QueuedBytes int
	// Stalled is how long the client has taken nothing, while the kernel's buffer is
	// full and more waits; 0: it takes what comes.
	Stalled time.Duration
	// Held: nothing is read from the client, for a slow receiver of its messages.
	Held bool
}

// Load tells the load of the session at this moment. It takes no lock.
func (s *Session) Load(now time.Time) Load {
	q := &s.queue
	l := Load{Held: s.held.Load()}
	l.QueuedMessages, l.QueuedBytes = q.waiting()
	l.Traffic = s.traffic()
	if took := q.took.Load(); took != 0 {
		l.Stalled = max(now.Sub(time.Unix(0, took)), 0)
	}
	return l
}

func (s *Session) traffic() Traffic {
	return Traffic{s.received.Load(), s.receivedBytes.Load(), s.queue.in.Load(), s.queue.inBytes.Load()}
}

// waiting is about what depth is, without the lock.
func (q *queue) waiting() (msgs, bytes int) {
	return int(q.waitingMsgs.Load()), int(q.waitingBytes.Load())
}

// Library is the version that the client's library has told.
func (s *Session) Library() string {
	return fmt.Sprintf("%d.%d.%d", s.Version.Major, s.Version.Minor, s.Version.Patch)
}

// Overview is a server's sessions at one moment.
type Overview struct {
	Sessions []*Session // in no order
	Opened   uint64     // since the server was made
	Gone     Traffic    // of sessions that have ended
	Held     uint64     // how often a client was held back for a slow receiver
}

// Overview lists the sessions. The traffic of them all is the sum of Gone and of what
// the sessions listed tell from now on: it never goes back.
func (s *Server) Overview() Overview {
	s.mu.Lock()
	defer s.mu.Unlock()
	o := Overview{Opened: s.opened, Gone: s.gone, Held: s.held.Load()}
	o.Sessions = make([]*Session, 0, len(s.conns))
	for _, x := range s.conns {
		if x != nil {
			o.Sessions = append(o.Sessions, x)
		}
	}
	return o
}

// Opened is how many sessions there have been.
func (s *Server) Opened() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.opened
}

// enlist counts a new session in.
func (s *Server) enlist(x *Session) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.conns[x.conn] = x
	s.opened++
}

// strike counts a session out that has ended.
func (s *Server) strike(x *Session) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.conns, x.conn)
	s.gone.Add(x.traffic())
}
