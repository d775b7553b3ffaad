package conf

import (
	"errors"
	"fmt"
	"net/netip"
	"reflect"
	"strings"
	"testing"
	"time"
)

// parse is Parse for sources that must be accepted.
func parse(t testing.TB, src string) *Config {
	t.Helper()
	c, err := Parse([]byte(src), "t.conf", testEnv)
	if err != nil {
		t.Fatalf("%s\n%v", src, err)
	}
	return c
}

var testEnv = Env{Hostname: "vm", LookupHost: func(name string) ([]netip.Addr, error) {
	switch name {
	case "localhost":
		return []netip.Addr{netip.MustParseAddr("::1"), netip.MustParseAddr("127.0.0.1")}, nil
	case "mapped":
		return []netip.Addr{netip.MustParseAddr("::ffff:10.0.0.1")}, nil
	case "host.with.a.long.name.example":
		return []netip.Addr{netip.MustParseAddr("10.0.0.2")}, nil
	case "empty":
		return nil, nil
	}
	return nil, errNoHost
}}

var errNoHost = errors.New("no such host")

const (
	head = "Spread_Segment 127.0.0.255:6000 { "
	seg  = "Spread_Segment 127.0.0.255:6000 { a 127.0.0.1 }\n"
)

// TestErrors: each error is at the right place, names the right text, and says what would be right.
func TestErrors(t *testing.T) {
	for _, c := range []struct {
		src       string
		line, col int
		text      string
		msg, hint string // parts of them
	}{
		// The classic mistakes (section 14, traps 3 and 4) and misspellings.
		{src: "Window=160\n" + seg, line: 1, col: 1, text: "Window=160", msg: "expected Spread_Segment or a directive", hint: "blanks around it: Window = 160"},
		{src: "Window= 160\n" + seg, line: 1, col: 1, text: "Window=", hint: "blanks around it: Window ="},
		{src: "Window =160\n" + seg, line: 1, col: 8, text: "=160", msg: "expected = after Window", hint: "Window = 160"},
		{src: "DebugFlags= { ALL }\n" + seg, line: 1, col: 1, text: "DebugFlags=", hint: "blanks around it"},
		{src: "Window = 160;\n" + seg, line: 1, col: 10, text: "160;", hint: "; is glued"},
		{src: "Window = 160 ;\n" + seg, line: 1, col: 14, text: ";", hint: "only after a daemon"},
		{src: seg + "};", line: 2, col: 1, text: "}", hint: "one } too many"},
		{src: "windows = 5 " + seg, line: 1, col: 1, text: "windows", hint: "did you mean Window?"},
		{src: "window = 5 " + seg, line: 1, col: 1, text: "window", hint: "upper and lower case count: Window"},
		{src: "maxsessionbytes = 5 " + seg, line: 1, col: 1, text: "maxsessionbytes", hint: "upper and lower case count: MaxSessionBytes"},
		{src: "SpreadSegment 127.0.0.255 { a }", line: 1, col: 1, text: "SpreadSegment", hint: "did you mean Spread_Segment?"},
		{src: "RequestedSocketBuffers = 10 " + seg, line: 1, col: 1, text: "RequestedSocketBuffers", hint: "no such directive"},
		{src: "a 127.0.0.1\n" + seg, line: 1, col: 1, text: "a", hint: "between the braces"},
		{src: "\n 127.0.0.1\n" + seg, line: 2, col: 2, text: "127.0.0.1", hint: "belongs into a segment"},
		{src: "\"Window\" = 5 " + seg, line: 1, col: 1, text: `"Window"`, msg: "found a quoted text"},
		{src: "VirtualID = 5 " + seg, line: 1, col: 1, text: "VirtualID", hint: "within a segment"},
		{src: strings.Repeat("x", 500), line: 1, col: 1, text: strings.Repeat("x", maxText) + "...", msg: "found a word"},
		{src: head + "C 127.0.0.1 }", line: 1, col: 35, text: "C", msg: "found an interface letter", hint: `must be quoted: "C"`},
		{src: head + "7 127.0.0.1 }", line: 1, col: 35, text: "7", hint: `must be quoted: "7"`},
		{src: head + "no 127.0.0.1 }", line: 1, col: 35, text: "no", hint: `must be quoted: "no"`},
		{src: head + "STATUS 127.0.0.1 }", line: 1, col: 35, text: "STATUS", hint: `must be quoted: "STATUS"`},
		{src: head + "a 127.0.0.1\nWindow = 5\n}", line: 2, col: 1, text: "Window", hint: "is a } missing before it?"},
		{src: head + "a 127.0.0.1\n" + seg, line: 2, col: 1, text: "Spread_Segment", hint: "is a } missing before it?"},

		// Segments.
		{src: "", line: 1, col: 1, msg: "the file has no segment", hint: "Spread_Segment address:port"},
		{src: "# nothing\n\n", line: 3, col: 1, msg: "the file has no segment"},
		{src: "Spread_Segment", line: 1, col: 15, msg: "expected the address of the segment, found the end of the file"},
		{src: "Spread_Segment { a 127.0.0.1 }", line: 1, col: 16, text: "{", msg: "expected the address", hint: "Spread_Segment address:port"},
		{src: "Spread_Segment machine1 { a 127.0.0.1 }", line: 1, col: 16, text: "machine1", hint: "no host names"},
		{src: "Spread_Segment 127.0.0.256 { a 127.0.0.1 }", line: 1, col: 16, text: "127.0.0.256", hint: "0 to 255"},
		{src: "Spread_Segment 127.0.0.255 6000 { a 127.0.0.1 }", line: 1, col: 28, text: "6000", hint: "glued"},
		{src: "Spread_Segment 127.0.0.255:123456 { a 127.0.0.1 }", line: 1, col: 16, text: "127.0.0.255:123456", hint: "one to five digits"},
		{src: "Spread_Segment 127.0.0.255:70000 { a 127.0.0.1 }", line: 1, col: 16, text: "127.0.0.255:70000", msg: "port 70000 is out of range", hint: "1 to 65535"},
		{src: "Spread_Segment 10.0.0.0/8 { a 127.0.0.1 }", line: 1, col: 16, text: "10.0.0.0/8", hint: "no network masks"},
		{src: "Spread_Segment \"10.0.0.1\" { a 127.0.0.1 }", line: 1, col: 16, text: `"10.0.0.1"`, hint: "no quotes"},
		{src: "Spread_Segment [10.0.0.255]:6000 { a 127.0.0.1 }", line: 1, col: 28, text: ":6000", hint: "only IPv6 addresses take brackets"},
		{src: "Spread_Segment 0.0.0.0 { a 127.0.0.1 }", line: 1, col: 16, text: "0.0.0.0", msg: "unspecified"},
		{src: "Spread_Segment 10.0.0.255 10.0.1.255:6000 { a 10.0.0.1 }", line: 1, col: 27, text: "10.0.1.255:6000", hint: "only the first"},
		{src: "Spread_Segment 10.0.0.1 10.0.0.2 10.0.0.3 10.0.0.4 10.0.0.5 10.0.0.6 { a 10.0.0.1 }", line: 1, col: 61, text: "10.0.0.6", msg: "more than 5 addresses"},
		{src: "Spread_Segment 10.0.0.255 ff02::1 { a 10.0.0.1 }", line: 1, col: 27, text: "ff02::1", msg: "is IPv6, but the segment address 10.0.0.255 in line 1 says IPv4"},
		{src: head + "}", line: 1, col: 35, text: "}", msg: "no daemons"},
		{src: "\n" + head + "a 127.0.0.1 ", line: 2, col: 47, msg: "the segment that begins in line 2 has no end", hint: "close it with a }"},
		{src: strings.Repeat("Spread_Segment 10.0.0.255 { ", 1), line: 1, col: 29, msg: "has no end"},

		// Daemons.
		{src: head + "\"\" 127.0.0.1 }", line: 1, col: 35, text: `""`, msg: "needs a name"},
		{src: head + "\"two words\" 127.0.0.1 }", line: 1, col: 35, text: `"two words"`, msg: "the byte 0x20", hint: "from $ to ~"},
		{src: head + "a! 127.0.0.1 }", line: 1, col: 35, text: "a!", msg: "the byte 0x21"},
		{src: head + "\"a 127.0.0.1 }", line: 1, col: 35, text: `"a`, hint: "the closing quote is missing"},
		{src: head + "\"a#b\" 127.0.0.1 }", line: 1, col: 35, text: `"a#b"`, msg: "the byte 0x23"},
		{src: head + "a\x7f 127.0.0.1 }", line: 1, col: 35, text: "a\x7f", msg: "the byte 0x7f"},
		{src: head + "a\x00b 127.0.0.1 }", line: 1, col: 35, text: "a\x00b", msg: "the byte 0x00"},
		{src: head + "a 127.0.0.1 }\n" + "Spread_Segment 127.0.0.255:7000 { a 127.0.0.2 }", line: 2, col: 35, text: "a", msg: "already in use in line 1"},
		{src: head + "abcdefghijklmnopqrstu 127.0.0.1 abcdefghijklmnopqrsxx 127.0.0.2 }", line: 1, col: 67, text: "abcdefghijklmnopqrsxx", msg: `"abcdefghijklmnopqrs" is already in use`},
		{src: head + "a 127.0.0.1 b 127.0.0.1 }", line: 1, col: 49, text: "127.0.0.1", msg: `"a" already has the address 127.0.0.1:6000`},
		{src: head + "a 127.0.0.1 b 127.0.0.1 VirtualID = 999 }", line: 1, col: 49, text: "127.0.0.1", msg: "already has"},
		{src: "Spread_Segment [ff02::1]:6000 { a fd00::1 b fd00::1%lo }", line: 1, col: 45, text: "fd00::1%lo", msg: "already has"},
		{src: head + "a 127.0.0.1:6001 }", line: 1, col: 37, text: "127.0.0.1:6001", msg: "here 6000", hint: "leave the port out"},
		{src: head + "a 0.0.0.0 }", line: 1, col: 37, text: "0.0.0.0", msg: "unspecified"},
		{src: head + "239.1.1.1 }", line: 1, col: 35, text: "239.1.1.1", msg: "multicast"},
		{src: head + "a ::1 }", line: 1, col: 37, text: "::1", msg: "is IPv6, but the segment address 127.0.0.255:6000 in line 1 says IPv4"},
		{src: head + "nohost }", line: 1, col: 35, text: "nohost", msg: "no such host", hint: "write the address after the name"},
		{src: head + "empty }", line: 1, col: 35, text: "empty", msg: "has no IPv4 address"},
		{src: head + "a 127.0.0.01 }", line: 1, col: 35, text: "a", hint: "127.0.0.01 after it is no address"},
		{src: head + "a = 127.0.0.1 }", line: 1, col: 35, text: "a", hint: "may follow a name"},
		{src: head + "a; }", line: 1, col: 35, text: "a;", hint: "stands alone"},
		{src: head + "a 127.0.0.1 VirtualID=5 }", line: 1, col: 47, text: "VirtualID=5", hint: "VirtualID = 5"},
		{src: head + "a 127.0.0.1 VirtualID 5 }", line: 1, col: 57, text: "5", msg: "expected = after VirtualID"},
		{src: head + "a 127.0.0.1 VirtualID = 0 }", line: 1, col: 59, text: "0", msg: "from 1 to 999999999"},
		{src: head + "a 127.0.0.1 VirtualID = \"5\" }", line: 1, col: 59, text: `"5"`, hint: "numbers take no quotes"},
		{src: head + "a 127.0.0.1 VirtualID = 1728699743 }", line: 1, col: 59, text: "1728699743", hint: "one to nine"},
		{src: head + "a 127.0.0.1 VirtualID = 5 b 127.0.0.2 VirtualID = 5 }", line: 1, col: 85, text: "5", msg: `the id 5 of daemon "b" is already that of "a"`},
		{src: head + "; a 127.0.0.1 }", line: 1, col: 35, text: ";", hint: "none before"},
		{src: head + "a 127.0.0.1 ; ; }", line: 1, col: 49, text: ";", hint: "one ;"},
		{src: head + "a 127.0.0.1 ; { 127.0.0.1 } }", line: 1, col: 49, text: "{", hint: "before the ;"},
		{src: head + "a 127.0.0.1 { 127.0.0.1 } VirtualID = 5 }", line: 1, col: 61, text: "VirtualID", hint: "before its {"},

		{src: head + "{ 127.0.0.1 } }", line: 1, col: 35, text: "{", hint: "follows a daemon directly"},
		{src: head + "!a 127.0.0.1 }", line: 1, col: 35, text: "!", hint: "characters from $ to ~"},
		{src: head + "= 127.0.0.1 }", line: 1, col: 35, text: "=", hint: "a lone = : or ; is none"},
		{src: head + "VirtualID = 5 }", line: 1, col: 35, text: "VirtualID", hint: "directly after a daemon's name"},
		{src: "= 5", line: 1, col: 1, text: "=", hint: "name must come first"},
		{src: "Spread_Segment 127.0.0.255; { a 127.0.0.1 }", line: 1, col: 16, text: "127.0.0.255;", hint: "; is part of the word"},

		// Stanzas.
		{src: head + "a 127.0.0.1 { } }", line: 1, col: 49, text: "}", msg: "is empty"},
		{src: head + "a 127.0.0.1 { C 127.0.0.1 D 127.0.0.2 } }", line: 1, col: 47, text: "{", hint: "add: D 127.0.0.1"},
		{src: head + "a 127.0.0.1 { C 127.0.0.1 M 0.0.0.0 } }", line: 1, col: 47, text: "{", hint: "add: D 127.0.0.1"},
		{src: head + "a 127.0.0.1 { C D } }", line: 1, col: 53, text: "}", hint: "an address must follow"},
		{src: head + "a 127.0.0.1 { 127.0.0.1:6000 } }", line: 1, col: 49, text: "127.0.0.1:6000", hint: "no port"},
		{src: head + "a 127.0.0.1 { c 127.0.0.1 } }", line: 1, col: 49, text: "c", hint: "upper case: C"},
		{src: head + "a 127.0.0.1 { CD 127.0.0.1 } }", line: 1, col: 49, text: "CD", hint: "separated by blanks"},
		{src: head + "a 127.0.0.1 { eth0 } }", line: 1, col: 49, text: "eth0", hint: "no names"},
		{src: head + "a 127.0.0.1 { 127.0.0.1", line: 1, col: 58, msg: "found the end of the file"},
		{src: head + "a 127.0.0.1 { " + strings.Repeat("127.0.0.1 ", 10) + "127.0.0.1 } }", line: 1, col: 149, text: "127.0.0.1", msg: "more than 10 interfaces"},

		// Directives.
		{src: "Window 160", line: 1, col: 8, text: "160", hint: "write Window = 160"},
		{src: "Window", line: 1, col: 7, msg: "expected = after Window, found the end of the file"},
		{src: "Window = -5", line: 1, col: 10, text: "-5", hint: "without sign"},
		{src: "Window = 1000000000", line: 1, col: 10, text: "1000000000", hint: "one to nine"},
		{src: "Window = \"5\"", line: 1, col: 10, text: `"5"`, hint: "no quotes"},
		{src: "Window = 0", line: 1, col: 10, text: "0", msg: "1 to 32767"},
		{src: "Window = 32768", line: 1, col: 10, text: "32768", msg: "1 to 32767"},
		{src: "Window =\n" + seg, line: 2, col: 1, text: "Spread_Segment", hint: "the value is missing"},
		{src: "Window = many", line: 1, col: 10, text: "many", hint: "one to nine decimal digits"},
		{src: "RuntimeDir = {", line: 1, col: 14, text: "{", hint: "the value is missing"},
		{src: "EventLogFile = =", line: 1, col: 16, text: "=", hint: "quote it: \"=\""},
		{src: "ActiveIPVersion = both", line: 1, col: 19, text: "both", msg: "must be IPv4 or IPv6"},
		{src: head + "a 127.0.0.1 { 127.0.0.256 } }", line: 1, col: 49, text: "127.0.0.256", hint: "0 to 255"},
		{src: "PersonalWindow = 0", line: 1, col: 18, text: "0", msg: "1 to 32767"},
		{src: "AcceleratedWindow = 40000", line: 1, col: 21, text: "40000", msg: "0 to 32767"},
		{src: "TokenTimeout = 0", line: 1, col: 16, text: "0", msg: "1 to 999999999"},
		{src: "MaxSessionBytes = 0", line: 1, col: 19, text: "0", msg: "1 to 999999999"},
		{src: "HandshakeTimeout = 0", line: 1, col: 20, text: "0", msg: "1 to 999999999"},
		{src: seg + "PersonalWindow = 161", line: 2, col: 1, text: "PersonalWindow", msg: "PersonalWindow (161) is greater than Window (160)"},
		{src: "Window = 5\n" + seg, line: 1, col: 1, text: "Window", msg: "PersonalWindow (20) is greater than Window (5)"},
		{src: seg + "AcceleratedWindow = 21\nAcceleratedRing = yes", line: 2, col: 1, text: "AcceleratedWindow", msg: "AcceleratedWindow (21) is greater than PersonalWindow (20)"},
		{src: seg + "TokenTimeout = 5\nHurryTimeout = 5", line: 3, col: 1, text: "HurryTimeout", msg: "missing: AliveTimeout, JoinTimeout, RepTimeout, SegTimeout, GatherTimeout, FormTimeout, LookupTimeout"},
		{src: "DangerousMonitor = on", line: 1, col: 20, text: "on", hint: "write true"},
		{src: "DangerousMonitor = OFF", line: 1, col: 20, text: "OFF", hint: "write false"},
		{src: "DangerousMonitor = 1", line: 1, col: 20, text: "1", hint: "write true"},
		{src: "DangerousMonitor = \"true\"", line: 1, col: 20, text: `"true"`, hint: "no quotes"},
		{src: "SocketPortReuse = true", line: 1, col: 19, text: "true", hint: "write on"},
		{src: "SocketPortReuse = no", line: 1, col: 19, text: "no", hint: "write off"},
		{src: "SocketPortReuse = \"on\"", line: 1, col: 19, text: `"on"`, hint: "no quotes"},
		{src: "EventLogFile =\n" + seg, line: 2, col: 1, text: "Spread_Segment", hint: "the value is missing"},
		{src: "EventLogFile = \"\"\n", line: 1, col: 16, text: `""`, msg: "empty name"},
		{src: "RingKeyFile = \"\"", line: 1, col: 15, text: `""`, msg: "empty name", hint: "leave the directive out"},
		{src: "RingKeyFile = " + strings.Repeat("u", 4097), line: 1, col: 15, text: strings.Repeat("u", maxText) + "...", msg: "longer than 4096 bytes"},
		{src: "RingKeyFile = \"a\x00b\"", line: 1, col: 15, text: "\"a\x00b\"", msg: "zero byte"},
		{src: "RingKeyFile /a", line: 1, col: 13, text: "/a", hint: "write RingKeyFile = /a"},
		{src: "DaemonUser = 1000", line: 1, col: 14, text: "1000", hint: `must be quoted: "1000"`},
		{src: "DaemonUser = " + strings.Repeat("u", 33), line: 1, col: 14, text: strings.Repeat("u", 33), msg: "longer than 32 bytes"},
		{src: "RuntimeDir = " + strings.Repeat("u", 4097), line: 1, col: 14, text: strings.Repeat("u", maxText) + "...", msg: "longer than 4096 bytes"},
		{src: "RuntimeDir = \"a\x00b\"", line: 1, col: 14, text: "\"a\x00b\"", msg: "zero byte"},
		{src: "EventTimeStamp =\n" + seg, line: 2, col: 1, text: "Spread_Segment", hint: "the value is missing"},
		{src: "EventTimeStamp = 5", line: 1, col: 18, text: "5", hint: `quoted: "5"`},
		{src: "AccessControlPolicy = permit", line: 1, col: 23, text: "permit", hint: "PERMIT"},
		{src: "ActiveIPVersion = ipv6", line: 1, col: 19, text: "ipv6", hint: "IPv6"},
		{src: "ActiveIPVersion = IPv6\n" + seg, line: 2, col: 16, text: "127.0.0.255:6000", msg: "ActiveIPVersion in line 1 says IPv6"},
		{src: "ActiveIPVersion = IPv6 ActiveIPVersion = IPv4", line: 1, col: 42, text: "IPv4", msg: "comes too late"},
		{src: "DebugFlags { ALL }", line: 1, col: 12, text: "{", hint: "write DebugFlags = {"},
		{src: "DebugFlags = ALL", line: 1, col: 14, text: "ALL", msg: "expected {"},
		{src: "DebugFlags = { all }", line: 1, col: 16, text: "all", hint: "upper and lower case count: ALL"},
		{src: "DebugFlags = { SESION }", line: 1, col: 16, text: "SESION", hint: "did you mean SESSION?"},
		{src: "DebugFlags = { PRINT, EXIT }", line: 1, col: 16, text: "PRINT,", hint: "separated by blanks only"},
		{src: "DebugFlags = { ALL !\nPRINT }", line: 1, col: 20, text: "!", hint: "same line"},
		{src: "DebugFlags = { !!ALL }", line: 1, col: 17, text: "!", hint: "one ! is enough"},
		{src: "DebugFlags = { ALL\n" + seg, line: 2, col: 1, text: "Spread_Segment", hint: "is a } missing"},
		{src: "EventPriority = DEBUG", line: 1, col: 17, text: "DEBUG", hint: "spelled pDEBUG"},
		{src: "EventPriority = info", line: 1, col: 17, text: "info", hint: "upper and lower case count: INFO"},
		{src: "EventPriority = { INFO }", line: 1, col: 17, text: "{", hint: "no braces"},
		{src: "RouteMatrix { 1 a }", line: 1, col: 17, text: "a", msg: "expected a number or }"},
		{src: "LinkProtocol Hop", line: 1, col: 14, text: "Hop", hint: "write LinkProtocol = Hop"},
	} {
		_, err := Parse([]byte(c.src), "t.conf", testEnv)
		var e *Error
		if !errors.As(err, &e) {
			t.Errorf("%q: accepted or no *Error: %v", c.src, err)
			continue
		}
		if e.File != "t.conf" || e.Line != c.line || e.Col != c.col || e.Text != c.text || !strings.Contains(e.Msg, c.msg) || !strings.Contains(e.Hint, c.hint) {
			t.Errorf("%q\n got %v\n     (text %q)\nwant %d:%d %q %q %q", c.src, err, e.Text, c.line, c.col, c.text, c.msg, c.hint)
		}
	}
}

