package conf

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/netip"
	"reflect"
	"strings"
	"testing"
	"unicode/utf8"
)

// FuzzParse: whatever the bytes, Parse ends with an error that has a place, or with a configuration that can be hashed,
// described and reported, is the same when parsed again, and the same when written out and parsed again.
func FuzzParse(f *testing.F) {
	for _, e := range readExamples(f) {
		f.Add(readExample(f, e.name))
	}
	for i := range directives {
		f.Add([]byte(seg + string(directives[i].key) + " = 21 \"a'b\" 'c\"d' [ff02::1%lo]:6000 !ALL;"))
	}
	f.Add([]byte(builtin))
	f.Fuzz(func(t *testing.T, src []byte) {
		c, err := Parse(src, "f.conf", testEnv)
		if err != nil {
			checkError(t, src, err)
			return
		}
		checkConfig(t, c)
		again, err := Parse(src, "f.conf", testEnv)
		if err != nil || !reflect.DeepEqual(c, again) {
			t.Fatalf("parsed twice, not the same: %v", err)
		}
		written := write(c)
		back, err := Parse([]byte(written), "f.conf", testEnv)
		if err != nil {
			t.Fatalf("written out and refused: %v\n%s", err, written)
		}
		if !reflect.DeepEqual(back.Segments, c.Segments) || back.Hash() != c.Hash() {
			t.Fatalf("written out, not the same:\n%s", written)
		}
	})
}

func checkError(t *testing.T, src []byte, err error) {
	t.Helper()
	var e *Error
	if !errors.As(err, &e) {
		t.Fatalf("not an *Error: %v", err)
	}
	if e.Line < 1 || e.Line > 1+bytes.Count(src, []byte{'\n'}) || e.Col < 1 || e.Col > 1+len(src) {
		t.Errorf("no place in the file: %v", err)
	}
	checkLine(t, err.Error())
}

// checkLine: a message is one printable line of bounded length.
func checkLine(t *testing.T, s string) {
	t.Helper()
	if len(s) > 1500 || !utf8.ValidString(s) || strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r == 0x7f }) {
		t.Errorf("not a line for a log: %q", s)
	}
}

func checkConfig(t *testing.T, c *Config) {
	t.Helper()
	for _, d := range c.Warnings {
		checkLine(t, d.String())
	}
	ids, names := make(map[uint32]bool), make(map[string]bool)
	for i, d := range c.Daemons() {
		ids[d.ID], names[d.Name] = true, true
		if d.Index != i || len(d.Name) < 1 || len(d.Name) > MaxNameLen || strings.Trim(d.Name, legalNameBytes) != "" || d.Port == 0 ||
			!d.Addr.IsValid() || d.Addr.IsUnspecified() || d.Addr.IsMulticast() || len(d.Interfaces) > MaxInterfaces || c.Segments[d.Segment].Port != d.Port {
			t.Errorf("daemon %+v", d)
		}
		if self, err := c.Self(d.Name, []netip.Addr{d.Addr}); err != nil || self.Index != i {
			t.Errorf("Self(%q): %v", d.Name, err)
		}
	}
	if n := len(c.Daemons()); n < 1 || n > MaxDaemons || len(ids) != n || len(names) != n || len(c.Segments) > MaxSegments {
		t.Errorf("%d segments, %d daemons, %d ids, %d names", len(c.Segments), n, len(ids), len(names))
	}
	if err := c.WriteReport(io.Discard); err != nil {
		t.Error(err)
	}
	var b bytes.Buffer
	if err := c.Describe(&b); err != nil {
		t.Error(err)
	}
	for line := range strings.Lines(b.String()) {
		if kind, _, _ := strings.Cut(line, " "); !strings.Contains(" file: hash: protocol: segments: daemons: segment daemon interface option warning: ", " "+kind+" ") {
			t.Errorf("a line of no kind: %q", line)
		}
	}
	if live, refused := Changed(c, c, c.Daemons()[0].Name); len(live)+len(refused) > 0 {
		t.Errorf("differs from itself: %q %q", live, refused)
	}
}

