package compat

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
)

// TestViews checks membership messages (client protocol 5.2, 5.3, 5.7).
func TestViews(t *testing.T) {
	t.Parallel()
	d := start(t, setup{})
	rule(t, "5.2", "members stand in byte order of their private groups", func(t *testing.T) {
		names := []string{"zed", "moe", "Abe", "$1", "~", "a", "aa", "a$", "a~", "A", "0", "9z", "_", "abcdefghij"}
		rand.Shuffle(len(names), func(i, j int) { names[i], names[j] = names[j], names[i] })
		var all []*client
		var want []string
		for _, n := range names {
			c := d.connect(t, n)
			want = append(want, c.group)
			slices.Sort(want)
			v := c.join("order")
			if !slices.Equal(v.members, want) {
				t.Fatalf("members %q, want %q", v.members, want)
			}
			for _, m := range all {
				if got := m.notice(byJoin, "order", c.group); !slices.Equal(got.raw, v.raw) {
					t.Fatalf("two receivers of one view:\n% x\n% x", v.raw, got.raw)
				}
			}
			all = append(all, c)
		}
		mark(all[0], all...)
	})
	rule(t, "5.2", "the notice of every cause, byte for byte", func(t *testing.T) {
		a, b := d.connect(t, "a"), d.connect(t, "b")
		id := a.join("bytes").id
		b.send(joinReq, "", "bytes")
		for i, c := range []struct {
			cause   uint32
			act     func()
			members []string
		}{
			{byJoin, func() {}, []string{a.group, b.group}},
			{byLeave, func() { b.send(leaveReq, "", "bytes") }, []string{a.group}},
			{byJoin, func() { b.send(joinReq, "", "bytes") }, []string{a.group, b.group}},
			{byDisconnect, func() { _ = b.c.Close() }, []string{a.group}},
		} {
			c.act()
			body := new(bytes.Buffer)
			_ = binary.Write(body, binary.LittleEndian, []int32{id[0], id[1], id[2] + int32(i) + 1, 1, 0, 1})
			body.Write(pad(b.group, nameLen))
			a.expect(frame(leOrder, regMemb|c.cause, "bytes", 0, c.members, body.Bytes()))
		}
		a.alive()
	})
	rule(t, "5.3", "the index of a new group is 1 and counts every change", func(t *testing.T) {
		a, b := d.connect(t, "a"), d.connect(t, "b")
		first := a.join("index")
		if first.id[2] != 1 {
			t.Errorf("a new group has index %d", first.id[2])
		}
		for i := int32(2); i < 20; i += 2 {
			b.join("index")
			in := a.notice(byJoin, "index", b.group)
			b.send(leaveReq, "", "index")
			b.selfLeave("index")
			out := a.notice(byLeave, "index", b.group)
			if want := [3]int32{first.id[0], first.id[1], i}; in.id != want || out.id[2] != i+1 || out.id[1] != want[1] {
				t.Fatalf("ids %v, then %v and %v", first.id, in.id, out.id)
			}
		}
	})
	rule(t, "5.3", "groups of one daemon membership share its id; their indexes are their own", func(t *testing.T) {
		a := d.connect(t, "a")
		x, y := a.join("share x"), a.join("share y")
		if x.id != y.id {
			t.Errorf("ids %v and %v", x.id, y.id)
		}
	})
	rule(t, "5.3", "the id when a group is made again", func(t *testing.T) {
		repeats := differs(t, "12.12 group ids")
		a := d.connect(t, "a")
		seen := make(map[[3]int32]bool)
		for i := range 5 {
			v := a.join("phoenix")
			if i > 0 && seen[v.id] != repeats {
				t.Errorf("id %v was seen before: %v; want %v", v.id, seen[v.id], repeats)
			}
			seen[v.id] = true
			a.send(leaveReq, "", "phoenix")
			a.selfLeave("phoenix")
		}
		b := d.connect(t, "b")
		b.join("phoenix")
		v := b.rejoin("phoenix")
		if seen[v.id] != repeats {
			t.Errorf("id %v was seen before: %v; want %v", v.id, seen[v.id], repeats)
		}
	})
	rule(t, "5.7", "a session without the flag is a member and hears nothing of it", func(t *testing.T) {
		a, q := d.connect(t, "a"), d.login(t, "q", login{})
		a.join("hush")
		q.send(joinReq, "", "hush")
		if v := a.notice(byJoin, "hush", q.group); !slices.Equal(v.members, []string{a.group, q.group}) {
			t.Errorf("members %q", v.members)
		}
		a.send(fifo, "for both", "hush")
		a.receive(fifo, a.group, "for both", "hush")
		q.receive(fifo, a.group, "for both", "hush")
		q.send(leaveReq, "", "hush")
		a.notice(byLeave, "hush", q.group)
		q.send(joinReq, "", "hush")
		a.notice(byJoin, "hush", q.group)
		a.send(leaveReq, "", "hush")
		a.selfLeave("hush")
		mark(a, a, q)
		q.closeSession()
		a.alive()
	})
	rule(t, "7", "a joiner's first message is its own notice; a leaver's last its self-leave", func(t *testing.T) {
		a, b := members(t, d, "a"), d.connect(t, "b")
		var say []byte
		for i := range 50 {
			say = append(say, a.frame(fifo, []string{"stream"}, fmt.Appendf(nil, "%d", i))...)
		}
		for range 20 {
			b.send(joinReq, "", "stream")
			a.write(say)
			b.send(leaveReq, "", "stream")
			b.notice(byJoin, "stream", b.group)
			m := b.next()
			for ; m.kind == fifo; m = b.next() {
			}
			if m.kind != byLeave {
				t.Fatalf("got %v, want data and then the self-leave", m)
			}
		}
		mark(a, b)
		b.alive()
	})
}