func TestErrorText(t *testing.T) {
	_, err := Parse([]byte("\nWindow=160"), "dir/s.conf", Env{})
	const want = `dir/s.conf:2:1: expected Spread_Segment or a directive, found a word, near "Window=160"; the = needs blanks around it: Window = 160`
	if err == nil || err.Error() != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}
	_, err = Parse([]byte(head+"nohost }"), "s.conf", testEnv)
	if !errors.Is(err, errNoHost) {
		t.Errorf("the cause is lost: %v", err)
	}
	_, err = Parse([]byte(head+"localhost }"), "s.conf", Env{})
	if err == nil || !strings.Contains(err.Error(), "names are not looked up here") {
		t.Errorf("without lookup: %v", err)
	}
	_, err = Parse(make([]byte, MaxFileSize+1), "s.conf", Env{})
	if err == nil || !strings.Contains(err.Error(), "more than 1048576 bytes") {
		t.Errorf("file too large: %v", err)
	}
}

// TestMeaning: what accepted files mean, beyond the examples.
func TestMeaning(t *testing.T) {
	c := parse(t, `
		Spread_Segment 10.0.0.255:0 10.0.1.255 {
			a 10.0.0.1:4803 VirtualID = 7 { C D 10.0.0.1  M 0.0.0.0  10.0.0.9 } ;
			mapped2 10.0.0.3:0
			10.0.0.4:4803 ; MaxSessionBytes 10.0.0.5
			host.with.a.long.name.example
		}
		Spread_Segment 10.1.0.255:1 { mapped $~ 10.1.0.2 }`)
	want := []Daemon{
		{Name: "a", Addr: netip.MustParseAddr("10.0.0.1"), Port: 4803, ID: 7, ExplicitID: true, Interfaces: []Interface{
			{Addr: netip.MustParseAddr("10.0.0.1"), Client: true, Daemon: true},
			{Addr: netip.IPv4Unspecified(), Monitor: true},
			{Addr: netip.MustParseAddr("10.0.0.9"), Client: true, Daemon: true, Monitor: true}}},
		{Name: "mapped2", Addr: netip.MustParseAddr("10.0.0.3"), Port: 4803, ID: nameID("mapped2"), Index: 1},
		{Name: "10.0.0.4", Addr: netip.MustParseAddr("10.0.0.4"), Port: 4803, ID: nameID("10.0.0.4"), Index: 2},
		{Name: "MaxSessionBytes", Addr: netip.MustParseAddr("10.0.0.5"), Port: 4803, ID: nameID("MaxSessionBytes"), Index: 3},
		{Name: "host.with.a.long.na", Addr: netip.MustParseAddr("10.0.0.2"), Port: 4803, ID: nameID("host.with.a.long.na"), Index: 4},
		{Name: "mapped", Addr: netip.MustParseAddr("10.0.0.1"), Port: 1, ID: nameID("mapped"), Segment: 1, Index: 5},
		{Name: "$~", Addr: netip.MustParseAddr("10.1.0.2"), Port: 1, ID: nameID("$~"), Segment: 1, Index: 6},
	}
	if got := c.Daemons(); !reflect.DeepEqual(got, want) {
		t.Errorf("daemons\n got %+v\nwant %+v", got, want)
	}
	if got := fmt.Sprint(c.Segments[0].Addrs, c.Segments[0].Port, c.Segments[1].Port); got != "[10.0.0.255 10.0.1.255] 4803 1" {
		t.Errorf("segments %s", got)
	}
	if !c.Options.WideAreaNetwork || c.Options.ActiveIPVersion != IPv4 {
		t.Errorf("effective values: %+v", c.Options)
	}
}

