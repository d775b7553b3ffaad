package compat

import (
	"fmt"
	"slices"
	"testing"
)

// trickle writes one byte at a time. Between two bytes a bystander sends itself
// a message and reads it, which gives the daemon time to act on the byte and
// shows that a half-said thing holds up nobody.
func trickle(c *conn, bystander *client, b []byte) {
	c.t.Helper()
	for i := range b {
		c.write(b[i : i+1])
		bystander.alive()
	}
}

// TestFragmentedHandshake checks handshakes that come in pieces or with
// something behind them (client protocol 2.2, 2.6).
func TestFragmentedHandshake(t *testing.T) {
	t.Parallel()
	d := start(t, setup{})
	by := d.connect(t, "by")
	for _, v := range []version{v5, {3, 17, 3}, {3, 15, 2}, {3, 14, 0}} {
		rule(t, "2.2", fmt.Sprintf("hello of a client %d.%d.%d byte by byte", v.major, v.minor, v.patch), func(t *testing.T) {
			c := d.dial(t)
			say := hello(v, 1, "trickle")
			if differs(t, "12.9 fragmented hello") {
				c.write(say[:1])
				c.closed()
				return
			}
			trickle(c, by.in(t), say)
			if v.exchangesAuth() {
				c.expect(authNull)
				c.write(choice("NULL"))
			}
			c.enter(d, v, "trickle").alive()
		})
	}
	rule(t, "2.2", "the name in two pieces", func(t *testing.T) {
		c := d.dial(t)
		say := hello(v5, 1, "pieces")
		c.write(say[:8])
		if differs(t, "12.9 fragmented name") {
			c.refused(0xfb)
			return
		}
		by.in(t).alive()
		c.write(say[8:])
		c.expect(authNull)
		c.write(choice("NULL"))
		c.enter(d, v5, "pieces").alive()
	})
	rule(t, "2.6", "the choice byte by byte", func(t *testing.T) {
		c := d.dial(t)
		c.write(hello(v5, 1, "choosy"))
		c.expect(authNull)
		if differs(t, "12.9 fragmented choice") {
			c.write(choice("NULL")[:1])
			c.refused(0xf7)
			return
		}
		trickle(c, by.in(t), choice("NULL"))
		c.enter(d, v5, "choosy").alive()
	})
	for _, name := range []string{"abcdefghij", "shorter"} {
		rule(t, "2.2", fmt.Sprintf("everything in one segment behind a name of %d bytes", len(name)), func(t *testing.T) {
			c := d.dial(t)
			own := d.private(name)
			c.write(slices.Concat(hello(v5, 1, name), choice("NULL"),
				frame(leOrder, joinReq, own, 0, []string{"pipe " + name}, nil),
				frame(leOrder, safe, own, 0, []string{"pipe " + name}, []byte("early"))))
			if len(name) < 10 && differs(t, "12.9 bytes behind a name") {
				c.refused(0xfb)
				return
			}
			c.expect(authNull)
			s := c.enter(d, v5, name)
			s.notice(byJoin, "pipe "+name, own)
			s.receive(safe, own, "early", "pipe "+name)
			s.alive()
		})
	}
	rule(t, "2.6", "messages behind the choice", func(t *testing.T) {
		c := d.dial(t)
		c.write(hello(v5, 1, "eager"))
		c.expect(authNull)
		own := d.private("eager")
		c.write(slices.Concat(choice("NULL"),
			frame(leOrder, joinReq, own, 0, []string{"eager group"}, nil),
			frame(leOrder, agreed, own, 0, []string{"eager group"}, []byte("one"))))
		s := c.enter(d, v5, "eager")
		s.notice(byJoin, "eager group", own)
		s.receive(agreed, own, "one", "eager group")
		s.alive()
	})
	rule(t, "2.2", "messages behind the hello of a client without the exchange", func(t *testing.T) {
		c := d.dial(t)
		own := d.private("tenletters")
		c.write(slices.Concat(hello(version{3, 14, 0}, 0, "tenletters"),
			frame(leOrder, agreed, own, 0, []string{own}, []byte("to me"))))
		s := c.enter(d, version{3, 14, 0}, "tenletters")
		s.receive(agreed, own, "to me", own)
		s.alive()
	})
}

