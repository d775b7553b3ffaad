package conf

import (
	"fmt"
	"strings"
	"testing"
)

// show writes tokens as kind and text, the way the tests compare them.
func show(src string) string {
	l := newLexer([]byte(src), "t")
	var out []string
	for {
		t, err := l.next()
		if err != nil {
			return strings.Join(append(out, "error"), " ")
		}
		switch t.kind {
		case kindEOF:
			return strings.Join(out, " ")
		case kindWord:
			s := "word:" + t.text
			if t.quoted {
				s = "quoted:" + t.text
			} else if t.malformed != "" {
				s = "malformed:" + t.text
			}
			out = append(out, s)
		case kindAddr:
			out = append(out, "addr:"+t.addr.String())
		case kindAddrPort:
			out = append(out, fmt.Sprintf("addrport:%v/%d", t.addr, t.port))
		case kindNumber:
			out = append(out, fmt.Sprintf("number:%d", t.num))
		case kindKeyword, kindBool, kindTri, kindFlag, kindLetter, kindLevel:
			names := map[kind]string{kindKeyword: "key", kindBool: "bool", kindTri: "tri", kindFlag: "flag", kindLetter: "letter", kindLevel: "level"}
			out = append(out, names[t.kind]+":"+t.raw)
		default:
			out = append(out, t.raw)
		}
	}
}