// A bare name gets an address of the family that everything else has, whatever the resolver lists first.
func TestLookupFamily(t *testing.T) {
	for src, want := range map[string]string{
		"Spread_Segment 10.0.0.255 { localhost }":                          "127.0.0.1",
		"Spread_Segment ff02::1:1 { localhost }":                           "::1",
		"ActiveIPVersion = IPv4 Spread_Segment 10.0.0.255 { localhost }":   "127.0.0.1",
		"Spread_Segment 10.0.0.255 { localhost { D 0.0.0.0 C 127.0.0.1 }}": "127.0.0.1",
	} {
		if got := parse(t, src).Daemons()[0].Addr.String(); got != want {
			t.Errorf("%s: %s, want %s", src, got, want)
		}
	}
}

func TestDefaults(t *testing.T) {
	o := parse(t, seg).Options
	o.set = nil
	want := Options{
		Log: Logging{Mask: 0x111, Priority: LevelInfo}, MaxSessionMessages: -1, MaxSessionBytes: 67108864,
		MaxSessionStall: 600 * time.Second, SenderHold: time.Second, HandshakeTimeout: 5 * time.Second,
		DaemonUser: "spread", DaemonGroup: "spread", Auth: Auth{Allowed: []string{"NULL"}},
		AccessControlPolicy: "PERMIT", ActiveIPVersion: IPv4, Window: 160, PersonalWindow: 20, AcceleratedWindow: 15,
	}
	if !reflect.DeepEqual(o, want) {
		t.Errorf("got  %+v\nwant %+v", o, want)
	}
}

