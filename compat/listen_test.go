package compat

import (
	"net"
	"os"
	"runtime"
	"strings"
	"testing"
)

func needUnix(t *testing.T) {
	t.Helper()
	if runtime.GOOS == "windows" {
		t.Skip("no Unix sockets for clients here")
	}
}

// needAddress skips where the system does not carry a loopback address.
func needAddress(t *testing.T, hosts ...string) {
	t.Helper()
	for _, h := range hosts {
		l, err := net.Listen("tcp", net.JoinHostPort(h, "0"))
		if err != nil {
			t.Skipf("no address %s here", h)
		}
		_ = l.Close()
	}
}

// TestListeners checks where a daemon takes connections (client protocol 1.2).
func TestListeners(t *testing.T) {
	t.Parallel()
	const v4, v6 = "127.0.0.1", "::1"
	for _, c := range []struct {
		what            string
		address, stanza string
		open, shut      []string
	}{
		{"no interface list: the wildcard address", v4, "", []string{v4, "127.0.0.2", "127.9.9.9"}, nil},
		{"no interface list, IPv6: both families", v6, "", []string{v6, v4, "127.0.0.2"}, nil},
		{"list without letters", v4, "{ 127.0.0.1 }", []string{v4}, []string{"127.0.0.2"}},
		{"client letter on another address", v4, "{ D 127.0.0.1 C 127.0.0.2 }", []string{"127.0.0.2"}, []string{v4, "127.0.0.3"}},
		{"several for clients", v4, "{ C D 127.0.0.1 C 127.0.0.2 M 127.0.0.3 }", []string{v4, "127.0.0.2"}, []string{"127.0.0.3"}},
		{"client letter on the wildcard", v4, "{ D 127.0.0.1 C 0.0.0.0 }", []string{v4, "127.0.0.2"}, nil},
		{"none for clients", v4, "{ D M 127.0.0.1 }", []string{"unix"}, []string{v4, "127.0.0.2"}},
		{"IPv6 for the clients of an IPv4 daemon", v4, "{ D 127.0.0.1 C ::1 }", []string{v6}, []string{v4}},
		{"IPv6 list", v6, "{ ::1 }", []string{v6}, []string{v4}},
	} {
		rule(t, "1.2", c.what, func(t *testing.T) {
			needUnix(t)
			for _, h := range append(c.open, c.shut...) {
				if h != "unix" {
					needAddress(t, h)
				}
			}
			d := start(t, setup{address: c.address, stanza: c.stanza, dial: c.open[0]})
			for _, h := range append(c.open, "unix") {
				d.login(t, "visitor", login{host: h, flags: 1}).closeSession()
			}
			for _, h := range c.shut {
				if nc, err := net.DialTimeout("tcp", d.endpoint(h), patience); err == nil {
					_ = nc.Close()
					t.Errorf("the daemon listens on %s", h)
				}
			}
		})
	}
}

// TestTransports checks that all of them carry the same protocol (1.1).
func TestTransports(t *testing.T) {
	t.Parallel()
	needUnix(t)
	d := start(t, setup{})
	rule(t, "1.1", "sessions of the Unix socket and of TCP meet", func(t *testing.T) {
		a, b := d.login(t, "tcp", login{flags: 1}), d.login(t, "unix", login{flags: 1, host: "unix"})
		a.join("meet")
		v := b.join("meet")
		if got := a.notice(byJoin, "meet", b.group); string(got.raw) != string(v.raw) {
			t.Errorf("the notices differ:\n% x\n% x", got.raw, v.raw)
		}
		data := strings.Repeat("0123456789", 14000)
		b.send(safe, data, "meet")
		a.receive(safe, b.group, data, "meet")
		b.receive(safe, b.group, data, "meet")
		b.closeSession()
		a.notice(byDisconnect, "meet", b.group)
		a.alive()
	})
	rule(t, "2.3", "refusals on the Unix socket", func(t *testing.T) {
		p := d.dialHost(t, "unix")
		p.write(hello(version{3, 0, 0}, 1, "x"))
		p.refused(0xf9)
		d.connect(t, "taken")
		q := d.dialHost(t, "unix")
		q.write(hello(v5, 1, "taken"))
		q.refused(0xfa)
	})
	rule(t, "1.2", "the Unix socket is open to every user", func(t *testing.T) {
		info, err := os.Stat(unixPath(d.port))
		if err != nil || info.Mode()&os.ModeSocket == 0 || info.Mode().Perm() != 0o666 {
			t.Fatalf("%s: %v, %v", unixPath(d.port), info, err)
		}
	})
}

// TestRestart checks that the place of a daemon can be taken again (1.2).
func TestRestart(t *testing.T) {
	t.Parallel()
	needUnix(t)
	rule(t, "1.2", "a stale Unix socket is replaced", func(t *testing.T) {
		d := prepare(t, setup{})
		l, err := net.ListenUnix("unix", &net.UnixAddr{Name: unixPath(d.port), Net: "unix"})
		if err != nil {
			t.Fatal(err)
		}
		l.SetUnlinkOnClose(false)
		_ = l.Close()
		if !d.launch(t) {
			t.Fatalf("the daemon does not start: %v\n%s", d.err, d.out)
		}
		t.Cleanup(func() { d.stop(t) })
		d.login(t, "alice", login{host: "unix"}).closeSession()
	})
	rule(t, "1.2", "a restart while connections are in TIME_WAIT", func(t *testing.T) {
		d := prepare(t, setup{})
		if !d.launch(t) {
			t.Fatalf("the daemon does not start: %v\n%s", d.err, d.out)
		}
		d.connect(t, "alice").closeSession() // the daemon closes first, so the wait is on its side
		d.stop(t)
		if d.launch(t) == differs(t, "12.15 restart") {
			t.Fatalf("started again: %v\n%s", d.err, d.out)
		}
		if !target.original {
			d.connect(t, "alice").alive()
			d.stop(t)
		}
	})
	rule(t, "4.4", "the end of the daemon closes every session", func(t *testing.T) {
		d := prepare(t, setup{})
		if !d.launch(t) {
			t.Fatalf("the daemon does not start: %v\n%s", d.err, d.out)
		}
		a, u := d.connect(t, "alice"), d.login(t, "unix", login{host: "unix"})
		d.stop(t)
		a.closed()
		u.closed()
	})
}
