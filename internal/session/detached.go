package session

import (
	"net"
	"sync/atomic"

	"gospread/spread/internal/clientproto"
)

// Detached makes a session without a connection, for tests and benchmarks of
// routers: what it gets waits until Discard.
func Detached(user, daemon string) *Session {
	s := &Session{
		queue: queue{total: new(atomic.Int64)},
		User:  user, Private: clientproto.Private(user, daemon), Version: clientproto.ThisVersion,
		server: &Server{conns: make(map[net.Conn]*Session)}, finished: make(chan struct{}),
	}
	s.server.config.Store(&Config{Limits: Limits{Bytes: 1 << 30, Messages: -1}})
	return s
}

// Discard empties the queue of a detached session.
func (s *Session) Discard() {
	if begun, _ := s.queue.begin(); begun {
		for more := true; more; {
			n := 0
			for _, sp := range s.queue.out[s.queue.head:] {
				n += sp.size()
			}
			more = s.queue.more(n, s.limits())
		}
	}
}
