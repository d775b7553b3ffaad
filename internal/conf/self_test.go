package conf

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
)

func addrs(list ...string) []netip.Addr {
	var out []netip.Addr
	for _, s := range list {
		out = append(out, netip.MustParseAddr(s))
	}
	return out
}

func TestSelf(t *testing.T) {
	const three = "Spread_Segment 10.0.0.255 { x 10.0.0.1 y 127.0.0.2 z 127.0.0.1 }"
	const six = "Spread_Segment ff02::1 { a fe80::1%eth0 b fd00::1 }"
	for _, c := range []struct {
		what, src, name string
		local           []netip.Addr
		want, err       string
	}{
		{"first local one in the order of the file", three, "", addrs("127.0.0.1", "127.0.0.2"), "y", ""},
		{"without a name, loopback is local only if listed", three, "", addrs("127.0.0.1"), "z", ""},
		{"by name", three, "z", addrs("127.0.0.1"), "z", ""},
		{"by name, any loopback address is local", three, "y", addrs("127.0.0.1", "::1"), "y", ""},
		{"by name, not of this machine", three, "x", addrs("127.0.0.1", "10.0.0.2"), "", "not one of this machine's (127.0.0.1, 10.0.0.2)"},
		{"by name, no local address known", three, "x", nil, "", "none known"},
		{"no such name", three, "w", addrs("127.0.0.1"), "", "no daemon \"w\"; the file has x at 10.0.0.1, y at 127.0.0.2, z at 127.0.0.1"},
		{"the name counts exactly", three, "X", addrs("10.0.0.1"), "", "no daemon \"X\""},
		{"nothing local", three, "", addrs("10.0.0.9", "fe80::1%lo"), "", "no daemon has an address of this machine (10.0.0.9, fe80::1)"},
		{"zones do not matter", six, "", addrs("127.0.0.1", "fe80::1%eth9"), "a", ""},
		{"zones do not matter, by name", six, "b", addrs("fd00::1%eth0"), "b", ""},
		{"interfaces that list IPv4 in IPv6 form", three, "x", addrs("::ffff:10.0.0.1"), "x", ""},
		{"the whole of a cut name", head + "abcdefghijklmnopqrstu 127.0.0.1 }", "abcdefghijklmnopqrstu", addrs("127.0.0.1"), "", `at most 19 bytes: use "abcdefghijklmnopqrs"`},
		{"a name too long", three, "abcdefghijklmnopqrstu", addrs("127.0.0.1"), "", "at most 19 bytes"},
	} {
		t.Run(c.what, func(t *testing.T) {
			d, err := parse(t, c.src).Self(c.name, c.local)
			if c.err == "" && (err != nil || d.Name != c.want) {
				t.Errorf("got %q, %v; want %q", d.Name, err, c.want)
			}
			if c.err != "" && (err == nil || !strings.Contains(err.Error(), c.err) || !strings.HasPrefix(err.Error(), "t.conf: ")) {
				t.Errorf("got %q, %v; want an error with %q", d.Name, err, c.err)
			}
		})
	}
}

func TestSelfListsFew(t *testing.T) {
	var b strings.Builder
	b.WriteString("Spread_Segment 10.0.0.255 {")
	for i := range MaxDaemons {
		fmt.Fprintf(&b, " 10.0.0.%d", i+1)
	}
	_, err := parse(t, b.String()+" }").Self("w", nil)
	if err == nil || !strings.HasSuffix(err.Error(), "10.0.0.8 at 10.0.0.8, and 120 more") {
		t.Errorf("got %v", err)
	}
}
