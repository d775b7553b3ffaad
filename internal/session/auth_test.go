package session

import (
	"net"
	"strings"
	"testing"
)

func TestIPRules(t *testing.T) {
	rules, warnings, err := ParseIPRules("spread.access_ip", []byte("\ufeff# who\n\nunix # us\n10.1.2.3\n192.168.0.0/16\n10.9.8.7/24\nfd00::/8\n::1\n"))
	if err != nil {
		t.Fatal(err)
	}
	if len(warnings) != 1 || !strings.Contains(warnings[0], "spread.access_ip:6: 10.9.8.7/24 admits nobody; write 10.9.8.0/24") {
		t.Errorf("warnings %q", warnings)
	}
	for addr, want := range map[string]bool{
		"unix": true, "10.1.2.3": true, "10.1.2.4": false, "192.168.77.1": true, "10.9.8.200": false, "10.9.8.7": false,
		"127.0.0.1": false, "fd12::9": true, "::1": true, "fe80::1": false, "::ffff:10.1.2.3": true,
	} {
		if got := rules.Admits(netAddr(addr)); got != want {
			t.Errorf("%s: admitted %v", addr, got)
		}
	}
}

func netAddr(s string) net.Addr {
	if s == "unix" {
		return &net.UnixAddr{Net: "unix"}
	}
	return &net.TCPAddr{IP: net.ParseIP(s), Port: 1234}
}

func TestIPRulesForms(t *testing.T) {
	for text, admits := range map[string]string{"0.0.0.0/0": "203.0.113.9", "local": "127.8.9.1", "::/0": "2001:db8::1", "unix socket": "unix"} {
		rules, _, err := ParseIPRules("f", []byte(text))
		if err != nil || !rules.Admits(netAddr(admits)) {
			t.Errorf("%q does not admit %s (%v)", text, admits, err)
		}
	}
	var none IPRules
	if none.Admits(netAddr("127.0.0.1")) || none.Admits(netAddr("unix")) {
		t.Error("no rules admit somebody")
	}
}

func TestIPRulesErrorsNameTheLine(t *testing.T) {
	for _, text := range []string{"unix\n1.2.3.456\n", "local\nexample.com\n", "unix\n10.0.0.0/33\n"} {
		_, _, err := ParseIPRules("spread.access_ip", []byte(text))
		if err == nil || !strings.Contains(err.Error(), "spread.access_ip:2:") {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func FuzzIPRules(f *testing.F) {
	f.Add([]byte("unix\nlocal\n1.2.3.4/24\nfd00::/8\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		rules, _, err := ParseIPRules("f", text)
		if err == nil {
			rules.Admits(netAddr("127.0.0.1"))
		}
	})
}

func TestMethods(t *testing.T) {
	local, _, _ := ParseIPRules("f", []byte("local"))
	here := connFrom{addr: netAddr("127.0.0.1")}
	away := connFrom{addr: netAddr("10.0.0.1")}
	both := Auth{Allowed: []string{MethodIP, MethodNull}, IP: local}
	if got := both.offered(); len(got) != 2 || got[0] != MethodNull {
		t.Fatalf("offered %v", got)
	}
	cases := []struct {
		auth   Auth
		chosen []string
		conn   net.Conn
		ok     bool
	}{
		{both, []string{MethodNull}, away, true},
		{both, []string{MethodNull, MethodIP}, here, true},
		{both, []string{MethodNull, MethodIP}, away, false},
		{both, []string{MethodNull, MethodIP, MethodNull}, here, true},
		{both, nil, here, false},
		{both, []string{"null"}, here, false},
		{Auth{Allowed: []string{MethodNull}, Required: []string{MethodIP}, IP: local}, []string{MethodNull}, here, true},
		{Auth{Allowed: []string{MethodNull}, Required: []string{MethodIP}, IP: local}, []string{MethodNull}, away, false},
		{Auth{Required: []string{MethodIP}, IP: local}, []string{MethodIP}, here, false},
	}
	for i, c := range cases {
		if err := c.auth.admit(c.chosen, c.conn); (err == nil) != c.ok {
			t.Errorf("case %d: %v", i, err)
		}
	}
	if both.admitOld(here) != nil || both.admitOld(away) == nil {
		t.Error("clients without a choice: the IP rules must decide where they are allowed")
	}
	null := Auth{Allowed: []string{MethodNull}}
	if null.admitOld(away) != nil || (&Auth{}).admitOld(here) == nil {
		t.Error("clients without a choice: NULL, or nothing")
	}
}

type connFrom struct {
	net.Conn
	addr net.Addr
}

func (c connFrom) RemoteAddr() net.Addr { return c.addr }