// TestOptions: every directive lands in its field, and in no other.
func TestOptions(t *testing.T) {
	base := parse(t, seg).Options
	for _, c := range []struct {
		src    string
		change func(*Options)
	}{
		{"DebugFlags = { ALL !DATA_LINK !EVENTS !MEMORY }", func(o *Options) { o.Log.Mask = 0xfffffff1 }},
		{"DebugFlags = { PRINT ! PRINT CONFIGURATION SESSION !SESSION }", func(o *Options) { o.Log.Mask = 0x100 }},
		{"DebugFlags = { !PRINT ALL }", func(o *Options) { o.Log.Mask = 0xffffffff }},
		{"DebugFlags = { CONFIGURATION NONE !NONE }", func(o *Options) { o.Log.Mask = 0x100 }},
		{"DebugFlags = { EXIT !PRINT }", func(o *Options) { o.Log.Mask = 1 }},
		{"DebugFlags={}", nil},
		{"\"MaxSessions\" = 5", nil},
		{"LogFormat = json", func(o *Options) { o.Log.Format = LogJSON }},
		{"LogFormat = json LogFormat = text", func(o *Options) {}},
		{"LogFormat = JSON", nil},
		{"DebugFlags = { }", func(o *Options) { o.Log.Mask = 0 }},
		{"DebugFlags = { EXIT DATA_LINK MEMORY EVENTS PRINT NETWORK PROTOCOL SESSION CONFIGURATION MEMBERSHIP FLOW_CONTROL STATUS DEBUG GROUPS SKIPLIST ACM SECURITY }",
			func(o *Options) { o.Log.Mask = 0xe03fff }},
		{"EventPriority = pDEBUG", func(o *Options) { o.Log.Priority = LevelDebug }},
		{"EventPriority = FATAL", func(o *Options) { o.Log.Priority = LevelPrint }},
		{"EventLogFile = x_%h_%H_%d.log", func(o *Options) { o.Log.File = "x_vm_vm_%d.log" }},
		{"EventLogFile = 127.0.0.256", func(o *Options) { o.Log.File = "127.0.0.256" }},
		{"EventTimeStamp", func(o *Options) { o.Log.Stamp = TimeStamp{plain: true} }},
		{"EventTimeStamp = \"%H\"", func(o *Options) { o.Log.Stamp = TimeStamp{plain: true, custom: true, format: "%H"} }},
		{"EventTimeStamp = A EventTimeStamp", func(o *Options) { o.Log.Stamp = TimeStamp{plain: true} }},
		{"EventPreciseTimeStamp", func(o *Options) { o.Log.Stamp = TimeStamp{micros: true} }},
		{"DangerousMonitor = YES", func(o *Options) { o.DangerousMonitor = true }},
		{"SocketPortReuse = On", func(o *Options) { o.SocketPortReuse = On }},
		{"SocketPortReuse = off", func(o *Options) { o.SocketPortReuse = Off }},
		{"SocketPortReuse = on SocketPortReuse = AUTO", func(o *Options) {}},
		{"MaxSessionMessages = 5000", func(o *Options) { o.MaxSessionMessages = 5000 }},
		{"MaxSessionMessages = 0", func(o *Options) { o.MaxSessionMessages = 0 }},
		{"RingKeyFile = /etc/spread.key", func(o *Options) { o.RingKeyFile = "/etc/spread.key" }},
		{"MaxSessionBytes = 999999999", func(o *Options) { o.MaxSessionBytes = 999999999 }},
		{"MaxSessionStall = 5", func(o *Options) { o.MaxSessionStall = 5 * time.Millisecond }},
		{"MaxSessionStall = 0", func(o *Options) { o.MaxSessionStall = 0 }},
		{"SenderHold = 999999999", func(o *Options) { o.SenderHold = 999999999 * time.Millisecond }},
		{"SenderHold = 0", func(o *Options) { o.SenderHold = 0 }},
		{"MaxSessions = 12", func(o *Options) { o.MaxSessions = 12 }},
		{"HandshakeTimeout = 1", func(o *Options) { o.HandshakeTimeout = time.Millisecond }},
		{"RuntimeDir = /x", func(o *Options) { o.RuntimeDir = "/x" }},
		{"DaemonUser = '1000'", func(o *Options) { o.DaemonUser = "1000" }},
		{"DaemonGroup = " + strings.Repeat("g", 32), func(o *Options) { o.DaemonGroup = strings.Repeat("g", 32) }},
		{"DaemonGroup = \"\"", func(o *Options) {}},
		{"AllowedAuthMethods = \"NULL IP\"", func(o *Options) { o.Auth = Auth{AllowedText: "NULL IP", Allowed: []string{"NULL", "IP"}} }},
		{"AllowedAuthMethods = \"IP NULL IP\"", func(o *Options) { o.Auth = Auth{AllowedText: "IP NULL IP", Allowed: []string{"IP", "NULL"}} }},
		{"AllowedAuthMethods = NULL RequiredAuthMethods = IP", func(o *Options) {
			o.Auth = Auth{AllowedText: "NULL", RequiredText: "IP", Allowed: []string{"NULL"}, Required: []string{"IP"}}
		}},
		// Repeating a list adds to it: seen with release 5.
		{"AllowedAuthMethods = NULL AllowedAuthMethods = IP", func(o *Options) { o.Auth = Auth{AllowedText: "IP", Allowed: []string{"NULL", "IP"}} }},
		{"RequiredAuthMethods = IP", func(o *Options) { o.Auth = Auth{RequiredText: "IP", Required: []string{"IP"}} }},
		{"AllowedAuthMethods = \"null  IP\tNULL\"", func(o *Options) { o.Auth = Auth{AllowedText: "null  IP\tNULL"} }},
		{"AccessControlPolicy = \"PERMIT\"", func(o *Options) {}},
		{"ActiveIPVersion = IPv4", func(o *Options) {}},
		{"Window = 32767", func(o *Options) { o.Window = 32767 }},
		{"Window = 20", func(o *Options) { o.Window = 20 }},
		{"PersonalWindow = 1", func(o *Options) { o.PersonalWindow = 1 }},
		{"AcceleratedRing = true", func(o *Options) { o.AcceleratedRing = true }},
		{"AcceleratedWindow = 0", func(o *Options) { o.AcceleratedWindow = 0 }},
		{"AcceleratedWindow = 21", func(o *Options) { o.AcceleratedWindow = 21 }},
		{"WideAreaNetwork = true", func(o *Options) { o.WideAreaNetwork = true }},
		{"ExcludeSegAddrsFromHash = True", func(o *Options) { o.ExcludeSegAddrsFromHash = true }},
		{"IgnoreMulticastJoinErrors = yes", func(o *Options) { o.IgnoreMulticastJoinErrors = true }},
		{`TokenTimeout = 1 HurryTimeout = 2 AliveTimeout = 3 JoinTimeout = 4 RepTimeout = 5 SegTimeout = 6 GatherTimeout = 7
			FormTimeout = 8 LookupTimeout = 9`, func(o *Options) {
			const ms = time.Millisecond
			o.Timers = Timers{1 * ms, 2 * ms, 3 * ms, 4 * ms, 5 * ms, 6 * ms, 7 * ms, 8 * ms, 9 * ms}
		}},
		{"LinkProtocol = Hop", func(o *Options) {}},
		{"RouteMatrix { 0 10 10 0 }", func(o *Options) {}},
		{"DebugInitialSequence", func(o *Options) {}},
	} {
		if c.change == nil {
			if _, err := Parse([]byte(c.src+"\n"+seg), "t.conf", testEnv); err == nil {
				t.Errorf("%s: accepted", c.src)
			}
			continue
		}
		got, want := parse(t, c.src+"\n"+seg).Options, base
		c.change(&want)
		got.set, want.set = nil, nil
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%s\n got %+v\nwant %+v", c.src, got, want)
		}
		key, _, _ := strings.Cut(c.src, " ")
		o := parse(t, seg+c.src).Options // position is free
		if !o.IsSet(Key(key)) || o.IsSet("Windows") {
			t.Errorf("%s: IsSet is wrong", c.src)
		}
	}
}

