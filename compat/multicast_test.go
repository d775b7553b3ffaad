package compat

import (
	"bytes"
	"fmt"
	"slices"
	"testing"
)

// members gives a session that is in these groups.
func members(t *testing.T, d *daemon, name string, groups ...string) *client {
	t.Helper()
	c := d.login(t, name, login{}) // without notices, so that only data arrives
	for _, g := range groups {
		c.send(joinReq, "", g)
	}
	c.alive()
	return c
}

// TestMulticast checks who receives what (client protocol 4.5).
func TestMulticast(t *testing.T) {
	t.Parallel()
	d := start(t, setup{})
	rule(t, "4.5", "every receiver once, however often it is named", func(t *testing.T) {
		a, b, c := members(t, d, "a", "ga"), members(t, d, "b", "ga", "gb"), members(t, d, "c", "gc")
		for _, names := range [][]string{
			{"ga"}, {"ga", "gb"}, {"gb", "ga"}, {"ga", "ga", "ga"}, {"gb", b.group}, {b.group, "gb", b.group, "gb"},
			{"ga", "gb", a.group, b.group}, {"nothing", "ga", "nobody"}, {"#x#localhost", "gb"},
		} {
			a.send(agreed, "once", names...)
			if slices.Contains(names, "ga") || slices.Contains(names, a.group) {
				a.receive(agreed, a.group, "once", names...)
			}
			b.receive(agreed, a.group, "once", names...)
			mark(a, a, b, c)
		}
	})
	rule(t, "4.5", "the sender need not be a member", func(t *testing.T) {
		a, b := members(t, d, "a"), members(t, d, "b", "open")
		a.send(fifo, "from outside", "open")
		b.receive(fifo, a.group, "from outside", "open")
		mark(a, a, b)
	})
	rule(t, "4.5", "unknown and malformed destinations go nowhere, without an error", func(t *testing.T) {
		a, b := members(t, d, "a"), members(t, d, "b", "known")
		for _, names := range [][]string{
			{}, {"unknown"}, {"Known"}, {"known "}, {"know"}, {"#b"}, {"#b#"}, {"#"}, {"##"}, {"##localhost"}, {"#b#elsewhere"},
			{"#b#localhost#"}, {"#B#localhost"}, {"#nobody#localhost"}, {"b"}, {"b#localhost"}, {" #b#localhost"},
		} {
			a.send(fifo, "lost", names...)
			mark(a, a, b)
		}
	})
	rule(t, "4.5", "data without a name goes nowhere", func(t *testing.T) {
		a := members(t, d, "a", "")
		a.send(fifo, "no destination at all")
		a.alive()
	})
	rule(t, "4.5", "an empty message", func(t *testing.T) {
		a, b := members(t, d, "a"), members(t, d, "b", "empty")
		for _, service := range []uint32{unreliable, reliable, fifo, causal, agreed, safe} {
			a.send(service, "", "empty")
			b.receive(service, a.group, "", "empty")
		}
		mark(a, a, b)
	})
	rule(t, "4.5", "private groups", func(t *testing.T) {
		a, b, c := members(t, d, "a"), members(t, d, "b"), members(t, d, "c")
		a.send(reliable, "to b", b.group)
		b.receive(reliable, a.group, "to b", b.group)
		a.send(reliable, "to b and c", b.group, c.group)
		b.receive(reliable, a.group, "to b and c", b.group, c.group)
		c.receive(reliable, a.group, "to b and c", b.group, c.group)
		a.send(reliable, "to myself", a.group)
		a.receive(reliable, a.group, "to myself", a.group)
		mark(a, a, b, c)
	})
	rule(t, "3.2", "names arrive as sent, with the junk behind their zero byte", func(t *testing.T) {
		a, b := members(t, d, "a"), members(t, d, "b", "plain")
		names := []string{"plain\x00junk and more", "\x00hidden", b.group + "\x00\x01\x02", "z", "y\xff", "plain"}
		msg := a.frame(safe, names, []byte("verbatim"))
		a.write(msg)
		b.expect(msg)
		mark(a, a, b)
	})
	rule(t, "3.2", "a private group with junk behind it is matched", func(t *testing.T) {
		a, b := members(t, d, "a"), members(t, d, "b")
		msg := a.frame(fifo, []string{b.group + "\x00junk"}, []byte("x"))
		a.write(msg)
		b.expect(msg)
	})
	rule(t, "3.2", "data of every byte value passes", func(t *testing.T) {
		a, b := members(t, d, "a"), members(t, d, "b", "bytes")
		var data []byte
		for i := range 512 {
			data = append(data, byte(i))
		}
		a.send(agreed, string(data), "bytes")
		b.receive(agreed, a.group, string(data), "bytes")
	})
}

// TestManyGroups checks long lists of destinations (3.5, 4.5).
func TestManyGroups(t *testing.T) {
	t.Parallel()
	d := start(t, setup{})
	for _, n := range []int{2, 10, 42, 43} {
		rule(t, "3.5", fmt.Sprintf("%d groups", n), func(t *testing.T) { longList(t, d, n, true) })
	}
	for _, n := range []int{44, 45, 64, 99, 100} {
		rule(t, "3.5", fmt.Sprintf("%d groups", n), func(t *testing.T) {
			longList(t, d, n, !differs(t, "12.4 groups beyond 43"))
		})
	}
	rule(t, "4.5", "100 groups of one member are one message", func(t *testing.T) {
		if differs(t, "12.4 groups beyond 43") {
			t.Skip("the original routes 43 at most")
		}
		names := manyNames(100, "mine")
		a, b := members(t, d, "a", names...), members(t, d, "b", names...)
		b.send(agreed|selfDiscard, "all mine", names...)
		a.receive(agreed|selfDiscard, b.group, "all mine", names...)
		mark(b, a, b)
	})
	rule(t, "4.1", "101 groups drop the session", func(t *testing.T) {
		a := members(t, d, "a")
		_ = a.put(a.frame(fifo, manyNames(101, "none"), nil))
		a.closed()
	})
}

