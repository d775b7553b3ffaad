package session

import (
	"container/list"
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"gospread/spread/internal/clientproto"
)

// Config is what a Server goes by. It is replaced whole while the server runs;
// sessions take the new limits at once.
type Config struct {
	DaemonName string
	Auth       Auth
	Policy     Policy // nil permits everything
	Limits     Limits
	// MaxSessions counts sessions and handshakes under way. MaxSessionsWhy is what
	// sets it, for the log.
	MaxSessions    int
	MaxSessionsWhy string
	// HandshakeTimeout bounds the whole handshake.
	HandshakeTimeout time.Duration
}

// End describes a refused or ended session, for the log.
type End struct {
	Name     string // private group; empty if the handshake did not come to it
	User     string // private name, likewise
	Handle   uint32
	Received uint64 // messages from the client
	Remote   string
	Reason   Reason
	Err      error // nil, or more about the reason
	Messages int   // still waiting for the client
	Bytes    int   // likewise
	Lived    time.Duration
}

func (e *End) String() string {
	name := e.Name
	if name == "" {
		name = "(unnamed)"
	}
	text := fmt.Sprintf("%s from %s: %s", name, e.Remote, e.Reason)
	if e.Err != nil {
		text += fmt.Sprintf(" (%v)", e.Err)
	}
	if !e.Reason.Refusal() {
		text += fmt.Sprintf("; %d messages, %d bytes waiting", e.Messages, e.Bytes)
	}
	return text + fmt.Sprintf("; after %.3f s", e.Lived.Seconds())
}

// Observer is told of sessions' beginnings and ends, from many goroutines.
type Observer interface {
	SessionOpened(s *Session)
	SessionEnded(e *End)
	// AcceptFailed tells of a listener that could not accept and tries again.
	AcceptFailed(err error)
}

// Server runs the sessions of one daemon.
type Server struct {
	router   Router
	observer Observer
	config   atomic.Pointer[Config]
	chunks   chunks
	queued   atomic.Int64 // bytes in all queues, shared ones apart
	stopped  chan struct{}
	owner    sync.WaitGroup

	mu       sync.Mutex
	conns    map[net.Conn]*Session // open; nil: handshaking
	greeting list.List             // of *greeter, oldest first
	shutdown bool
	opened   uint64
	gone     Traffic // of sessions that have ended

	held atomic.Uint64
}

// NewServer makes a server without listeners.
func NewServer(c *Config, r Router, o Observer) *Server {
	s := &Server{router: r, observer: o, stopped: make(chan struct{}), conns: make(map[net.Conn]*Session)}
	s.config.Store(c)
	return s
}

// SetConfig replaces the configuration.
func (s *Server) SetConfig(c *Config) { s.config.Store(c) }

// rawConn is a connection whose descriptor can be reached: TCP and Unix.
type rawConn interface {
	net.Conn
	syscall.Conn
}

// Serve accepts clients, with the run-time's defaults for TCP (no delay, and
// keep-alive probes that notice a dead peer within minutes), until the listener is closed or ctx ends.
func (s *Server) Serve(ctx context.Context, l net.Listener) error {
	stop := context.AfterFunc(ctx, func() { l.Close() })
	defer stop()
	pause := 5 * time.Millisecond
	for {
		conn, err := l.Accept()
		switch {
		case err == nil:
			pause = 5 * time.Millisecond
			s.welcome(conn)
		case ctx.Err() != nil || errors.Is(err, net.ErrClosed):
			return nil
		default:
			// Out of descriptors, most likely: let some sessions end.
			s.observer.AcceptFailed(fmt.Errorf("accept clients at %s: %w; trying again", l.Addr(), err))
			select {
			case <-time.After(pause):
			case <-ctx.Done():
			}
			pause = min(2*pause, time.Second)
		}
	}
}