func TestWarnings(t *testing.T) {
	for _, c := range []struct {
		src       string
		line, col int
		want      string // empty: no warnings
	}{
		{seg, 0, 0, ""},
		{"Spread_Segment 10.0.0.255 { a 10.0.0.1 b 10.0.0.2 }", 0, 0, ""},
		{head + "a 127.0.0.1 b 127.0.0.2 }", 1, 16, "127.0.0.255 is a loopback address"},
		{"Spread_Segment 239.0.0.1 127.0.0.255 { a 10.0.0.1 b 10.0.0.2 }", 1, 26, "127.0.0.255 is a loopback address"},
		{"Spread_Segment fd00::1:5 { a fd00::1 b fd00::2 }", 1, 16, "not a multicast address"},
		{"Spread_Segment ff02::1:6000 { a fd00::1 }", 1, 16, "looks like a port"},
		{"Spread_Segment ff02::1:abcd { a fd00::1 }", 0, 0, ""},
		{head + "a; 127.0.0.1 }", 1, 35, "ends with a semicolon"},
		{head + "abcdefghijklmnopqrst 127.0.0.1 }", 1, 35, `cut to "abcdefghijklmnopqrs"`},
		{head + "abcdefghijklmnopqrs 127.0.0.1 }", 0, 0, ""},
		{head + "127.0.0.256 127.0.0.1 }", 1, 35, "looks like an address but is none"},
		{head + "a 127.0.0.1 VirtualID=5 127.0.0.2 }", 1, 47, "the daemon name looks like an option"},
		{head + "a 127.0.0.1 }\nSpread_Segment 127.0.0.255:6001 { b 127.0.0.1 }", 1, 35, `token port 6001 of this daemon is the port of daemon "b"`},
		{"Spread_Segment 127.0.0.255:65535 { a 127.0.0.1 }", 1, 36, "leaves none for the token channel"},
		{seg + "Spread_Segment 10.0.0.255 { b 10.0.0.1 }", 1, 35, "cannot reach each other"},
		{seg + "Window = 50 Window = 50", 2, 13, "already set in line 2"},
		{seg + "MaxSessionMessages = 0", 2, 22, "cut off at its first waiting message"},
		{seg + "MaxSessionBytes = 1000", 2, 19, "less than 262144 bytes"},
		{seg + "EventTimeStamp = \"0123456789012345678901234567890123456789\"", 2, 18, "longer than 39 bytes"},
		{seg + "EventTimeStamp = \"0123456789012345678901234567890123456\" EventPreciseTimeStamp", 2, 58, "no room for microseconds"},
		{seg + "RuntimeDir = \"\"", 2, 14, "the empty RuntimeDir is ignored"},
		{seg + "AllowedAuthMethods = null", 2, 22, `"null" is unknown`},
		{seg + "AllowedAuthMethods = IP", 2, 1, "clients that use the usual libraries will be refused"},
		{seg + "RequiredAuthMethods = \"  \"", 2, 1, "every client will be refused"},
		{seg + "AllowedAuthMethods = \"NULL" + strings.Repeat(" ", 100) + "\"", 2, 22, "longer than 89 bytes"},
		{seg + "AllowedAuthMethods = NULL AllowedAuthMethods = IP", 0, 0, ""},
		{seg + "DebugInitialSequence", 2, 1, "has no effect"},
	} {
		w := parse(t, c.src).Warnings
		if c.want == "" {
			if len(w) > 0 {
				t.Errorf("%s: warnings %v", c.src, w)
			}
			continue
		}
		if len(w) == 0 || w[0].Position != (Position{c.line, c.col}) || !strings.Contains(w[0].Msg, c.want) {
			t.Errorf("%s\n got %v\nwant %d:%d %s", c.src, w, c.line, c.col, c.want)
		}
	}
}

