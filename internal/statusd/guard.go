package statusd

import (
	"log"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"time"
)

// guard lets requests through that may only look, and that mean this machine: a page
// of another site cannot get here by a name of its own that leads to our address.
func (s *Server) guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.active.Add(1)
		defer s.active.Done()
		h := w.Header()
		h.Set("Cache-Control", "no-store")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(answerTime)) // else it is up to the peer
		switch {
		case !s.means(r.Host):
			http.Error(w, "this daemon is not called that: use its address, localhost, or the name of its machine", http.StatusForbidden)
		case r.Method != http.MethodGet && r.Method != http.MethodHead:
			h.Set("Allow", "GET, HEAD")
			http.Error(w, "there is nothing to be changed here: use GET", http.StatusMethodNotAllowed)
		default:
			next.ServeHTTP(w, r)
		}
	})
}

// means tells whether the Host of a request is this machine.
func (s *Server) means(host string) bool {
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	host = strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")
	if _, err := netip.ParseAddr(host); err == nil {
		return true
	}
	return s.hosts[canonical(host)]
}

func canonical(host string) string { return strings.ToLower(strings.TrimSuffix(host, ".")) }

// slots are places that can be taken.
type slots chan struct{}

func newSlots(n int) slots { return make(slots, n) }

// take takes a place if there is one.
func (s slots) take() bool {
	select {
	case s <- struct{}{}:
		return true
	default:
		return false
	}
}

func (s slots) leave() { <-s }

// boundedListener closes connections that are too many: those that have waited for a
// request for longest, else the new ones, and then it says so now and then.
type boundedListener struct {
	net.Listener
	places slots
	idle   *idlers
	log    *log.Logger
	said   time.Time
}

// idlers are the connections on which no request is under way, and since when.
type idlers struct {
	mu    sync.Mutex
	since map[net.Conn]time.Time
}

// note is http.Server.ConnState.
func (i *idlers) note(c net.Conn, state http.ConnState) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if state == http.StateNew || state == http.StateIdle {
		i.since[c] = time.Now()
	} else {
		delete(i.since, c)
	}
}

// closeOne closes the one that has waited for longest, if there is any.
func (i *idlers) closeOne() {
	i.mu.Lock()
	var longest net.Conn
	for c, at := range i.since {
		if longest == nil || at.Before(i.since[longest]) {
			longest = c
		}
	}
	delete(i.since, longest)
	i.mu.Unlock()
	if longest != nil {
		_ = longest.Close() // nobody waits for an answer there
	}
}

// sayFullEvery is how often it is said that connections are too many.
const sayFullEvery = time.Minute

func (l *boundedListener) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		taken := l.places.take()
		if !taken {
			l.idle.closeOne()
			taken = l.places.take()
		}
		if taken {
			return &placedConn{Conn: c, leave: sync.OnceFunc(l.places.leave)}, nil
		}
		if now := time.Now(); now.Sub(l.said) >= sayFullEvery {
			l.said = now
			l.log.Printf("%d connections are open, the most there may be; more, such as one from %s, are closed unheard, those of probes and scrapers too", cap(l.places), c.RemoteAddr())
		}
		_ = c.Close() // nothing was said
	}
}

// placedConn leaves its place when it is closed.
type placedConn struct {
	net.Conn
	leave func()
}

func (c *placedConn) Close() error {
	defer c.leave()
	return c.Conn.Close()
}
