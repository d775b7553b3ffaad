package compat

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"
)

// The type word (client protocol 3.3).
const (
	unreliable  = 0x00000001
	reliable    = 0x00000002
	fifo        = 0x00000004
	causal      = 0x00000008
	agreed      = 0x00000010
	safe        = 0x00000020
	selfDiscard = 0x00000040

	byJoin       = 0x00000100
	byLeave      = 0x00000200
	byDisconnect = 0x00000400
	regMemb      = 0x00001000
	transition   = 0x00002000

	joinReq  = 0x00010000
	leaveReq = 0x00020000
	killReq  = 0x00040000

	groupsMess = 0x00080000
	rejectMess = 0x00400000

	orderMark = 0x80000080 // set by a little-endian writer, clear from a big-endian one
)

const (
	headerLen = 48
	nameLen   = 32
)

// conn is a connection to the daemon under test and nothing more: bytes out,
// bytes in. Whatever does not come within patience fails the test.
type conn struct {
	t testing.TB
	c net.Conn
	r *bufio.Reader
}

// dial connects by TCP to the daemon's own address.
func (d *daemon) dial(t testing.TB) *conn {
	t.Helper()
	return d.dialHost(t, d.set.dial)
}

// dialHost connects by TCP to a host, or to the Unix socket for "unix". At the
// end of the test it closes and waits until the daemon has done the same, so
// that the name and the groups of the session are free for the next test.
func (d *daemon) dialHost(t testing.TB, host string) *conn {
	t.Helper()
	nc, err := net.DialTimeout(d.where(host), d.endpoint(host), patience)
	if err != nil {
		t.Fatalf("connecting to the daemon: %v", err)
	}
	c := &conn{t: t, c: nc, r: bufio.NewReaderSize(nc, 1<<16)}
	t.Cleanup(func() {
		defer func() { _ = nc.Close() }()
		if c.closeWrite() == nil {
			_ = nc.SetDeadline(time.Now().Add(patience))
			_, _ = io.Copy(io.Discard, nc)
		}
	})
	return c
}

func (c *conn) closeWrite() error {
	if half, ok := c.c.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return errors.ErrUnsupported
}

// put writes with one call and reports what went wrong.
func (c *conn) put(b []byte) error {
	_ = c.c.SetWriteDeadline(time.Now().Add(patience))
	_, err := c.c.Write(b)
	return err
}

func (c *conn) write(b []byte) {
	c.t.Helper()
	if err := c.put(b); err != nil {
		c.t.Fatalf("writing %d bytes: %v", len(b), err)
	}
}

func (c *conn) read(n int) []byte {
	c.t.Helper()
	b := make([]byte, n)
	_ = c.c.SetReadDeadline(time.Now().Add(patience))
	if got, err := io.ReadFull(c.r, b); err != nil {
		c.t.Fatalf("reading %d bytes: %v after % x", n, err, b[:got])
	}
	return b
}

// peek shows the next bytes, which are not read yet.
func (c *conn) peek(n int) []byte {
	c.t.Helper()
	_ = c.c.SetReadDeadline(time.Now().Add(patience))
	b, err := c.r.Peek(n)
	if err != nil {
		c.t.Fatalf("waiting for %d bytes: %v after % x", n, err, b)
	}
	return b
}

// expect reads exactly these bytes.
func (c *conn) expect(want []byte) {
	c.t.Helper()
	if got := c.read(len(want)); !bytes.Equal(got, want) {
		c.t.Fatalf("the daemon sent\n% x, want\n% x", got, want)
	}
}

// closed reads the end of the connection, with no byte before it. A reset is an
// end too: the daemon may close with bytes unread.
func (c *conn) closed() {
	c.t.Helper()
	if rest := c.untilClosed(); len(rest) > 0 {
		c.t.Fatalf("the daemon sent %d bytes before it closed: % x", len(rest), rest[:min(len(rest), 200)])
	}
}