// welcome starts the handshake with a connection, or refuses it for the quota.
func (s *Server) welcome(conn net.Conn) {
	raw, ok := conn.(rawConn)
	if !ok {
		conn.Close()
		return
	}
	g := &greeter{server: s, conn: raw, started: time.Now()}
	switch s.admit(g) {
	case Open:
		go func() {
			defer s.owner.Done()
			s.run(g)
		}()
	case RefusedQuota:
		// The connection is new, so its buffer takes one byte.
		_, _ = conn.Write([]byte{codeByte(clientproto.RejectQuota)})
		conn.Close()
		c := s.config.Load()
		s.observer.SessionEnded(&End{Remote: remote(conn), Reason: RefusedQuota,
			Err: fmt.Errorf("%d, by %s", c.MaxSessions, c.MaxSessionsWhy)})
	default:
		conn.Close()
	}
}

// crowded is how long a handshake may take when others wait for its place.
const crowded = time.Second

// admit counts a connection in, or tells why not. When there is no room, the
// oldest handshake makes some if it has had its time.
func (s *Server) admit(g *greeter) Reason {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.shutdown {
		return DaemonStopped
	}
	if len(s.conns) >= s.config.Load().MaxSessions {
		oldest := s.greeting.Front()
		if oldest == nil || g.started.Sub(oldest.Value.(*greeter).started) < crowded {
			return RefusedQuota
		}
		late := s.greeting.Remove(oldest).(*greeter)
		delete(s.conns, late.conn)
		late.hurry()
	}
	s.conns[g.conn] = nil
	g.place = s.greeting.PushBack(g)
	s.owner.Add(1)
	return Open
}

// greeted ends the time in which the connection may lose its place. false: it has
// lost it.
func (s *Server) greeted(g *greeter) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.greeting.Remove(g.place)
	_, ok := s.conns[g.conn]
	return ok
}

func codeByte(c clientproto.Code) byte { return byte(int8(c)) }

// run is the life of one connection.
func (s *Server) run(g *greeter) {
	session, no := g.greet()
	if no != nil {
		s.greeted(g)
		s.refuse(g, no, time.Since(g.started))
		return
	}
	s.enlist(session)
	s.observer.SessionOpened(session)
	session.live()
}

// refuse tells the client its code and closes. The time is short: the buffer of
// a connection that got next to nothing takes a byte at once.
func (s *Server) refuse(g *greeter, no *refusal, lived time.Duration) {
	if no.code != 0 {
		_ = g.conn.SetWriteDeadline(time.Now().Add(time.Second))
		_, _ = g.conn.Write([]byte{codeByte(no.code)})
	}
	end := &End{Remote: remote(g.conn), Reason: no.reason, Err: no.err, Lived: lived}
	if g.s != nil {
		end.Name = g.s.Private.String()
	}
	s.forget(g.conn)
	g.conn.Close()
	s.observer.SessionEnded(end)
}

func (s *Server) forget(conn net.Conn) {
	s.mu.Lock()
	delete(s.conns, conn)
	s.mu.Unlock()
}

// ended reports the end of a session that had been attached.
func (s *Server) ended(x *Session) {
	s.strike(x)
	e := &End{
		Name: x.Private.String(), User: x.User, Handle: x.Handle, Received: x.Received(),
		Remote: x.Remote(), Reason: x.Reason(),
		Messages: x.endMsgs, Bytes: x.endBytes, Lived: time.Since(x.Started),
	}
	if cause := x.cause.Load(); cause != nil {
		e.Err = *cause
	}
	s.observer.SessionEnded(e)
}

// Count is the number of sessions and handshakes under way.
func (s *Server) Count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.conns)
}

// Stop ends every connection, and returns when all goroutines have ended. The
// router must close sessions that leave at once.
func (s *Server) Stop() {
	s.mu.Lock()
	s.shutdown = true
	conns := make([]net.Conn, 0, len(s.conns))
	for c := range s.conns {
		conns = append(conns, c)
	}
	s.mu.Unlock()
	close(s.stopped)
	for _, c := range conns {
		c.SetDeadline(past)
	}
	s.owner.Wait()
}
