package compat

import (
	"fmt"
	"strings"
	"testing"
)

// TestVersions checks the bytes of the handshake for every layout that clients
// have had (client protocol 2.1, 2.5 to 2.7).
func TestVersions(t *testing.T) {
	t.Parallel()
	d := start(t, setup{})
	for _, v := range []version{
		{3, 1, 0}, {3, 13, 0}, {3, 14, 0}, {3, 15, 0}, {3, 15, 2}, {3, 16, 0}, {3, 16, 2}, {3, 17, 3}, {3, 17, 4},
		{4, 0, 0}, {4, 1, 0}, {4, 4, 0}, {5, 0, 0}, {5, 0, 1}, {6, 1, 0}, {127, 127, 127},
		{3, 15, 200}, {3, 16, 200}, {5, 200, 1}, // bytes are signed
	} {
		rule(t, "2.7", fmt.Sprintf("handshake of a client %d.%d.%d", v.major, v.minor, v.patch), func(t *testing.T) {
			c := d.login(t, "someone", login{version: v, flags: 1})
			if v.major > 3 {
				c.join("today's layout")
			}
			c.alive()
		})
	}
	for _, v := range []version{
		{0, 0, 0}, {1, 0, 0}, {2, 99, 99}, {3, 0, 0}, {3, 0, 9}, {3, 0, 99}, {128, 0, 0}, {255, 255, 255}, {4, 128, 0}, {131, 17, 3},
	} {
		rule(t, "2.3", fmt.Sprintf("a client %d.%d.%d is refused f9", v.major, v.minor, v.patch), func(t *testing.T) {
			c := d.dial(t)
			c.write(hello(v, 1, "someone"))
			c.refused(0xf9)
		})
	}
}

// TestFlags checks which of the 256 flag bytes ask for membership messages.
func TestFlags(t *testing.T) {
	t.Parallel()
	d := start(t, setup{})
	rule(t, "2.1", "membership is wanted by odd flags below 0x80; all other bits are ignored", func(t *testing.T) {
		for flags := range 256 {
			c := d.login(t, fmt.Sprintf("flags%d", flags), login{flags: byte(flags)})
			group := fmt.Sprintf("flags %d", flags)
			if flags < 0x80 && flags%2 == 1 {
				c.join(group)
			} else {
				c.send(joinReq, "", group)
			}
			c.alive()
		}
	})
}

// TestNames checks private names of every length and every byte.
func TestNames(t *testing.T) {
	t.Parallel()
	d := start(t, setup{})
	for n := 1; n <= 10; n++ {
		rule(t, "2.1", fmt.Sprintf("a name of %d bytes", n), func(t *testing.T) {
			d.connect(t, strings.Repeat("x", n)).alive()
		})
	}
	for _, n := range []int{11, 12, 31, 32, 127, 128, 200, 255} {
		rule(t, "2.3", fmt.Sprintf("name length %d is refused fb", n), func(t *testing.T) {
			c := d.dial(t)
			c.write(hello(v5, 1, strings.Repeat("x", n)))
			c.refused(0xfb)
		})
	}
	rule(t, "2.3", "name bytes 0x24..0x7e are accepted and all others refused fb", func(t *testing.T) {
		for b := range 256 {
			for _, name := range []string{string([]byte{byte(b), 'y', 'y'}), string([]byte{'y', 'y', byte(b)})} {
				if b >= 0x24 && b <= 0x7e {
					d.connect(t, name).closeSession()
					continue
				}
				c := d.dial(t)
				c.write(hello(v5, 1, name))
				c.refused(0xfb)
			}
		}
	})
	rule(t, "2.4", "an empty name is invented, legal and unique", func(t *testing.T) {
		seen := make(map[string]bool)
		for range 40 {
			c := d.anonymous(t)
			name, ok := strings.CutSuffix(strings.TrimPrefix(c.group, "#"), "#"+d.name)
			if !ok || len(name) < 1 || len(name) > 10 || seen[name] {
				t.Fatalf("invented private group %q (seen before: %v)", c.group, seen[name])
			}
			for _, b := range []byte(name) {
				if b < 0x24 || b > 0x7e {
					t.Fatalf("invented name %q has the byte %#x", name, b)
				}
			}
			seen[name] = true
			c.join("anonymous " + name)
			c.alive()
		}
	})
}

