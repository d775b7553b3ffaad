package compat

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// door is how a daemon answers one way of coming in.
type door struct {
	list   string   // authentication list that must be offered; "" for a client without the exchange
	choose []string // slots of the choice
	in     bool     // accepted, else refused f7
}

// try runs one handshake against d.
func (d *daemon) try(t *testing.T, host string, w door) {
	t.Helper()
	c, v := d.dialHost(t, host), v5
	if w.list == "" {
		v = version{3, 14, 0}
	}
	c.write(hello(v, 1, "visitor"))
	if w.list != "" {
		c.expect(append([]byte{byte(len(w.list))}, w.list...))
		c.write(choice(w.choose...))
	}
	if w.in {
		s := c.enter(d, v, "visitor")
		s.alive()
		s.closeSession()
		return
	}
	c.refused(0xf7)
}

// access is a configuration of methods and rules.
func access(allowed, required, rules string) setup {
	var s setup
	if allowed != "" {
		s.options = append(s.options, "AllowedAuthMethods = \""+allowed+"\"")
	}
	if required != "" {
		s.options = append(s.options, "RequiredAuthMethods = \""+required+"\"")
	}
	if rules != "" {
		s.files = map[string]string{"spread.access_ip": rules}
	}
	return s
}

const (
	null    = "NULL"
	ip      = "IP"
	onlyIP  = "IP "
	onlyNul = "NULL "
	both    = "NULL IP "
	local   = "127.0.0.1\n"
	away    = "10.1.2.3\n"
)

// TestChoice checks the answers to the choice of methods (2.5, 2.6, 10.1).
func TestChoice(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		what    string
		conf    setup
		list    string
		refused [][]string
		in      [][]string
	}{
		{"stock", setup{}, onlyNul,
			[][]string{{}, {"FOO"}, {ip}, {"null"}, {"NULL "}, {"", null}, {null, "FOO"}, {"FOO", null}, {null, ip},
				{"NULLx"}, {"NUL"}, {strings.Repeat("N", 30)}},
			[][]string{{null}, {null, "", "FOO"}, {null + "\x00junk"}, {null, "\x00junk"}, {null, null}}},
		{"NULL and IP, allowed address", access("NULL IP", "", local), both,
			[][]string{{}, {"FOO"}, {"", ip}},
			[][]string{{null}, {ip}, {null, ip}, {ip, null}}},
		{"IP and NULL are offered in the daemon's order", access("IP NULL", "", local), both, nil, [][]string{{ip}}},
		{"NULL and IP, foreign address", access("NULL IP", "", away), both,
			[][]string{{ip}, {null, ip}, {ip, null}},
			[][]string{{null}}},
		{"IP alone, allowed address", access("IP", "", local), onlyIP,
			[][]string{{null}, {null, ip}, {ip, null}},
			[][]string{{ip}}},
		{"IP alone, foreign address", access("IP", "", away), onlyIP, [][]string{{ip}, {null}}, nil},
		{"IP alone, no rules", access("IP", "", ""), onlyIP, [][]string{{ip}}, nil},
		{"IP required, allowed address", access("NULL", "IP", local), onlyNul,
			[][]string{{ip}, {null, ip}},
			[][]string{{null}}},
		{"IP required, foreign address", access("NULL", "IP", away), onlyNul, [][]string{{null}}, nil},
		{"IP required, no rules", access("NULL", "IP", ""), onlyNul, [][]string{{null}}, nil},
		{"unknown methods are not offered", access("FOO NULL BAR", "", ""), onlyNul,
			[][]string{{"FOO"}, {"BAR"}}, [][]string{{null}}},
	} {
		rule(t, "10.1", "methods: "+c.what, func(t *testing.T) {
			d := start(t, c.conf)
			for _, slots := range c.refused {
				t.Run(fmt.Sprintf("choosing %.30q is refused f7", slots), func(t *testing.T) { d.try(t, "127.0.0.1", door{c.list, slots, false}) })
			}
			for _, slots := range c.in {
				t.Run(fmt.Sprintf("choosing %.30q is accepted", slots), func(t *testing.T) { d.try(t, "127.0.0.1", door{c.list, slots, true}) })
			}
		})
	}
}

// TestOldClients checks who decides for clients without the exchange (2.7).
func TestOldClients(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		what string
		conf setup
		in   bool
	}{
		{"NULL allowed", access("NULL", "", ""), true},
		{"NULL and IP allowed: IP decides, for", access("NULL IP", "", local), true},
		{"NULL and IP allowed: IP decides, against", access("NULL IP", "", away), false},
		{"IP allowed, good address", access("IP", "", local), true},
		{"IP allowed, foreign address", access("IP", "", away), false},
	} {
		rule(t, "2.7", "a client without the exchange, "+c.what, func(t *testing.T) {
			start(t, c.conf).try(t, "127.0.0.1", door{in: c.in})
		})
	}
}

// TestNoMethod checks a daemon whose list of methods ended up empty (2.5, 10.1).
func TestNoMethod(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		what string
		conf setup
	}{
		{"unknown method allowed", access("KERBEROS", "", "")},
		{"wrong case", access("null", "", "")},
		{"only required ones", access("", "IP", local)},
		{"blanks", access("", "   ", "")},
	} {
		rule(t, "2.5", "nothing allowed refuses everybody, "+c.what, func(t *testing.T) {
			d := start(t, c.conf)
			p := d.dial(t)
			p.write(hello(v5, 1, "visitor"))
			p.expect([]byte{0})
			p.refused(0xf7)
			d.try(t, "127.0.0.1", door{in: false})
		})
	}
}