// TestTokens has a line for every rule of configuration and tools 1.2 and 1.3. Wherever a rule leaves a doubt, the
// result is what release 5 was seen to do.
func TestTokens(t *testing.T) {
	for _, c := range []struct{ rule, src, want string }{
		{"blanks separate", "a b\tc\rd\ne", "word:a word:b word:c word:d word:e"},
		{"nothing", "", ""},
		{"only blanks", " \r\n\t", ""},
		{"comment to the end of the line", "a # b { \" '\nc", "word:a word:c"},
		{"comment in a word", "a#b c\nd", "word:a word:d"},
		{"comment at the end of the file", "a #", "word:a"},
		{"byte order mark", "\xef\xbb\xbfWindow", "key:Window"},
		{"byte order mark only at the start", " \xef\xbb\xbfWindow", "word:\xef\xbb\xbfWindow"},

		{"quoted", `"a b" 'c d'`, "quoted:a b quoted:c d"},
		{"quoted, with the other quote", `"a'b" 'a"b'`, `quoted:a'b quoted:a"b`},
		{"quoted, with anything", "\"{ } # =\n[]\"", "quoted:{ } # =\n[]"},
		{"quoted, empty", `"" ''`, "quoted: quoted:"},
		{"quoted, no escapes", `"a\" b`, `quoted:a\ word:b`},
		{"quoted, before brace and comment", "\"a\"{\"b\"}\"c\"#x", "quoted:a { quoted:b } quoted:c"},
		{"quoted, before a dropped byte", "\"a\"[ \"b\"\v", "quoted:a quoted:b"},
		{"lone quote", `"a b`, `word:"a word:b`},
		{"lone quote in a word", `a"b c`, `word:a"b word:c`},
		{"quote within a word does not quote", `a"b c"d`, `word:a"b word:c"d`},
		{"quoted, glued to more, is a longer word", `"a"x`, `word:"a"x`},
		{"quoted, glued, is longer than the word", `"a b"x`, "quoted:a b word:x"},
		{"two quoted, glued", `"a""b" 'c''d'`, `word:"a""b" word:'c''d'`},
		{"two quoted with blanks, glued", `"a b""c d"`, "quoted:a b quoted:c d"},
		{"quoted keyword is a word", `"Window" "7" "C" "true"`, "quoted:Window quoted:7 quoted:C quoted:true"},

		{"braces anywhere", "a{b}c{ }", "word:a { word:b } word:c { }"},
		{"= : ; alone", "= : ;", "= : ;"},
		{"= : ; glued", "Window=160 Window= =160 a; ;a a:b :a", "word:Window=160 word:Window= word:=160 word:a; word:;a word:a:b word::a"},
		{"two of them", "== ;; :=", "word:== word:;; word::="},
		{"= ended by a brace", "DebugFlags ={ALL}", "key:DebugFlags = { flag:ALL }"},
		{"; ended by a brace", "a;}a ;}", "word:a; } word:a ; }"},
		{"= ended by a comment", "=#x", "="},

		{"! glued", "!PRINT", "! flag:PRINT"},
		{"! apart", "! PRINT", "! flag:PRINT"},
		{"! before a comment or a brace", "!#x\n!{", "! ! {"},
		{"! twice", "!!ALL", "! ! flag:ALL"},
		{"! at the end of a line", "!\nALL", "word:! flag:ALL"},
		{"! at the end of a line with carriage return", "!\r\nALL", "! flag:ALL"},
		{"! at the end of the file", "!", "word:!"},
		{"! within a word", "a! a!b", "word:a! word:a!b"},

		{"dropped bytes end a word", "a[b]c\vd\fe", "word:a word:b word:c word:d word:e"},
		{"brackets alone", "[ ] []", ""},
		{"high bytes are word characters", "d\xc3\xa4mon \xff", "word:d\xc3\xa4mon word:\xff"},
		{"control bytes are word characters", "a\x00b \x1b", "word:a\x00b word:\x1b"},

		{"keywords", "Spread_Segment VirtualID Window", "key:Spread_Segment key:VirtualID key:Window"},
		{"keywords, exact case", "window WINDOW virtualid", "word:window word:WINDOW word:virtualid"},
		{"keywords, longest match", "Windowx xWindow Window2", "word:Windowx word:xWindow word:Window2"},
		{"keywords of other times and ours are words", "LinkProtocol RouteMatrix DebugInitialSequence MaxSessionBytes RingKeyFile",
			"word:LinkProtocol word:RouteMatrix word:DebugInitialSequence word:MaxSessionBytes word:RingKeyFile"},
		{"booleans, any case", "true YES False nO truex", "bool:true bool:YES bool:False bool:nO word:truex"},
		{"tri-states, any case", "on OFF Auto on1", "tri:on tri:OFF tri:Auto word:on1"},
		{"flags, exact case", "ALL NONE DATA_LINK all", "flag:ALL flag:NONE flag:DATA_LINK word:all"},
		{"interface letters", "M C D m CD", "letter:M letter:C letter:D word:m word:CD"},
		{"levels, exact case", "pDEBUG INFO FATAL PDEBUG", "level:pDEBUG level:INFO level:FATAL word:PDEBUG"},
		{"DEBUG is a flag", "DEBUG", "flag:DEBUG"},

		{"IPv4", "127.0.0.1 1.2.3.4{", "addr:127.0.0.1 addr:1.2.3.4 {"},
		{"IPv4 and port", "127.0.0.1:6000 1.2.3.4:06000 1.2.3.4:0", "addrport:127.0.0.1/6000 addrport:1.2.3.4/6000 addrport:1.2.3.4/0"},
		{"IPv4, glued", "127.0.0.1; 127.0.0.1x 127.0.0.1: 127.0.0.1/8", "word:127.0.0.1; word:127.0.0.1x word:127.0.0.1: word:127.0.0.1/8"},
		{"IPv4, other shapes", "127.0.0 1.2.3.4.5 1277.0.0.1 1.2.3.0004 1..2.3", "word:127.0.0 word:1.2.3.4.5 word:1277.0.0.1 word:1.2.3.0004 word:1..2.3"},
		{"IPv4, octet too big", "127.0.0.256 300.0.0.1:6000", "malformed:127.0.0.256 malformed:300.0.0.1:6000"},
		{"IPv4, leading zero", "127.0.0.01", "malformed:127.0.0.01"},
		{"IPv4, six digits of port", "1.2.3.4:123456", "word:1.2.3.4:123456"},
		{"IPv4, port too big", "a 1.2.3.4:65536", "word:a error"},
		{"IPv4, octet and port too big", "300.2.3.4:65536", "error"},
		{"IPv4 takes no brackets", "[127.0.0.1]:6000", "addr:127.0.0.1 word::6000"},

		{"IPv6", "::1 fd00::1 FD00::a :: fe80::", "addr:::1 addr:fd00::1 addr:fd00::a addr::: addr:fe80::"},
		{"IPv6, eight groups", "1:2:3:4:5:6:7:8 1:2:3:4:5:6:7:: ::2:3:4:5:6:7:8",
			"addr:1:2:3:4:5:6:7:8 addr:1:2:3:4:5:6:7:0 addr:0:2:3:4:5:6:7:8"},
		{"IPv6, last group is no port", "ff02::1:6000", "addr:ff02::1:6000"},
		{"IPv6, other shapes", "1::2::3 :::1 ff02::00001 ff02::g 1:2:3 1:2:3:4:5:6:7:8:9 1:2:3:4:5:6:7:8:: ::1:2:3:4:5:6:7:8",
			"word:1::2::3 word::::1 word:ff02::00001 word:ff02::g word:1:2:3 word:1:2:3:4:5:6:7:8:9 word:1:2:3:4:5:6:7:8:: word:::1:2:3:4:5:6:7:8"},
		{"IPv6, too many groups around ::", "ff02:0:0:0:0:0:0::1 1::2:3:4:5:6:7:8", "malformed:ff02:0:0:0:0:0:0::1 malformed:1::2:3:4:5:6:7:8"},
		{"IPv6, dotted quad", "::ffff:1.2.3.4", "word:::ffff:1.2.3.4"},
		{"IPv6, zone", "fe80::1%lo fe80::1%1 fe80::1%a-b.c%d;", "addr:fe80::1%lo addr:fe80::1%1 addr:fe80::1%a-b.c%d;"},
		{"IPv6, empty zone", "fe80::1%", "word:fe80::1%"},
		{"IPv6 and port", "[::1]:6000 [ff02::1%lo]:1 [::1]:0", "addrport:::1/6000 addrport:ff02::1%lo/1 addrport:::1/0"},
		{"IPv6 and port, in a row", "x[::1]:6000[::2]:1y", "word:x addrport:::1/6000 addrport:::2/1 word:y"},
		{"IPv6 and port, six digits", "[::1]:600001", "addrport:::1/60000 number:1"},
		{"IPv6 and port, a sixth digit is the next token", "[::1]:060001", "addrport:::1/6000 number:1"},
		{"IPv6 and port, port too big", "[::1]:65536", "error"},
		{"IPv6 in brackets without port", "[ff02::1] [ff02::1", "addr:ff02::1 addr:ff02::1"},
		{"IPv6 in brackets, badly closed", "[ff02::1]: [ff02::1]:x [ff02::1]6 [ ff02::1 ]:6", "addr:ff02::1 : addr:ff02::1 word::x addr:ff02::1 number:6 addr:ff02::1 word::6"},
		{"IPv6 in brackets, empty zone", "[ff02::1%]:6000", "word:ff02::1% word::6000"},
		{"IPv6 in brackets, malformed", "[1::2:3:4:5:6:7:8]:6000", "malformed:[1::2:3:4:5:6:7:8]:6000"},

		{"numbers", "0 7 007 999999999", "number:0 number:7 number:7 number:999999999"},
		{"ten digits are a word", "1000000000 0000000001", "word:1000000000 word:0000000001"},
		{"signs make words", "-5 +5 5- 5.5", "word:-5 word:+5 word:5- word:5.5"},
	} {
		t.Run(c.rule, func(t *testing.T) {
			if got := show(c.src); got != c.want {
				t.Errorf("%q\n got %s\nwant %s", c.src, got, c.want)
			}
		})
	}
}

// TestPositions: lines and columns are those of an editor, also after quoted texts that span lines.
func TestPositions(t *testing.T) {
	src := "a\r\n  b \"c\nd\" e\n\tf\xc3\xa4 g[h # x\ni"
	want := map[string]Position{"a": {1, 1}, "b": {2, 3}, "c\nd": {2, 5}, "e": {3, 4}, "f\xc3\xa4": {4, 2}, "g": {4, 5}, "h": {4, 7}, "i": {5, 1}}
	l := newLexer([]byte(src), "t")
	for {
		tok, err := l.next()
		if err != nil {
			t.Fatal(err)
		}
		if tok.kind == kindEOF {
			if tok.pos != (Position{5, 2}) {
				t.Errorf("end of file at %v", tok.pos)
			}
			break
		}
		if tok.pos != want[tok.text] {
			t.Errorf("%q at %v, want %v", tok.text, tok.pos, want[tok.text])
		}
		delete(want, tok.text)
	}
	if len(want) > 0 {
		t.Errorf("not seen: %v", want)
	}
}
