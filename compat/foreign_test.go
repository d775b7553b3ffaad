package compat

import (
	"bytes"
	"fmt"
	"testing"
)

// TestBigEndian checks clients that write big-endian (client protocol 3.2): they
// are understood, and get headers and membership bodies in the daemon's order.
func TestBigEndian(t *testing.T) {
	t.Parallel()
	d := start(t, setup{})
	big := login{flags: 1, order: beOrder}
	rule(t, "3.2", "join, leave and disconnect of a big-endian client", func(t *testing.T) {
		a, b := d.connect(t, "a"), d.login(t, "b", big)
		a.join("be")
		v := b.join("be")
		if got := a.notice(byJoin, "be", b.group); !bytes.Equal(got.raw, v.raw) {
			t.Errorf("notices differ:\n% x\n% x", v.raw, got.raw)
		}
		b.send(joinReq, "", "be")
		b.send(leaveReq, "", "be")
		b.selfLeave("be")
		a.notice(byLeave, "be", b.group)
		b.join("be")
		a.notice(byJoin, "be", b.group)
		b.closeSession()
		a.notice(byDisconnect, "be", b.group)
		a.alive()
	})
	rule(t, "3.2", "header fields are rewritten, everything else passes", func(t *testing.T) {
		a, b := members(t, d, "a", "be2"), d.login(t, "b", big)
		names := []string{"be2", a.group, "none\x00junk"}
		for _, service := range []uint32{unreliable, reliable, fifo, causal, agreed, safe, safe | selfDiscard, fifo | 0x40000000} {
			for _, hint := range []uint32{0, 0x123400, 0xfffe00} {
				sent := frame(beOrder, service, b.group, hint, names, []byte{1, 2, 3, 4, 5, 0x80, 0xff})
				b.write(sent)
				want := frame(leOrder, service, b.group, 0, names, []byte{1, 2, 3, 4, 5, 0x80, 0xff})
				copy(want[hintWord:dataLen], sent[hintWord:dataLen])
				a.expect(want)
			}
		}
		mark(a, a, b)
	})
	rule(t, "3.2", "messages for a big-endian client keep the sender's hint", func(t *testing.T) {
		a, b := d.connect(t, "a"), d.login(t, "b", big)
		msg := frame(leOrder, fifo, a.group, 0x123400, []string{b.group}, []byte("to big"))
		a.write(msg)
		b.expect(msg)
		mark(a, a, b)
	})
	rule(t, "3.2", "each message is judged by its own marker", func(t *testing.T) {
		a := d.connect(t, "a")
		for i := range 10 {
			a.order = leOrder
			if i%2 == 0 {
				a.order = beOrder
			}
			text := fmt.Sprintf("number %d", i)
			sent := a.frame(agreed, []string{a.group}, []byte(text))
			a.write(sent)
			want := frame(leOrder, agreed, a.group, 0, []string{a.group}, []byte(text))
			copy(want[hintWord:dataLen], sent[hintWord:dataLen])
			a.expect(want)
		}
	})
	rule(t, "3.2", "type and hint have markers of their own", func(t *testing.T) {
		a := d.connect(t, "a")
		sent := frame(beOrder, fifo, a.group, 0x80123480, []string{a.group}, []byte("mixed"))
		a.write(sent)
		want := frame(leOrder, fifo, a.group, 0, []string{a.group}, []byte("mixed"))
		copy(want[hintWord:dataLen], sent[hintWord:dataLen])
		a.expect(want)
		a.alive()
	})
	rule(t, "3.2", "large messages and many groups of a big-endian client", func(t *testing.T) {
		a, b := members(t, d, "a", "name042"), d.login(t, "b", big)
		data := bytes.Repeat([]byte{0xa5}, 100000)
		b.write(frame(beOrder, safe, b.group, 0, manyNames(43, "name"), data))
		want := frame(leOrder, safe, b.group, 0, manyNames(43, "name"), data)
		copy(want[hintWord:dataLen], []byte{0, 0, 0, 0})
		if got := a.read(len(want)); !bytes.Equal(got, want) {
			t.Error("the message was changed")
		}
	})
	rule(t, "3.2", "what a big-endian client must not send", func(t *testing.T) {
		for _, do := range []spoil{
			func(b []byte) []byte { beOrder.PutUint32(b[numGroups:], 101); return b },
			func(b []byte) []byte { beOrder.PutUint32(b[dataLen:], 144001); return b },
			func(b []byte) []byte { beOrder.PutUint32(b[hintWord:], 1); return b },
			word(numGroups, 1), // little-endian count: 2^24
		} {
			b := d.login(t, "b", big)
			b.write(do(frame(beOrder, fifo, b.group, 0, []string{"x"}, nil))[:headerLen])
			b.closed()
		}
	})
}