// TestThreeMethods checks that a full choice ends in an answer (12 row 6).
func TestThreeMethods(t *testing.T) {
	t.Parallel()
	rule(t, "2.6", "three filled slots", func(t *testing.T) {
		in := !differs(t, "12.6 three methods")
		d := start(t, access("NULL IP", "", local))
		for _, slots := range [][]string{{null, ip, null}, {null, null, null}} {
			d.try(t, "127.0.0.1", door{both, slots, in})
		}
		d.try(t, "127.0.0.1", door{both, []string{null, ip, "FOO"}, false})
		d.try(t, "127.0.0.1", door{both, []string{null, ip}, true})
	})
	rule(t, "2.6", "each of three methods must pass", func(t *testing.T) {
		d := start(t, access("NULL IP", "", away))
		d.try(t, "127.0.0.1", door{both, []string{null, null, ip}, false})
	})
	rule(t, "2.3", "a name in use comes before authentication", func(t *testing.T) {
		d := start(t, access("IP NULL", "", away))
		p := d.dial(t)
		p.write(hello(v5, 1, "holder"))
		p.expect([]byte("\x08" + both))
		q := d.dial(t)
		q.write(hello(version{3, 14, 0}, 1, "holder"))
		q.refused(0xfa)
		p.write(choice(ip))
		p.refused(0xf7)
		r := d.dial(t)
		r.write(hello(version{3, 14, 0}, 1, "holder"))
		r.refused(0xf7)
	})
}

// TestAccessRules checks the lines of spread.access_ip (10.2).
func TestAccessRules(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		rules string
		in    bool
	}{
		{"127.0.0.1\n", true},
		{"127.0.0.1", true},
		{"127.0.0.1/32\n", true},
		{"127.0.0.0/24\n", true},
		{"127.0.0.0/8\n", true},
		{"127.0.0.0/31\n", true},
		{"local\n", true},
		{"# first\nlocal\n", true},
		{"10.0.0.0/8\n192.168.1.1\n127.0.0.1\n", true},
		{"#127.0.0.1\n", false},
		{"127.0.0.1/24\n", false}, // the address of a rule is not masked
		{"127.0.0.1/8\n", false},
		{"127.0.0.2\n", false},
		{"127.0.0.0/32\n", false},
		{"10.0.0.0/8\n192.168.0.0/16\n", false},
		{"unix\n", false},
		{"# nothing\n", false},
	} {
		rule(t, "10.2", fmt.Sprintf("rules %.60q let a TCP client in: %v", c.rules, c.in), func(t *testing.T) {
			start(t, access("IP", "", c.rules)).try(t, "127.0.0.1", door{onlyIP, []string{ip}, c.in})
		})
	}
	for _, c := range []struct{ deviation, rules string }{
		{"12.14 blank line", "10.0.0.1\n\n127.0.0.1\n"},
		{"12.14 zero mask", "0.0.0.0/0\n"},
	} {
		rule(t, "10.2", fmt.Sprintf("rules %q", c.rules), func(t *testing.T) {
			in := !differs(t, c.deviation)
			start(t, access("IP", "", c.rules)).try(t, "127.0.0.1", door{onlyIP, []string{ip}, in})
		})
	}
	rule(t, "10.2", "the rule unix", func(t *testing.T) {
		needUnix(t)
		in := !differs(t, "12.14 unix rule")
		d := start(t, access("IP NULL", "", "unix\n"))
		d.try(t, "unix", door{both, []string{ip}, in})
		d.try(t, "unix", door{both, []string{null}, true})
		d.try(t, "127.0.0.1", door{both, []string{ip}, false})
	})
	rule(t, "10.2", "without the rule unix a client of the Unix socket is refused", func(t *testing.T) {
		needUnix(t)
		d := start(t, access("IP", "", "127.0.0.1\nlocal\n"))
		d.try(t, "unix", door{onlyIP, []string{ip}, false})
		d.try(t, "127.0.0.1", door{onlyIP, []string{ip}, true})
	})
	rule(t, "10.2", "an unreadable rule ends the daemon at its start", func(t *testing.T) {
		d := prepare(t, access("IP", "", "a.b.c.d\n"))
		if d.launch(t) {
			d.stop(t)
			t.Error("the daemon runs")
		}
	})
	rule(t, "10.1", "an unknown access policy ends the daemon at its start", func(t *testing.T) {
		d := prepare(t, setup{options: []string{"AccessControlPolicy = FORBID"}})
		if d.launch(t) {
			d.stop(t)
			t.Error("the daemon runs")
		}
		start(t, setup{options: []string{"AccessControlPolicy = PERMIT"}}).connect(t, "alice").alive()
	})
	rule(t, "10.1", "messages may follow the choice of a method without bytes of its own", func(t *testing.T) {
		d := start(t, access("IP NULL", "", local))
		p := d.dial(t)
		p.write(hello(v5, 1, "eager"))
		p.expect([]byte("\x08" + both))
		own := d.private("eager")
		p.write(slices.Concat(choice(ip, null), frame(leOrder, fifo, own, 0, []string{own}, []byte("behind"))))
		s := p.enter(d, v5, "eager")
		s.receive(fifo, own, "behind", own)
		s.alive()
	})
}
