package compat

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// TestJoin checks joins (client protocol 4.2).
func TestJoin(t *testing.T) {
	t.Parallel()
	d := start(t, setup{})
	rule(t, "4.2", "every member that wants notices gets one, the joiner included", func(t *testing.T) {
		a, b, c, q := d.connect(t, "a"), d.connect(t, "b"), d.connect(t, "c"), d.login(t, "q", login{})
		a.join("all")
		q.send(joinReq, "", "all")
		a.notice(byJoin, "all", q.group)
		v := b.join("all")
		if got := a.notice(byJoin, "all", b.group); !slices.Equal(got.raw, v.raw) {
			t.Errorf("two receivers of one notice:\n% x\n% x", got.raw, v.raw)
		}
		mark(b, a, b, c, q) // c is no member and q did not ask for notices
	})
	rule(t, "4.2", "a second join does nothing", func(t *testing.T) {
		a, b := d.connect(t, "a"), d.connect(t, "b")
		a.join("twice")
		first := b.join("twice")
		a.notice(byJoin, "twice", b.group)
		b.send(joinReq, "", "twice")
		mark(b, a, b)
		b.send(leaveReq, "", "twice")
		b.selfLeave("twice")
		if v := a.notice(byLeave, "twice", b.group); v.id[2] != first.id[2]+1 {
			t.Errorf("the second join counted: index %d after %d", v.id[2], first.id[2])
		}
		mark(b, a, b)
	})
	rule(t, "4.2", "only the first name of a join counts; its data is ignored", func(t *testing.T) {
		a := d.connect(t, "a")
		a.send(joinReq, "some data", "first", "second", "third")
		a.notice(byJoin, "first", a.group)
		a.send(fifo, "x", "second", "third")
		a.alive()
	})
	rule(t, "4.2", "a join of 100 names is one join", func(t *testing.T) {
		a := d.connect(t, "a")
		a.send(joinReq, "", append([]string{"hundred"}, manyNames(99, "h")...)...)
		a.notice(byJoin, "hundred", a.group)
		a.send(fifo, "x", "h000", "h098")
		a.alive()
	})
	rule(t, "4.2", "a join or leave without a name is ignored", func(t *testing.T) {
		differs(t, "12.5 zero names")
		a := d.connect(t, "a")
		a.join("kept")
		a.send(joinReq, "")
		a.send(leaveReq, "")
		a.send(joinReq, "kept with data and no name")
		a.send(leaveReq, strings.Repeat("kept", 8))
		a.alive()
		a.send(fifo, "still here", "kept")
		a.receive(fifo, a.group, "still here", "kept")
	})
	rule(t, "4.2", "SELF_DISCARD and membership bits of a join or leave are ignored", func(t *testing.T) {
		a, b := d.connect(t, "a"), d.connect(t, "b")
		for i, bits := range []uint32{selfDiscard, regMemb, byLeave | byDisconnect, 0x4000, 0x40000000} {
			group := fmt.Sprintf("bits %d", i)
			b.join(group)
			a.send(joinReq|bits, "", group)
			a.notice(byJoin, group, a.group)
			b.notice(byJoin, group, a.group)
			a.send(leaveReq|bits, "", group)
			a.selfLeave(group)
			b.notice(byLeave, group, a.group)
		}
		mark(a, a, b)
	})
	rule(t, "3.4", "the daemon takes any name for a group", func(t *testing.T) {
		a := d.connect(t, "a")
		for _, name := range []string{"", " ", "a b", "\x01\x02", "\xff\xfe", "ä", "~", strings.Repeat("n", 31)} {
			a.join(name)
			a.send(fifo, "to it", name)
			a.receive(fifo, a.group, "to it", name)
		}
		a.alive()
	})
	rule(t, "3.4", "a name that fills all 32 bytes", func(t *testing.T) {
		a, b := d.connect(t, "a"), d.connect(t, "b")
		x, y := strings.Repeat("n", 31)+"x", strings.Repeat("n", 31)+"y"
		a.join(x)
		b.join(y)
		a.send(fifo, "to x", x)
		a.receive(fifo, a.group, "to x", x)
		a.send(fifo, "to y", y)
		b.receive(fifo, a.group, "to y", y)
		a.send(leaveReq, "", x)
		a.selfLeave(x)
		mark(a, a, b)
	})
	rule(t, "3.4", "names are matched up to their first zero byte", func(t *testing.T) {
		a, b := d.connect(t, "a"), d.connect(t, "b")
		a.join("plain")
		b.send(joinReq, "", "plain\x00junk")
		b.notice(byJoin, "plain", b.group)
		a.notice(byJoin, "plain", b.group)
		b.send(leaveReq, "", "plain\x00other")
		b.selfLeave("plain")
		a.notice(byLeave, "plain", b.group)
		mark(b, a, b)
	})
	rule(t, "3.4", "a private group may be joined but no multicast reaches it as a group", func(t *testing.T) {
		a, b := d.connect(t, "a"), d.connect(t, "b")
		for _, name := range []string{"#ghost#localhost", "#", "#ghost", b.group} {
			a.join(name)
			b.send(fifo, "for nobody", name, "nowhere")
			if name == b.group {
				b.receive(fifo, b.group, "for nobody", name, "nowhere")
			}
			mark(b, a, b)
		}
	})
}

