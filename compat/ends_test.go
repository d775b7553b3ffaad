package compat

import (
	"fmt"
	"net"
	"slices"
	"testing"
)

// pair gives two members of one group.
func pair(t *testing.T, d *daemon, group string) (stays, goes *client) {
	t.Helper()
	stays, goes = d.connect(t, "stays"), d.connect(t, "goes")
	stays.join(group)
	goes.join(group)
	stays.notice(byJoin, group, goes.group)
	return stays, goes
}

// TestKill checks the request that ends a session (client protocol 4.4).
func TestKill(t *testing.T) {
	t.Parallel()
	d := start(t, setup{})
	for _, c := range []struct {
		what  string
		kind  uint32
		names []string
		data  string
	}{
		{"with its own private group", killReq, []string{"#goes#localhost"}, ""},
		{"with another name", killReq, []string{"#stays#localhost"}, ""},
		{"with the name of a group", killReq, []string{"kill"}, ""},
		{"without a name", killReq, nil, ""},
		{"with several names", killReq, []string{"a", "b", "c"}, ""},
		{"with data", killReq, []string{"#goes#localhost"}, "and some data"},
		{"with SELF_DISCARD", killReq | selfDiscard, []string{"#goes#localhost"}, ""},
		{"with membership bits", killReq | regMemb | byJoin, []string{"#goes#localhost"}, ""},
	} {
		rule(t, "4.4", "KILL "+c.what, func(t *testing.T) {
			a, b := pair(t, d, "kill")
			b.send(c.kind, c.data, c.names...)
			b.closed()
			a.notice(byDisconnect, "kill", b.group)
			a.alive()
		})
	}
	rule(t, "4.4", "what precedes KILL is delivered, what follows is ignored", func(t *testing.T) {
		a, b := pair(t, d, "before")
		var say []byte
		for i := range 50 {
			say = append(say, b.frame(fifo|selfDiscard, []string{"before"}, fmt.Appendf(nil, "number %d", i))...)
		}
		say = append(say, b.frame(killReq, []string{b.group}, nil)...)
		say = append(say, b.frame(fifo, []string{"before"}, []byte("too late"))...)
		b.write(append(say, b.frame(joinReq, []string{"before"}, nil)...))
		for i := range 50 {
			a.receive(fifo|selfDiscard, b.group, fmt.Sprintf("number %d", i), "before")
		}
		a.notice(byDisconnect, "before", b.group)
		b.closed()
		a.alive()
	})
	rule(t, "4.4", "the name is free when the socket is closed", func(t *testing.T) {
		for range 20 {
			d.connect(t, "again").closeSession()
		}
		a := d.connect(t, "again")
		a.join("nothing inherited")
		a.alive()
	})
	rule(t, "4.4", "the new session of a name inherits no group", func(t *testing.T) {
		a, b := pair(t, d, "heir")
		b.closeSession()
		a.notice(byDisconnect, "heir", b.group)
		c := d.connect(t, "goes")
		a.send(fifo, "for members", "heir")
		a.receive(fifo, a.group, "for members", "heir")
		mark(a, a, c)
		c.join("heir")
		a.notice(byJoin, "heir", c.group)
	})
}

// TestClose checks the other ends of a session (4.4).
func TestClose(t *testing.T) {
	t.Parallel()
	d := start(t, setup{})
	for _, c := range []struct {
		what string
		end  func(t *testing.T, c *client)
	}{
		{"the socket is closed", func(t *testing.T, c *client) { _ = c.c.Close() }},
		{"the socket is half closed", func(t *testing.T, c *client) {
			_ = c.closeWrite()
			c.closed()
		}},
		{"the socket is reset", func(t *testing.T, c *client) {
			tcp, ok := c.c.(*net.TCPConn)
			if !ok {
				t.Skip("not TCP")
			}
			_ = tcp.SetLinger(0)
			_ = tcp.Close()
		}},
	} {
		rule(t, "4.4", "disconnect when "+c.what, func(t *testing.T) {
			a, b := pair(t, d, "close")
			c.end(t, b)
			a.notice(byDisconnect, "close", b.group)
			a.alive()
			d.connect(t, "goes").alive()
		})
	}
	rule(t, "4.4", "what precedes the close is delivered", func(t *testing.T) {
		a, b := pair(t, d, "last words")
		var say []byte
		for i := range 50 {
			say = append(say, b.frame(agreed|selfDiscard, []string{"last words"}, fmt.Appendf(nil, "number %d", i))...)
		}
		b.write(say)
		_ = b.c.Close()
		for i := range 50 {
			a.receive(agreed|selfDiscard, b.group, fmt.Sprintf("number %d", i), "last words")
		}
		a.notice(byDisconnect, "last words", b.group)
		a.alive()
	})
	rule(t, "4.4", "a message cut off by the close is discarded", func(t *testing.T) {
		for _, missing := range []int{1, 9, 10, 42, 43, 60, 89} {
			a, b := pair(t, d, "cut")
			whole := b.frame(fifo, []string{"cut"}, []byte("unfinished"))
			b.write(whole[:len(whole)-missing])
			_ = b.c.Close()
			a.notice(byDisconnect, "cut", b.group)
			a.closeSession()
		}
	})
	rule(t, "4.4", "a large message cut off by the close is discarded", func(t *testing.T) {
		a, b := pair(t, d, "cut large")
		whole := b.frame(fifo, []string{"cut large"}, make([]byte, 100000))
		b.write(whole[:60000])
		_ = b.closeWrite()
		a.notice(byDisconnect, "cut large", b.group)
		a.alive()
	})
	rule(t, "4.4", "one disconnect per group, in byte order of their names", func(t *testing.T) {
		a, b := d.connect(t, "stays"), d.connect(t, "goes")
		groups := []string{"m", "Z", "aa", "a", "\xff", "", "~", "$", "\x01", "a b", "B"}
		for _, g := range groups {
			a.join(g)
		}
		for _, g := range slices.Backward(groups) {
			b.join(g)
			a.notice(byJoin, g, b.group)
		}
		b.join("only mine")
		b.closeSession()
		slices.Sort(groups)
		for _, g := range groups {
			if v := a.notice(byDisconnect, g, b.group); !slices.Equal(v.members, []string{a.group}) {
				t.Errorf("members of %q: %q", g, v.members)
			}
		}
		a.alive()
	})
	rule(t, "4.4", "no self-leave and no notice for the last member that disconnects", func(t *testing.T) {
		a, b := d.connect(t, "stays"), d.connect(t, "goes")
		b.join("alone")
		b.closeSession()
		a.send(fifo, "to nobody", "alone")
		a.alive()
	})
}
