package session

import (
	"container/list"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"sync/atomic"
	"time"

	"gospread/spread/internal/clientproto"
)

// greeter shakes hands with one new connection. It buffers what the client
// sends, however it is cut, and lets a client go on without waiting for answers.
type greeter struct {
	server  *Server
	conn    rawConn
	started time.Time
	place   *list.Element // among the handshakes
	hurried atomic.Bool
	buf     []byte
	s       *Session
}

// refusal is a handshake that ends without a session.
type refusal struct {
	reason Reason
	code   clientproto.Code // sent to the client; 0: nothing is
	err    error            // may be nil
}

// greet returns the session, attached and with the accept in its queue, or why
// there is none.
func (g *greeter) greet() (*Session, *refusal) {
	cfg := g.server.config.Load()
	if err := g.deadline(time.Now().Add(cfg.HandshakeTimeout)); err != nil {
		return nil, &refusal{reason: ConnectionFailed, err: err}
	}
	hello, no := g.hello()
	if no != nil {
		return nil, no
	}
	s, no := g.claim(hello, cfg)
	if no != nil {
		return nil, no
	}
	g.s = s
	if no := g.authenticate(s, cfg); no != nil {
		g.server.router.Release(s.Private)
		return nil, no
	}
	if !g.server.greeted(g) {
		g.server.router.Release(s.Private)
		return nil, &refusal{reason: HandshakeLate}
	}
	if err := g.deadline(time.Time{}); err != nil {
		g.server.router.Release(s.Private)
		return nil, &refusal{reason: ConnectionFailed, err: err}
	}
	s.input.buf = g.buf
	s.Started = time.Now()
	accept := clientproto.AppendAccept(nil, s.Version, &s.Private)
	s.queue.put([]span{{b: accept, memory: shared}}, nil, &cfg.Limits, s.Started)
	g.server.router.Attach(s)
	return s, nil
}

// deadline sets the connection's deadline, unless the server is stopping: that
// sets one of its own, which must stand.
func (g *greeter) deadline(t time.Time) error {
	if err := g.conn.SetDeadline(t); err != nil {
		return err
	}
	select {
	case <-g.server.stopped:
	default:
		if !g.hurried.Load() {
			return nil
		}
	}
	return g.conn.SetDeadline(past)
}

// hurry ends the handshake at its next wait.
func (g *greeter) hurry() {
	g.hurried.Store(true)
	_ = g.conn.SetDeadline(past) // a connection that fails ends by itself
}

// past is a deadline that ends every wait at once.
var past = time.Unix(1, 0)

// fill reads more of what the client sends.
func (g *greeter) fill() error {
	var b [256]byte
	n, err := g.conn.Read(b[:])
	g.buf = append(g.buf, b[:n]...)
	if n > 0 {
		return nil
	}
	if err == nil {
		err = io.ErrNoProgress
	}
	return err
}

// gone is the refusal for a client that went silent or away. code is what it is
// still told.
func gone(err error, code clientproto.Code) *refusal {
	reason := ConnectionFailed
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		reason, err = HandshakeLate, nil
	case errors.Is(err, io.EOF):
		reason, err = HandshakeClosed, nil
	}
	return &refusal{reason: reason, code: code, err: err}
}

func (g *greeter) hello() (clientproto.Hello, *refusal) {
	for {
		h, n, partName, err := clientproto.ParseHello(g.buf)
		var code clientproto.Code
		switch {
		case err == nil:
			g.buf = g.buf[n:]
			return h, nil
		case errors.As(err, &code):
			reason := RefusedName
			switch {
			case code == clientproto.RejectVersion:
				reason = RefusedVersion
				err = fmt.Errorf("version %d.%d.%d, must be at least 3.1.0", uint8(h.Version.Major), uint8(h.Version.Minor), uint8(h.Version.Patch))
			case h.Name != "":
				err = fmt.Errorf("%q: bytes must be printable ASCII from $ to ~", h.Name)
			default:
				err = fmt.Errorf("%d bytes, must be at most %d", g.buf[n-1], clientproto.MaxUser)
			}
			return h, &refusal{reason: reason, code: code, err: err}
		}
		if err := g.fill(); err != nil {
			if partName {
				code = clientproto.RejectIllegalName
			}
			return h, gone(err, code)
		}
	}
}

// claim reserves the client's name, or one invented for it (2.4).
func (g *greeter) claim(h clientproto.Hello, cfg *Config) (*Session, *refusal) {
	raw, err := newRawIO(g.conn)
	if err != nil {
		return nil, &refusal{reason: ConnectionFailed, err: err}
	}
	s := &Session{
		share: leastBatchBytes,
		queue: queue{total: &g.server.queued, unsent: func() int { return unsent(raw) }},
		User:  h.Name, Version: h.Version, Views: h.Membership, Priority: h.Priority,
		server: g.server, conn: g.conn, rawIO: raw, finished: make(chan struct{}),
	}
	invented := h.Name == ""
	for {
		if invented {
			s.User = fmt.Sprintf("r%d-%d", rand.IntN(9999), rand.IntN(1000))
			s.User = s.User[:min(len(s.User), clientproto.MaxUser-1)]
		}
		s.Private = clientproto.Private(s.User, cfg.DaemonName)
		err := g.server.router.Claim(s.Private)
		switch {
		case err == nil:
			return s, nil
		case !errors.Is(err, ErrTaken):
			return nil, &refusal{reason: DaemonStopped}
		case !invented:
			return nil, &refusal{
				reason: RefusedNotUnique, code: clientproto.RejectNotUnique,
				err: fmt.Errorf("%s is connected", s.Private),
			}
		}
	}
}

func (g *greeter) authenticate(s *Session, cfg *Config) *refusal {
	var err error
	if s.Version.HasAuthExchange() {
		list := clientproto.AppendAuthList(nil, cfg.Auth.offered())
		if _, err := g.conn.Write(list); err != nil {
			return gone(err, 0)
		}
		if len(cfg.Auth.offered()) == 0 {
			err = errors.New("no authentication method is allowed")
			return &refusal{reason: RefusedAuth, code: clientproto.RejectAuth, err: err}
		}
		chosen, no := g.choice()
		if no != nil {
			return no
		}
		err = cfg.Auth.admit(chosen, g.conn)
	} else {
		err = cfg.Auth.admitOld(g.conn)
	}
	if err != nil {
		return &refusal{reason: RefusedAuth, code: clientproto.RejectAuth, err: err}
	}
	if p := cfg.Policy; p != nil && !p.Connect(s.User, s.Remote()) {
		return &refusal{reason: RefusedPolicy, code: clientproto.RejectAuth}
	}
	return nil
}

func (g *greeter) choice() ([]string, *refusal) {
	for {
		chosen, err := clientproto.ParseChoice(g.buf)
		if err == nil {
			g.buf = g.buf[clientproto.ChoiceSize:]
			return chosen, nil
		}
		if err := g.fill(); err != nil {
			return nil, gone(err, clientproto.RejectAuth)
		}
	}
}