var legalNameBytes = func() string {
	var b []byte
	for c := byte('$'); c <= '~'; c++ {
		b = append(b, c)
	}
	return string(b)
}()

// write writes a configuration out as a file, with what enters the hash.
func write(c *Config) string {
	var b strings.Builder
	fmt.Fprintf(&b, "AcceleratedRing = %v\nAcceleratedWindow = 0\nExcludeSegAddrsFromHash = %v\n", c.Options.AcceleratedRing, c.Options.ExcludeSegAddrsFromHash)
	for _, s := range c.Segments {
		fmt.Fprintf(&b, "Spread_Segment %v", netip.AddrPortFrom(s.Addrs[0], s.Port))
		for _, a := range s.Addrs[1:] {
			fmt.Fprintf(&b, " %s", writeAddr(a))
		}
		b.WriteString(" {\n")
		for _, d := range s.Daemons {
			fmt.Fprintf(&b, "\t\"%s\" %s", d.Name, writeAddr(d.Addr))
			if d.ExplicitID {
				fmt.Fprintf(&b, " VirtualID = %d", d.ID)
			}
			if len(d.Interfaces) > 0 {
				b.WriteString(" {")
				for _, i := range d.Interfaces {
					for _, l := range []struct {
						on     bool
						letter string
					}{{i.Client, "C"}, {i.Daemon, "D"}, {i.Monitor, "M"}} {
						if l.on {
							b.WriteString(" " + l.letter)
						}
					}
					b.WriteString(" " + writeAddr(i.Addr))
				}
				b.WriteString(" }")
			}
			b.WriteString(" ;\n")
		}
		b.WriteString("}\n")
	}
	return b.String()
}

// writeAddr writes an address in a form that the lexer takes for one: without a dotted quad within IPv6.
func writeAddr(a netip.Addr) string {
	if a.Is4() {
		return a.String()
	}
	return a.StringExpanded()
}

// TestLayout: blanks, line ends and comments change nothing but positions, and never the hash.
func TestLayout(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for _, e := range readExamples(t) {
		src := readExample(t, e.name)
		c, err := Parse(src, "t.conf", exampleEnv)
		for range 20 {
			other := shuffle(t, r, src)
			c2, err2 := Parse([]byte(other), "t.conf", exampleEnv)
			if (err == nil) != (err2 == nil) {
				t.Fatalf("%s: %v, but %v for\n%s", e.name, err, err2, other)
			}
			if err != nil {
				if err.(*Error).Msg != err2.(*Error).Msg && !strings.Contains(err.(*Error).Msg, "in line") {
					t.Errorf("%s: %v, but %v", e.name, err, err2)
				}
				continue
			}
			if c.Hash() != c2.Hash() || !reflect.DeepEqual(c.Segments, c2.Segments) {
				t.Fatalf("%s: another configuration:\n%s", e.name, other)
			}
			c2.Options.set = c.Options.set
			if !reflect.DeepEqual(c.Options, c2.Options) {
				t.Errorf("%s: other options:\n%s", e.name, other)
			}
		}
	}
}

// shuffle writes the tokens of a file with other blanks and comments between them.
func shuffle(t *testing.T, r *rand.Rand, src []byte) string {
	t.Helper()
	gaps := []string{" ", "\n", "\t", "\r\n", "\n\n  ", " # { } = ;\n", "#\n", "[ ", " ]", "\v \f"}
	var b strings.Builder
	l := newLexer(src, "t.conf")
	gap := func() string { return gaps[r.IntN(len(gaps))] }
	for {
		tok, err := l.next()
		if err != nil { // a port out of range: the rest stays as it is
			b.Write(src[l.off-len(tok.raw):])
			return b.String()
		}
		switch {
		case tok.kind == kindEOF:
			return b.String()
		case tok.kind == kindBang: // its line must go on
			b.WriteString(tok.raw + " ")
			continue
		case tok.raw == "!":
			b.WriteString(tok.raw + "\n")
			continue
		}
		b.WriteString(tok.raw)
		b.WriteString(gap())
		if r.IntN(3) == 0 {
			b.WriteString(gap())
		}
	}
}
