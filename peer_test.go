package spread

import (
	"context"
	"io"
	"net"
	"testing"

	"gospread/spread/internal/clientproto"
)

// peer is the daemon's side of a connection, played by a test.
type peer struct {
	testing.TB
	net.Conn
	private clientproto.Name
}

// connection saves tests that use pipes an import.
type connection = net.Conn

// drain reads whatever comes.
func (p *peer) drain() { _, _ = io.Copy(io.Discard, p.Conn) }

// dialTo returns a dialer to whom the given side of a pipe answers.
func dialTo(nc net.Conn) Option {
	return WithDialer(func(context.Context, string, string) (net.Conn, error) { return nc, nil })
}

// pair connects a client to a test that plays the daemon "fake", over a pair of
// connections (in memory if there are none).
func pair(t testing.TB, ends [2]net.Conn, opts ...Option) (*Conn, *peer) {
	t.Helper()
	if ends[0] == nil {
		ends[0], ends[1] = net.Pipe()
	}
	p := &peer{TB: t, Conn: ends[1]}
	done := make(chan struct{})
	go func() {
		defer close(done)
		p.welcome(clientproto.ThisVersion)
	}()
	c, err := Dial(context.Background(), "4803", append([]Option{WithName("me"), dialTo(ends[0])}, opts...)...)
	if err != nil {
		t.Fatal(err)
	}
	<-done
	return c, p
}

// welcome plays a handshake that succeeds.
func (p *peer) welcome(v clientproto.Version) {
	hello := p.read(5)
	name := p.read(int(hello[4]))
	p.write(clientproto.AppendAuthList(nil, []string{"NULL"}))
	p.read(clientproto.ChoiceSize)
	p.private = clientproto.Private(string(name), "fake")
	accept := clientproto.AppendAccept(nil, clientproto.ThisVersion, &p.private)
	accept[1], accept[2], accept[3] = byte(v.Major), byte(v.Minor), byte(v.Patch)
	p.write(accept)
}

// read reads exactly n bytes.
func (p *peer) read(n int) []byte {
	b := make([]byte, n)
	if _, err := io.ReadFull(p.Conn, b); err != nil {
		p.Errorf("the peer could not read %d bytes: %v", n, err)
	}
	return b
}

func (p *peer) write(b []byte) {
	if _, err := p.Conn.Write(b); err != nil {
		p.Errorf("the peer could not write %d bytes: %v", len(b), err)
	}
}

// data makes a data message.
func data(t clientproto.Type, sender string, groups []string, messType int16, body string) []byte {
	s := clientproto.MakeName(sender)
	h := clientproto.Header{Type: t, NumGroups: len(groups), DataLen: len(body)}
	b := clientproto.AppendHeader(nil, &h, &s, messType)
	for _, g := range groups {
		n := clientproto.MakeName(g)
		b = append(b, n[:]...)
	}
	return append(b, body...)
}

// sink is a connection that keeps what is written.
type sink struct {
	net.Conn
	w io.Writer
}

func connTo(w io.Writer) net.Conn { return &sink{w: w} }

func (s *sink) Write(b []byte) (int, error) { return s.w.Write(b) }
