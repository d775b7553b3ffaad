package compat

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

// version is what a client calls itself in its hello.
type version struct{ major, minor, patch byte }

var v5 = version{5, 0, 1}

// leOrder and beOrder are the two kinds of client.
var leOrder, beOrder binary.ByteOrder = binary.LittleEndian, binary.BigEndian

// number is the version as the daemon counts it: bytes are signed.
func (v version) number() int {
	return int(int8(v.major))*10000 + int(int8(v.minor))*100 + int(int8(v.patch))
}

// sendsPatch and exchangesAuth say which parts of the handshake a client of
// this version has (client protocol 2.1, 2.7).
func (v version) sendsPatch() bool    { return int(int8(v.major))*10000+int(int8(v.minor))*100 > 31400 }
func (v version) readsPatch() bool    { return v.number() >= 31500 }
func (v version) exchangesAuth() bool { return v.number() >= 31600 }

// hello is the first thing that a client says (client protocol 2.1).
func hello(v version, flags byte, name string) []byte {
	b := []byte{v.major, v.minor}
	if v.sendsPatch() {
		b = append(b, v.patch)
	}
	return append(append(b, flags, byte(len(name))), name...)
}

// choice is the answer to the authentication list (client protocol 2.6).
func choice(methods ...string) []byte {
	b := make([]byte, 0, 90)
	for _, m := range methods {
		b = append(b, pad(m, 30)...)
	}
	return append(b, make([]byte, 90-len(b))...)
}

var authNull = []byte("\x05NULL ") // the list of a stock daemon

// accepted is what a daemon answers to a client that may come in (2.7).
func accepted(v version, group string) []byte {
	b := []byte{1, 5, 0}
	if v.readsPatch() {
		b = append(b, 1)
	}
	return append(append(b, byte(len(group))), group...)
}

// client is a session: a connection behind its handshake.
type client struct {
	*conn
	group string           // own private group
	order binary.ByteOrder // in which it writes
}

// login describes a session; the zero value of each field is the usual one.
type login struct {
	version version // 5.0.1
	flags   byte    // membership messages are not wanted
	host    string  // the daemon's own address
	order   binary.ByteOrder
}

// connect makes a session of the current version that wants membership messages.
func (d *daemon) connect(t testing.TB, name string) *client {
	t.Helper()
	return d.login(t, name, login{flags: 1})
}

// login makes any kind of session under a name.
func (d *daemon) login(t testing.TB, name string, l login) *client {
	t.Helper()
	if l.version == (version{}) {
		l.version = v5
	}
	if l.host == "" {
		l.host = d.set.dial
	}
	if l.order == nil {
		l.order = leOrder
	}
	c := d.dialHost(t, l.host)
	c.write(hello(l.version, l.flags, name))
	if l.version.exchangesAuth() {
		c.expect(authNull)
		c.write(choice("NULL"))
	}
	s := c.enter(d, l.version, name)
	s.order = l.order
	return s
}

// enter reads the acceptance of a session of known name, which then writes
// little-endian.
func (c *conn) enter(d *daemon, v version, name string) *client {
	c.t.Helper()
	group := d.private(name)
	c.expect(accepted(v, group))
	return &client{conn: c, group: group, order: leOrder}
}

// private gives the private group of a name at this daemon.
func (d *daemon) private(name string) string { return "#" + name + "#" + d.name }

// frame writes a message of this session with message type 0.
func (c *client) frame(kind uint32, names []string, data []byte) []byte {
	return frame(c.order, kind, c.group, 0, names, data)
}

func (c *client) send(kind uint32, data string, names ...string) {
	c.t.Helper()
	c.write(c.frame(kind, names, []byte(data)))
}

// receive reads one message and checks that it is this one, byte for byte.
func (c *client) receive(kind uint32, from, data string, names ...string) {
	c.t.Helper()
	m := c.next()
	if want := frame(binary.LittleEndian, kind, from, 0, names, []byte(data)); !bytes.Equal(m.raw, want) {
		c.t.Fatalf("%s got %v, want type %#x from %q to %q: %.64q", c.group, m, kind, from, names, data)
	}
}

// join joins a group and reads the notice of it.
func (c *client) join(group string) view {
	c.t.Helper()
	c.send(joinReq, "", group)
	return c.notice(byJoin, group, c.group)
}

// notice reads one membership message with this cause about this member.
func (c *client) notice(cause uint32, group, about string) view {
	c.t.Helper()
	m := c.next()
	if m.kind != regMemb|cause || m.from != group {
		c.t.Fatalf("%s got %v, want membership %#x of %q", c.group, m, cause, group)
	}
	v := m.view(c.t)
	if len(v.sets) != 1 || !slices.Equal(v.sets[0], []string{about}) || v.own != 0 {
		c.t.Fatalf("%s got sets %q, own at %d; want only %q", c.group, v.sets, v.own, about)
	}
	return v
}

// selfLeave reads the message that ends one's own membership (5.4).
func (c *client) selfLeave(group string) {
	c.t.Helper()
	c.receive(byLeave, group, "")
}

// view is what a membership message of the 4.x and 5.x layout tells (5.2).
type view struct {
	members []string
	id      [3]int32
	sets    [][]string
	own     int // offset of the receiver's set
	raw     []byte
}

func (m message) view(t testing.TB) view {
	t.Helper()
	v := view{members: m.names, raw: m.raw}
	r := bytes.NewReader(m.data)
	var head struct {
		ID        [3]int32
		Sets, Own int32
	}
	if err := binary.Read(r, binary.LittleEndian, &head); err != nil {
		t.Fatalf("membership body of %v: %v", m, err)
	}
	v.id, v.own = head.ID, int(head.Own)
	for range head.Sets {
		var n int32
		if err := binary.Read(r, binary.LittleEndian, &n); err != nil || int64(n)*nameLen > int64(r.Len()) {
			t.Fatalf("membership body % x: a set of %d: %v", m.data, n, err)
		}
		v.sets = append(v.sets, readNames(r, n))
	}
	if r.Len() > 0 {
		t.Fatalf("membership body % x: %d bytes left over", m.data, r.Len())
	}
	return v
}

func readNames(r *bytes.Reader, n int32) []string {
	names := make([]string, n)
	b := make([]byte, nameLen)
	for i := range names {
		_, _ = r.Read(b)
		names[i] = cut(b)
	}
	return names
}

// mark proves that nothing else arrives: from sends one AGREED message to the
// private groups of all, behind whatever it has sent before, and it must be the
// next thing that each of them reads.
func mark(from *client, all ...*client) {
	from.t.Helper()
	names := make([]string, len(all))
	for i, c := range all {
		names[i] = c.group
	}
	text := fmt.Sprintf("marker of %s at %d", from.group, time.Now().UnixNano())
	from.send(agreed, text, names...)
	for _, c := range all {
		c.receive(agreed, from.group, text, names...)
	}
}

// in lends a session to a subtest, which then reports its failures.
func (c *client) in(t testing.TB) *client {
	lent := *c.conn
	lent.t = t
	return &client{conn: &lent, group: c.group, order: c.order}
}

// alive proves that the session still works and that nothing was waiting for it.
func (c *client) alive() {
	c.t.Helper()
	mark(c, c)
}

// rule runs one subtest for one rule of the client protocol.
func rule(t *testing.T, section, what string, test func(t *testing.T)) {
	t.Helper()
	t.Run("rule: client protocol "+section+": "+strings.ReplaceAll(what, "/", " or "), test)
}