func TestWarningsAreBounded(t *testing.T) {
	w := parse(t, seg+strings.Repeat("Window = 50\n", 1000)).Warnings
	if len(w) != maxWarnings+1 || w[maxWarnings].Msg != "further warnings are left out" || w[maxWarnings].Line != 103 {
		t.Errorf("%d warnings, the last %v", len(w), w[len(w)-1])
	}
}

func TestTimerDefaults(t *testing.T) {
	const ms = time.Millisecond
	lan := Timers{1250 * ms, 500 * ms, 250 * ms, 250 * ms, 625 * ms, 500 * ms, 1250 * ms, 1250 * ms, 30000 * ms}
	wan := Timers{5000 * ms, 1500 * ms, 250 * ms, 250 * ms, 1250 * ms, 500 * ms, 2500 * ms, 2500 * ms, 45000 * ms}
	if LANTimers() != lan || WANTimers() != wan {
		t.Errorf("LAN %+v WAN %+v", LANTimers(), WANTimers())
	}
}

func TestDefault(t *testing.T) {
	c := Default()
	d, err := c.Self("", exampleHost)
	if err != nil || d.Name != "localhost" || d.Addr != netip.MustParseAddr("127.0.0.1") || d.Port != 4803 || c.File != "" {
		t.Errorf("default: %+v %v", d, err)
	}
	if len(d.Interfaces) != 1 || !d.Interfaces[0].Client || !d.Interfaces[0].Addr.IsLoopback() {
		t.Errorf("clients must be served on loopback only: %+v", d.Interfaces)
	}
	if len(c.Warnings)+len(c.Options.set) > 0 {
		t.Errorf("remarks: %v %v", c.Warnings, c.Options.set)
	}
}