// TestLeave checks leaves and the self-leave message (4.3, 5.4).
func TestLeave(t *testing.T) {
	t.Parallel()
	d := start(t, setup{})
	rule(t, "4.3", "the leaver gets the self-leave, the others a notice", func(t *testing.T) {
		a, b, q := d.connect(t, "a"), d.connect(t, "b"), d.login(t, "q", login{})
		a.join("left")
		b.join("left")
		a.notice(byJoin, "left", b.group)
		q.send(joinReq, "", "left")
		a.notice(byJoin, "left", q.group)
		b.notice(byJoin, "left", q.group)
		b.send(leaveReq, "", "left")
		b.selfLeave("left")
		if v := a.notice(byLeave, "left", b.group); !slices.Equal(v.members, []string{a.group, q.group}) {
			t.Errorf("members %q", v.members)
		}
		q.send(leaveReq, "", "left")
		a.notice(byLeave, "left", q.group)
		mark(q, a, b, q)
		a.send(leaveReq, "", "left")
		a.selfLeave("left")
		a.send(fifo, "to nobody", "left")
		mark(a, a, b, q)
	})
	rule(t, "4.3", "a leave of a non-member does nothing", func(t *testing.T) {
		a, b := d.connect(t, "a"), d.connect(t, "b")
		first := a.join("stay")
		b.send(leaveReq, "", "stay")
		b.send(leaveReq, "", "no such group")
		b.send(leaveReq, "", a.group)
		mark(b, a, b)
		if v := b.join("stay"); v.id[2] != first.id[2]+1 {
			t.Errorf("the leave counted: index %d after %d", v.id[2], first.id[2])
		}
	})
	rule(t, "4.3", "only the first name of a leave counts", func(t *testing.T) {
		a := d.connect(t, "a")
		a.join("one")
		a.join("two")
		a.send(leaveReq, "data", "one", "two")
		a.selfLeave("one")
		a.send(fifo, "still in", "one", "two")
		a.receive(fifo, a.group, "still in", "one", "two")
		a.send(leaveReq, "", "none", "two")
		a.alive()
	})
	rule(t, "4.3", "join and leave many times in one segment", func(t *testing.T) {
		a, b := d.connect(t, "a"), d.connect(t, "b")
		b.join("door")
		var say []byte
		for range 100 {
			say = slices.Concat(say, a.frame(joinReq, []string{"door"}, nil),
				a.frame(fifo, []string{"door"}, []byte("inside")), a.frame(leaveReq, []string{"door"}, nil))
		}
		a.write(say)
		for range 100 {
			for _, c := range []*client{a, b} {
				c.notice(byJoin, "door", a.group)
				c.receive(fifo, a.group, "inside", "door")
			}
			a.selfLeave("door")
			b.notice(byLeave, "door", a.group)
		}
		mark(a, a, b)
	})
}