// rejoin leaves a group as its last member and joins it again.
func (c *client) rejoin(group string) view {
	c.t.Helper()
	c.send(leaveReq, "", group)
	c.selfLeave(group)
	return c.join(group)
}

// TestOldLayout checks what clients that call themselves 3.x get (11): id,
// count and one list of names.
func TestOldLayout(t *testing.T) {
	t.Parallel()
	d := start(t, setup{})
	for _, v := range []version{{3, 1, 0}, {3, 14, 0}, {3, 15, 2}, {3, 16, 0}, {3, 17, 3}} {
		rule(t, "11", fmt.Sprintf("membership bodies for a client %d.%d.%d", v.major, v.minor, v.patch), func(t *testing.T) {
			misread := differs(t, "11 layout for 3.x clients")
			o, n := d.login(t, "old", login{version: v, flags: 1}), d.connect(t, "new")
			old := func(cause uint32, id [3]int32, about string, members ...string) {
				t.Helper()
				count := []int32{id[0], id[1], id[2], 1}
				if misread {
					count = append(count, 0, 1)
				}
				body := new(bytes.Buffer)
				_ = binary.Write(body, binary.LittleEndian, count)
				body.Write(pad(about, nameLen))
				o.expect(frame(leOrder, regMemb|cause, "layout", 0, members, body.Bytes()))
			}
			id := n.join("layout").id
			o.send(joinReq, "", "layout")
			id[2]++
			n.notice(byJoin, "layout", o.group)
			old(byJoin, id, o.group, n.group, o.group)
			o.send(leaveReq, "", "layout")
			o.selfLeave("layout")
			n.notice(byLeave, "layout", o.group)
			o.send(joinReq, "", "layout")
			id[2] += 2
			n.notice(byJoin, "layout", o.group)
			old(byJoin, id, o.group, n.group, o.group)
			m := d.connect(t, "more")
			for _, leave := range []bool{true, false} {
				m.join("layout")
				id[2]++
				n.notice(byJoin, "layout", m.group)
				old(byJoin, id, m.group, m.group, n.group, o.group)
				id[2]++
				if leave {
					m.send(leaveReq, "", "layout")
					m.selfLeave("layout")
					n.notice(byLeave, "layout", m.group)
					old(byLeave, id, m.group, n.group, o.group)
				} else {
					m.closeSession()
					n.notice(byDisconnect, "layout", m.group)
					old(byDisconnect, id, m.group, n.group, o.group)
				}
			}
			mark(n, n, o)
		})
	}
}