// anonymous connects without a name and learns it from the acceptance.
func (d *daemon) anonymous(t testing.TB) *client {
	t.Helper()
	c := d.dial(t)
	c.write(hello(v5, 1, ""))
	c.expect(authNull)
	c.write(choice("NULL"))
	c.expect([]byte{1, 5, 0, 1})
	n := int(c.read(1)[0])
	if n > 31 {
		t.Fatalf("a private group of %d bytes", n)
	}
	return &client{conn: c, group: string(c.read(n)), order: leOrder}
}

// closeSession ends the session now and waits until the daemon has closed it.
func (c *client) closeSession() {
	c.t.Helper()
	c.write(c.frame(killReq, []string{c.group}, nil))
	c.closed()
}

func TestLongestNames(t *testing.T) {
	t.Parallel()
	rule(t, "2.7", "user and daemon of the greatest lengths make a private group of 31 bytes", func(t *testing.T) {
		d := start(t, setup{name: "daemon-name-of-19-b"})
		a, b := d.connect(t, "abcdefghij"), d.connect(t, "k")
		if len(a.group) != 31 {
			t.Fatalf("private group %q", a.group)
		}
		a.join("g")
		b.send(fifo, "to the longest", a.group)
		a.receive(fifo, b.group, "to the longest", a.group)
		mark(a, a, b)
	})
	rule(t, "3.4", "a longer daemon name is cut to 19 bytes", func(t *testing.T) {
		d := start(t, setup{name: "daemon-name-of-19-bytes-and-more"})
		a := d.connect(t, "alice")
		a.join("g")
		a.alive()
	})
	rule(t, "2.7", "the shortest names", func(t *testing.T) {
		d := start(t, setup{name: "d"})
		d.connect(t, "u").alive()
	})
}

// TestRefusals checks the order of the checks: the earlier one decides (2.3).
func TestRefusals(t *testing.T) {
	t.Parallel()
	d := start(t, setup{})
	taken := d.connect(t, "taken")
	v3 := version{3, 0, 0}
	for _, c := range []struct {
		what string
		say  []byte
		code byte
	}{
		{"version before name length", hello(v3, 1, "eleven bytes"), 0xf9},
		{"version before name bytes", hello(v3, 1, "a b"), 0xf9},
		{"version before uniqueness", hello(v3, 1, "taken"), 0xf9},
		{"name length before name bytes", hello(v5, 1, "a name too long"), 0xfb},
		{"name bytes, blank", hello(v5, 1, "a b"), 0xfb},
		{"name bytes, hash", hello(v5, 1, "#taken"), 0xfb},
		{"name bytes, zero", hello(v5, 1, "taken\x00"), 0xfb},
		{"a name in use", hello(v5, 1, "taken"), 0xfa},
		{"a name in use, old client", hello(version{3, 14, 0}, 0, "taken"), 0xfa},
		{"a name in use, priority client", hello(v5, 0x10, "taken"), 0xfa},
	} {
		rule(t, "2.3", c.what, func(t *testing.T) {
			p := d.dial(t)
			p.write(c.say)
			p.refused(c.code)
		})
	}
	rule(t, "2.3", "names are compared with their case", func(t *testing.T) {
		d.connect(t, "Taken").alive()
	})
	rule(t, "2.3", "a session that still authenticates holds its name", func(t *testing.T) {
		p := d.dial(t)
		p.write(hello(v5, 1, "half"))
		p.expect(authNull)
		q := d.dial(t)
		q.write(hello(v5, 1, "half"))
		q.refused(0xfa)
		p.write(choice("NULL"))
		p.enter(d, v5, "half").alive()
	})
	rule(t, "2.3", "a refusal hurts nobody else", func(t *testing.T) {
		taken.in(t).alive()
	})
}

func TestQuota(t *testing.T) {
	t.Parallel()
	limit, options := 4, []string{"MaxSessions = 4"}
	if differs(t, "6.1 sessions") {
		limit, options = 997, nil
	}
	d := start(t, setup{options: options})
	var pending *conn
	rule(t, "2.3", "the session above the limit is refused fd before it speaks", func(t *testing.T) {
		var all []*client
		for i := range limit - 1 {
			all = append(all, d.connect(t, fmt.Sprintf("s%d", i)))
		}
		pending = d.dial(t)
		pending.write(hello(v5, 1, "pending"))
		pending.expect(authNull)
		late := d.dial(t)
		late.refused(0xfd)
		all[0].alive()

		all[1].closeSession()
		d.connect(t, "next").alive()
		again := d.dial(t)
		again.refused(0xfd)
		pending.write(choice("NULL"))
		pending.enter(d, v5, "pending").alive()
	})
}