// TestUnfinishedHandshake checks what becomes of those who stop half way.
func TestUnfinishedHandshake(t *testing.T) {
	t.Parallel()
	d := start(t, setup{})
	for _, c := range []struct {
		what string
		say  []byte
	}{
		{"major", []byte{5}},
		{"major and minor", []byte{5, 0}},
		{"version", []byte{5, 0, 1}},
		{"version and flags", []byte{5, 0, 1, 1}},
		{"everything but the name", []byte{5, 0, 1, 1, 5}},
	} {
		rule(t, "2.2", "hello that ends behind "+c.what+" is closed without a byte", func(t *testing.T) {
			t.Parallel()
			p := d.dial(t)
			p.write(c.say)
			p.closed()
		})
	}
	rule(t, "2.2", "hello that ends inside the name is refused fb", func(t *testing.T) {
		t.Parallel()
		p := d.dial(t)
		p.write(hello(v5, 1, "alice")[:8])
		p.refused(0xfb)
	})
	rule(t, "2.6", "a choice that ends early is refused f7", func(t *testing.T) {
		t.Parallel()
		p := d.dial(t)
		p.write(hello(v5, 1, "shortage"))
		p.expect(authNull)
		p.write(choice("NULL")[:60])
		p.refused(0xf7)
	})
	rule(t, "2.2", "a connection that is closed at once or half closed", func(t *testing.T) {
		t.Parallel()
		_ = d.dial(t).c.Close()
		p := d.dial(t)
		_ = p.closeWrite()
		p.closed()
		q := d.dial(t)
		q.write(hello(v5, 1, "leaver"))
		q.expect(authNull)
		_ = q.closeWrite()
		q.untilClosed()
		d.connect(t, "leaver").alive()
	})
}

func TestSilence(t *testing.T) {
	t.Parallel()
	d := start(t, setup{})
	rule(t, "2.2", "silent connections do not delay the next client", func(t *testing.T) {
		t.Parallel()
		d := start(t, setup{})
		var mute []*conn
		for range 3 {
			mute = append(mute, d.dial(t))
		}
		s := d.connect(t, "talker")
		waited := differs(t, "12.7 silent connection")
		for _, m := range mute {
			if m.isOpen() == waited {
				t.Errorf("a silent connection was still open: %v; want %v", !waited, waited)
			}
		}
		s.alive()
		for _, m := range mute {
			m.closed()
		}
	})
	rule(t, "2.6", "a client that never chooses loses its name and its place", func(t *testing.T) {
		t.Parallel()
		differs(t, "12.8 no choice")
		one := start(t, setup{options: []string{"MaxSessions = 1"}})
		p := one.dial(t)
		p.write(hello(v5, 1, "dreamer"))
		p.expect(authNull)
		one.dial(t).refused(0xfd)
		p.untilClosed()
		one.connect(t, "dreamer").alive()
	})
	rule(t, "6.1", "a session that says nothing is kept", func(t *testing.T) {
		t.Parallel()
		s := d.connect(t, "idle")
		d.dial(t).closed() // longer than the daemon waits for a hello
		s.alive()
	})
}

// TestTrickle checks that messages may come in any pieces (client protocol 4.1).
func TestTrickle(t *testing.T) {
	t.Parallel()
	d := start(t, setup{})
	by := d.connect(t, "by")
	rule(t, "4.1", "requests and messages byte by byte", func(t *testing.T) {
		c := d.connect(t, "slow")
		trickle(c.conn, by.in(t), c.frame(joinReq, []string{"drip"}, nil))
		c.notice(byJoin, "drip", c.group)
		trickle(c.conn, by.in(t), c.frame(fifo, []string{"drip", "other"}, []byte("drop")))
		c.receive(fifo, c.group, "drop", "drip", "other")
		trickle(c.conn, by.in(t), c.frame(leaveReq, []string{"drip"}, nil))
		c.selfLeave("drip")
		trickle(c.conn, by.in(t), c.frame(killReq, []string{c.group}, nil))
		c.closed()
	})
	rule(t, "4.1", "two sessions byte by byte by turns", func(t *testing.T) {
		a, b := d.connect(t, "a"), d.connect(t, "b")
		fa, fb := a.frame(agreed, []string{b.group}, []byte("from a")), b.frame(agreed, []string{a.group}, []byte("from b"))
		for i := range fa {
			a.write(fa[i : i+1])
			b.write(fb[i : i+1])
		}
		a.receive(agreed, b.group, "from b", a.group)
		b.receive(agreed, a.group, "from a", b.group)
		mark(a, a, b)
	})
	rule(t, "4.1", "many messages in one segment", func(t *testing.T) {
		c := d.connect(t, "burst")
		say := c.frame(joinReq, []string{"burst"}, nil)
		for i := range 800 {
			say = append(say, c.frame(fifo, []string{"burst"}, fmt.Appendf(nil, "number %d", i))...)
		}
		say = append(say, c.frame(leaveReq, []string{"burst"}, nil)...)
		c.write(say)
		c.notice(byJoin, "burst", c.group)
		for i := range 800 {
			c.receive(fifo, c.group, fmt.Sprintf("number %d", i), "burst")
		}
		c.selfLeave("burst")
		c.alive()
	})
}
