// Package fakedaemon is a stand-in for a daemon in tests of the client library:
// one machine, one total order, every well-formed request granted. What it says
// it says in one lock, so that all clients see the same order.
package fakedaemon

import (
	"context"
	"errors"
	"io"
	"maps"
	"net"
	"slices"
	"strconv"
	"sync"

	"gospread/spread/internal/clientproto"
)

// Daemon is the stand-in. Its zero value is not usable; see New.
type Daemon struct {
	// Auth, set before the first client comes, are authentication methods beside
	// NULL: the daemon's side of each.
	Auth map[string]func(io.ReadWriter) error

	name string

	mu       sync.Mutex
	sessions map[clientproto.Name]*session
	groups   map[clientproto.Name][]*session // by name
	index    map[clientproto.Name]int32
	unnamed  int
	wait     sync.WaitGroup
}

// session is one client.
type session struct {
	nc         net.Conn
	private    clientproto.Name
	membership bool
	queue      [][]byte
	more       *sync.Cond
	over       bool
}

// New makes a daemon of the given name.
func New(name string) *Daemon {
	return &Daemon{
		name:     name,
		sessions: map[clientproto.Name]*session{},
		groups:   map[clientproto.Name][]*session{},
		index:    map[clientproto.Name]int32{},
	}
}

// Listen serves on a TCP port of the loopback interface until stop is called,
// which waits for everything to end. daemon is the name for clients.
func (d *Daemon) Listen() (daemon string, stop func(), err error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", nil, err
	}
	d.wait.Go(func() {
		for {
			nc, err := l.Accept()
			if err != nil {
				return
			}
			d.wait.Go(func() { d.Serve(nc) })
		}
	})
	_, port, _ := net.SplitHostPort(l.Addr().String())
	return port + "@127.0.0.1", func() {
		_ = l.Close()
		d.Cut()
		d.wait.Wait()
	}, nil
}

// Dial connects a client in memory, whatever the address.
func (d *Daemon) Dial(context.Context, string, string) (net.Conn, error) {
	mine, theirs := net.Pipe()
	d.wait.Go(func() { d.Serve(mine) })
	return theirs, nil
}

// Cut breaks all connections, as a crash does.
func (d *Daemon) Cut() {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, s := range d.sessions {
		_ = s.nc.Close()
	}
}

// Serve serves one connection until it ends.
func (d *Daemon) Serve(nc net.Conn) {
	defer func() { _ = nc.Close() }()
	s, err := d.welcome(nc)
	if err != nil {
		return
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		s.write()
	}()
	for d.request(s) == nil {
	}
	d.drop(s)
	_ = nc.Close()
	<-done
}

// welcome is the handshake.
func (d *Daemon) welcome(nc net.Conn) (*session, error) {
	var buf []byte
	var h clientproto.Hello
	for {
		var err error
		if h, _, _, err = clientproto.ParseHello(buf); !errors.Is(err, clientproto.ErrShort) {
			if err != nil {
				return nil, refuse(nc, err)
			}
			break
		}
		var more [64]byte
		n, err := nc.Read(more[:])
		if err != nil {
			return nil, err
		}
		buf = append(buf, more[:n]...)
	}
	s, err := d.register(nc, &h)
	if err != nil {
		return nil, refuse(nc, err)
	}
	if err := d.admit(s, &h); err != nil {
		d.drop(s)
		return nil, err
	}
	return s, nil
}

func refuse(nc net.Conn, err error) error {
	var code clientproto.Code
	if errors.As(err, &code) {
		_, _ = nc.Write([]byte{byte(code)})
	}
	return err
}

func (d *Daemon) admit(s *session, h *clientproto.Hello) error {
	if h.Version.HasAuthExchange() {
		if err := d.authenticate(s.nc); err != nil {
			return err
		}
	}
	_, err := s.nc.Write(clientproto.AppendAccept(nil, h.Version, &s.private))
	return err
}

func (d *Daemon) authenticate(nc net.Conn) error {
	offer := append([]string{"NULL"}, slices.Sorted(maps.Keys(d.Auth))...)
	if _, err := nc.Write(clientproto.AppendAuthList(nil, offer)); err != nil {
		return err
	}
	b := make([]byte, clientproto.ChoiceSize)
	if _, err := io.ReadFull(nc, b); err != nil {
		return err
	}
	methods, err := clientproto.ParseChoice(b)
	if err != nil {
		return err
	}
	for _, m := range methods {
		run := d.Auth[m]
		if run == nil {
			continue // NULL has nothing to say
		}
		if err := run(nc); err != nil {
			return refuse(nc, clientproto.RejectAuth)
		}
	}
	return nil
}