// untilClosed reads whatever comes before the end of the connection.
func (c *conn) untilClosed() []byte {
	c.t.Helper()
	_ = c.c.SetReadDeadline(time.Now().Add(patience))
	rest, err := io.ReadAll(c.r)
	if err != nil && isTimeout(err) {
		c.t.Fatalf("the daemon did not close within %v; it sent % x", patience, rest[:min(len(rest), 200)])
	}
	return rest
}

// refused reads one refusal byte and the end.
func (c *conn) refused(code byte) {
	c.t.Helper()
	c.expect([]byte{code})
	c.closed()
}

// isOpen reports whether the daemon has neither sent anything nor closed yet.
func (c *conn) isOpen() bool {
	_ = c.c.SetReadDeadline(time.Now().Add(time.Millisecond))
	_, err := c.r.Peek(1)
	return err != nil && isTimeout(err)
}

func isTimeout(err error) bool {
	var ne net.Error
	return errors.As(err, &ne) && ne.Timeout()
}

// message is one message as it stands on the wire.
type message struct {
	kind  uint32 // type word without the byte-order marker
	from  string // sender, up to its first zero byte
	hint  []byte // 4 bytes
	names []string
	data  []byte
	raw   []byte // all of it
}

func (m message) String() string {
	data := m.data
	if len(data) > 64 {
		data = data[:64]
	}
	return fmt.Sprintf("{type %#x from %q hint % x names %q, %d bytes: %q}", m.kind, m.from, m.hint, m.names, len(m.data), data)
}

// get reads one message. The daemon must write in its own, little-endian order.
func (c *conn) get() (message, error) {
	_ = c.c.SetReadDeadline(time.Now().Add(patience))
	head := make([]byte, headerLen)
	if _, err := io.ReadFull(c.r, head); err != nil {
		return message{}, fmt.Errorf("reading a header: %w", err)
	}
	le := binary.LittleEndian
	word, count, size := le.Uint32(head), int32(le.Uint32(head[36:])), int32(le.Uint32(head[44:]))
	if word&orderMark != orderMark || count < 0 || size < 0 || size > 1<<20 || count > 1<<15 {
		return message{}, fmt.Errorf("not a header: % x", head)
	}
	body := make([]byte, int(count)*nameLen+int(size))
	if _, err := io.ReadFull(c.r, body); err != nil {
		return message{}, fmt.Errorf("reading %d bytes behind a header: %w", len(body), err)
	}
	m := message{kind: word &^ orderMark, from: cut(head[4:36]), hint: head[40:44], raw: append(head, body...)}
	for ; count > 0; count-- {
		m.names = append(m.names, cut(body[:nameLen]))
		body = body[nameLen:]
	}
	m.data = body
	return m, nil
}

func (c *conn) next() message {
	c.t.Helper()
	m, err := c.get()
	if err != nil {
		c.t.Fatal(err)
	}
	return m
}

// cut gives a name up to its first zero byte.
func cut(b []byte) string {
	name, _, _ := strings.Cut(string(b), "\x00")
	return name
}

// pad gives a name field of n bytes.
func pad(name string, n int) []byte {
	b := make([]byte, n)
	copy(b, name)
	return b
}

// frame writes a message the way a client of the given order does, legal or not.
func frame(order binary.ByteOrder, kind uint32, from string, hint uint32, names []string, data []byte) []byte {
	b := make([]byte, headerLen, headerLen+nameLen*len(names)+len(data))
	if order == binary.LittleEndian {
		kind, hint = kind|orderMark, hint|orderMark
	}
	order.PutUint32(b, kind)
	copy(b[4:36], from)
	order.PutUint32(b[36:], uint32(len(names)))
	order.PutUint32(b[40:], hint)
	order.PutUint32(b[44:], uint32(len(data)))
	for _, n := range names {
		b = append(b, pad(n, nameLen)...)
	}
	return append(b, data...)
}