// longList sends to n groups, of which the last and the first exist.
func longList(t *testing.T, d *daemon, n int, routed bool) {
	t.Helper()
	names := manyNames(n, "none")
	names[0], names[n-1] = "first", "last"
	a, b, c := members(t, d, "a"), members(t, d, "b", "first"), members(t, d, "c", "last")
	msg := a.frame(fifo, names, []byte("to many"))
	a.write(msg)
	if routed {
		b.expect(msg)
		c.expect(msg)
	}
	mark(a, a, b, c)
}

// TestSelfDiscard checks the bit in all its cases (4.5).
func TestSelfDiscard(t *testing.T) {
	t.Parallel()
	d := start(t, setup{})
	rule(t, "4.5", "SELF_DISCARD silences the sender only, and stays set", func(t *testing.T) {
		a, b := members(t, d, "a", "disc"), members(t, d, "b", "disc")
		for _, names := range [][]string{{"disc"}, {"disc", a.group}, {a.group, "disc", "disc"}, {"disc", b.group}} {
			a.send(agreed|selfDiscard, "not to me", names...)
			b.receive(agreed|selfDiscard, a.group, "not to me", names...)
			mark(a, a, b)
		}
	})
	rule(t, "4.5", "SELF_DISCARD to one's own private group goes nowhere", func(t *testing.T) {
		a := members(t, d, "a")
		a.send(reliable|selfDiscard, "x", a.group)
		a.alive()
	})
	rule(t, "4.5", "SELF_DISCARD of a non-member changes nothing", func(t *testing.T) {
		a, b := members(t, d, "a"), members(t, d, "b", "disc2")
		a.send(safe|selfDiscard, "x", "disc2", b.group)
		b.receive(safe|selfDiscard, a.group, "x", "disc2", b.group)
		mark(a, a, b)
	})
	rule(t, "4.5", "SELF_DISCARD with every service", func(t *testing.T) {
		a, b := members(t, d, "a", "disc3"), members(t, d, "b", "disc3")
		for _, service := range []uint32{unreliable, reliable, fifo, causal, agreed, safe} {
			a.send(service|selfDiscard, "x", "disc3")
			b.receive(service|selfDiscard, a.group, "x", "disc3")
			b.send(service, "y", "disc3")
			a.receive(service, b.group, "y", "disc3")
			b.receive(service, b.group, "y", "disc3")
		}
		mark(a, a, b)
	})
}

// TestSizes checks messages of every size that the daemon must take (3.5, 7).
func TestSizes(t *testing.T) {
	t.Parallel()
	d := start(t, setup{})
	const packet = 1432 // header, names and data that fit one packet of the original
	for _, size := range []int{0, 1, packet - headerLen - nameLen - 1, packet - headerLen - nameLen, packet - headerLen - nameLen + 1,
		1500, 4096, 8191, 65535, 65536, 100000, 143151 - nameLen} {
		rule(t, "3.5", fmt.Sprintf("%d bytes of data", size), func(t *testing.T) { carry(t, d, size, 1) })
	}
	for _, c := range []struct{ size, groups int }{
		{143152 - nameLen, 1}, {143951 - nameLen, 1}, {143952 - nameLen, 1}, {143952 - 100*nameLen, 100}, {143952 - 43*nameLen, 43},
	} {
		rule(t, "3.5", fmt.Sprintf("%d bytes of data to %d groups", c.size, c.groups), func(t *testing.T) {
			differs(t, "12.3 large bodies")
			carry(t, d, c.size, c.groups)
		})
	}
	for _, c := range []struct{ size, groups int }{
		{143953 - nameLen, 1}, {144000 - nameLen, 1}, {143953, 0}, {144000, 0}, {144001, 0}, {143953 - 100*nameLen, 100}, {1 << 20, 1},
	} {
		rule(t, "3.5", fmt.Sprintf("%d bytes of data to %d groups drop the session", c.size, c.groups), func(t *testing.T) {
			a := members(t, d, "a")
			_ = a.put(a.frame(fifo, manyNames(c.groups, "none"), make([]byte, c.size)))
			a.closed()
		})
	}
	rule(t, "3.5", "the largest message without a name", func(t *testing.T) {
		differs(t, "12.3 large bodies")
		a := members(t, d, "a")
		a.write(a.frame(fifo, nil, make([]byte, 143952)))
		a.alive()
	})
}

// carry sends one message with every service and compares what arrives.
func carry(t *testing.T, d *daemon, size, groups int) {
	t.Helper()
	a, b := members(t, d, "a"), members(t, d, "b", "size000")
	data := bytes.Repeat([]byte("0123456789abcdefg"), size/17+1)[:size]
	for _, service := range []uint32{unreliable, reliable, fifo, causal, agreed, safe} {
		msg := a.frame(service, manyNames(groups, "size"), data)
		a.write(msg)
		if got := b.read(len(msg)); !bytes.Equal(got, msg) {
			t.Fatalf("service %#x: the message was changed", service)
		}
	}
	mark(a, a, b)
}