func (d *Daemon) register(nc net.Conn, h *clientproto.Hello) (*session, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	user := h.Name
	if user == "" {
		d.unnamed++
		user = "r" + strconv.Itoa(d.unnamed)
	}
	s := &session{nc: nc, private: clientproto.Private(user, d.name), membership: h.Membership, more: sync.NewCond(&d.mu)}
	if d.sessions[s.private] != nil {
		return nil, clientproto.RejectNotUnique
	}
	d.sessions[s.private] = s
	return s, nil
}

// request reads and carries out one request.
func (d *Daemon) request(s *session) error {
	b := make([]byte, clientproto.HeaderSize, 256)
	if _, err := io.ReadFull(s.nc, b); err != nil {
		return err
	}
	h, err := clientproto.ParseHeader(b)
	if err == nil {
		err = clientproto.CheckRequest(&h, b)
	}
	if err != nil {
		return err
	}
	b = append(b, make([]byte, h.Body())...)
	if _, err := io.ReadFull(s.nc, b[clientproto.HeaderSize:]); err != nil {
		return err
	}
	clientproto.PutHeader(b, &h)
	names := clientproto.ParseNames(b[h.Names():h.Data()])
	d.mu.Lock()
	defer d.mu.Unlock()
	switch {
	case h.Type&clientproto.Kill != 0:
		return io.EOF
	case h.Type&clientproto.Requests != 0 && len(names) == 0:
	case h.Type&clientproto.Join != 0:
		d.join(s, names[0])
	case h.Type&clientproto.Leave != 0:
		d.leave(s, names[0], clientproto.CausedByLeave)
	default:
		d.multicast(s, &h, names, b)
	}
	return nil
}

func (d *Daemon) join(s *session, g clientproto.Name) {
	if slices.Contains(d.groups[g], s) {
		return
	}
	d.groups[g] = append(d.groups[g], s)
	slices.SortFunc(d.groups[g], func(a, b *session) int { return a.private.Compare(&b.private) })
	d.announce(g, clientproto.CausedByJoin, s.private)
}

func (d *Daemon) leave(s *session, g clientproto.Name, cause clientproto.Type) {
	i := slices.Index(d.groups[g], s)
	if i < 0 {
		return
	}
	d.groups[g] = slices.Delete(slices.Clone(d.groups[g]), i, i+1)
	if cause == clientproto.CausedByLeave && s.membership {
		s.push(clientproto.AppendSelfLeave(nil, &g))
	}
	d.announce(g, cause, s.private)
}

func (d *Daemon) announce(g clientproto.Name, cause clientproto.Type, changed clientproto.Name) {
	d.index[g]++
	v := &clientproto.View{Group: g, Cause: cause,
		ID:   clientproto.GroupID{Daemon: 1, Time: 2, Index: d.index[g]},
		Sets: [][]clientproto.Name{{changed}},
	}
	for _, m := range d.groups[g] {
		v.Members = append(v.Members, m.private)
	}
	b := clientproto.AppendView(nil, v)
	for _, m := range d.groups[g] {
		if m.membership {
			m.push(b)
		}
	}
}

func (d *Daemon) multicast(s *session, h *clientproto.Header, names []clientproto.Name, b []byte) {
	seen := map[*session]bool{}
	for i := range names {
		to := d.groups[names[i]]
		if m := d.sessions[names[i]]; m != nil {
			to = []*session{m}
		}
		for _, m := range to {
			if !seen[m] && (m != s || h.Type&clientproto.SelfDiscard == 0) {
				m.push(b)
			}
			seen[m] = true
		}
	}
}

// drop ends a session; its groups hear of it in the order of their names.
func (d *Daemon) drop(s *session) {
	d.mu.Lock()
	defer d.mu.Unlock()
	var in []clientproto.Name
	for g, members := range d.groups {
		if slices.Contains(members, s) {
			in = append(in, g)
		}
	}
	slices.SortFunc(in, func(a, b clientproto.Name) int { return a.Compare(&b) })
	for _, g := range in {
		d.leave(s, g, clientproto.CausedByDisconnect)
	}
	delete(d.sessions, s.private)
	s.over = true
	s.more.Broadcast()
}

func (s *session) push(b []byte) {
	s.queue = append(s.queue, b)
	s.more.Signal()
}

// write is the writing goroutine.
func (s *session) write() {
	s.more.L.Lock()
	defer s.more.L.Unlock()
	for {
		for len(s.queue) == 0 && !s.over {
			s.more.Wait()
		}
		if s.over {
			return
		}
		b := slices.Concat(s.queue...)
		s.queue = nil
		s.more.L.Unlock()
		_, err := s.nc.Write(b)
		s.more.L.Lock()
		if err != nil {
			return
		}
	}
}
