// Package session is the client side of the daemon: it accepts connections,
// shakes hands, turns bytes into messages for the router, and writes out what
// comes back, through queues that are bounded and say why when they end.
package session

import (
	"errors"
	"fmt"
	"net"
	"sync/atomic"
	"time"

	"gospread/spread/internal/clientproto"
	"gospread/spread/internal/stats"
)

// Router is what sessions need from the daemon: the order, and everybody else.
type Router interface {
	// Claim reserves a private name at this daemon, or returns ErrTaken or
	// ErrStopping.
	Claim(private clientproto.Name) error
	// Release gives up a claimed name whose session was not attached.
	Release(private clientproto.Name)
	// Attach makes s reachable. From now on the router delivers to it.
	Attach(s *Session)
	// Submit gives messages of s their place in the order, all in one turn, and
	// appends the sessions that got something by it, which the caller must Flush.
	// The messages are complete, checked and in our byte order. Their memory is
	// used again when the turn is over and nothing of it waits in a queue of a
	// touched session; a router that keeps them for longer must copy them.
	Submit(s *Session, messages [][]byte, touched []*Session) []*Session
	// Full returns nil if more may be submitted, and otherwise a channel that is
	// closed when that is so. It is called by any number of goroutines, often.
	Full() <-chan struct{}
	// Leave sends the end of s through the order, for the reason that s.Reason
	// tells, unless that has been done. In the end the router calls s.Close.
	Leave(s *Session)
}

// Why a name cannot be claimed.
var (
	ErrTaken    = errors.New("the name is in use")
	ErrStopping = errors.New("the daemon is stopping")
)

// Session is one client's connection.
type Session struct {
	// Set by the handshake, then never changed.
	Private  clientproto.Name
	User     string
	Version  clientproto.Version
	Views    bool // wants membership messages
	Priority bool
	Started  time.Time

	// Handle, Leaving and Requests are the router's, and so is the use of Deliver and
	// Commit: only the router touches them, in its turn. Leaving: the session's
	// end is on its way through the order. Requests: so many joins and leaves are.
	Handle   uint32
	Leaving  bool
	Requests int
	pending  []span

	server *Server
	conn   net.Conn
	*rawIO
	input input
	share int // bytes of a batch, the reader's
	queue queue

	finished chan struct{} // closed by Close
	endMsgs  int           // waiting then
	endBytes int

	reason        atomic.Uint32
	cause         atomic.Pointer[error]
	closed        atomic.Bool
	received      atomic.Uint64
	receivedBytes atomic.Uint64
	held          atomic.Bool             // its client is held back for a slow receiver
	owed          atomic.Pointer[Session] // a slow receiver to wait for; see HoldFor
}

// Remote is the client's address, "unix" for the Unix socket.
func (s *Session) Remote() string { return remote(s.conn) }

func remote(c net.Conn) string {
	if a, ok := c.RemoteAddr().(*net.TCPAddr); ok {
		return a.String()
	}
	return "unix"
}

// Reason tells why the session has ended or is about to; Open while it lives.
func (s *Session) Reason() Reason { return Reason(s.reason.Load()) }

func (s *Session) limits() *Limits { return &s.server.config.Load().Limits }

// Deliver appends a message for the client to what the router's turn gathers.
// It reports whether this is the first since the last Commit. The memory may be
// part of a larger piece and must not change any more. own tells that it is
// a piece of its own that goes to many clients: it is never copied for one.
func (s *Session) Deliver(message []byte, own bool) (first bool) {
	n := len(s.pending)
	if n > 0 && adjacent(s.pending[n-1].b, message) {
		s.pending[n-1].grow(len(message), 1)
		return false
	}
	in := inBlock
	if own {
		in = shared
	}
	s.pending = append(s.pending, span{message, 1, in, nil})
	return n == 0
}

// DeliverLong is Deliver for a long message.
func (s *Session) DeliverLong(message Long) (first bool) {
	first = len(s.pending) == 0
	s.pending = append(s.pending, span{msgs: 1, memory: shared, long: message})
	return first
}

// Slow tells whether the client is far behind.
func (s *Session) Slow() bool { return s.queue.slow.Load() }

// HoldFor lets the client of s wait for r, to which it has sent something, and which
// is slow. It is called in the router's turn.
func (s *Session) HoldFor(r *Session) {
	if s != r {
		s.owed.Store(r)
	}
}

// A Turn is what the Commits of one turn of the router have in common. The zero
// Turn is ready; it keeps memory alive as long as it is not reset to that.
type Turn struct {
	copier
	// Depths, if not nil, counts the bytes that wait in a queue when something has been
	// added to it.
	Depths *stats.Histogram
}

// Commit queues what Deliver gathered. The verdict is Open, or why the session
// must end.
func (s *Session) Commit(t *Turn, now time.Time) Reason {
	verdict := s.queue.put(s.pending, &t.copier, s.limits(), now)
	if t.Depths != nil {
		_, bytes := s.queue.waiting()
		t.Depths.Record(int64(bytes))
	}
	clear(s.pending)
	s.pending = emptied(s.pending)
	return verdict
}

// End notes why the session ends; the first reason stands. It reports whether
// this was the first.
func (s *Session) End(r Reason, err error) bool {
	if !s.reason.CompareAndSwap(uint32(Open), uint32(r)) {
		return false
	}
	if err != nil {
		s.cause.Store(&err)
	}
	return true
}

// fail ends the session and sends its end through the order, if it is not on its
// way already.
func (s *Session) fail(r Reason, err error) {
	s.End(r, err)
	s.server.router.Leave(s)
}

// Close throws away what waits and has the session's own goroutine close the
// connection and report the end. It does not wait. The router calls it when the
// session's end has come back through the order.
func (s *Session) Close() {
	if !s.closed.CompareAndSwap(false, true) {
		return
	}
	s.endMsgs, s.endBytes = s.queue.depth()
	s.queue.close()
	// Wakes the reader and the writer. The connection itself cannot be closed
	// here: that would wait for calls on it, one of which may be the caller's.
	s.conn.SetDeadline(past)
	close(s.finished)
}

// live is the session's life after the handshake.
func (s *Session) live() {
	s.Flush()
	s.serve()
	s.input.drop(&s.server.chunks)
	<-s.finished
	s.conn.Close()
	s.server.ended(s)
}

// Received is the number of messages taken from the client so far.
func (s *Session) Received() uint64 { return s.received.Load() }

func (s *Session) String() string {
	return fmt.Sprintf("%s at %s", s.Private, s.Remote())
}
