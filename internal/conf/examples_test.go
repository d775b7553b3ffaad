package conf

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// exampleHost is the machine on which the examples were run with release 5.
var exampleHost = []netip.Addr{
	netip.MustParseAddr("127.0.0.1"), netip.MustParseAddr("127.0.0.2"), netip.MustParseAddr("127.0.0.3"),
	netip.MustParseAddr("::1"), netip.MustParseAddr("fd00::1"), netip.MustParseAddr("fd00::2"),
}

// exampleEnv knows the names that the examples use. As on that machine, localhost has an IPv4 address only.
var exampleEnv = Env{Hostname: "vm", LookupHost: func(name string) ([]netip.Addr, error) {
	if name == "localhost" {
		return []netip.Addr{netip.MustParseAddr("127.0.0.1")}, nil
	}
	return nil, errors.New("no such host")
}}

// exception is an example where we do not what release 5 did.
type exception struct {
	accept bool // else: refuse
	reason string
	want   string // part of the error, or of a warning
	hash   string // of an accepted one, if release 5 gave none
}

var exceptions = map[string]exception{
	"16-quoted-names":              {reason: "trap 6: a name with a blank crashed the daemon at its first client", want: `"two words" contains the byte 0x20`},
	"C8-unterminated-quote":        {reason: "trap 6: a name with a quotation mark crashed the daemon at its first client", want: "the closing quote is missing"},
	"C9-quoted-then-glued":         {reason: "trap 6: a name with a quotation mark crashed the daemon at its first client", want: "a blank must follow the closing quote"},
	"D9-utf8-name":                 {reason: "trap 6: a name with a byte above 0x7e crashed the daemon at its first client", want: "contains the byte 0xc3"},
	"B8-window-larger-than-16-bit": {reason: "trap 11: windows above 32767 muted the daemon", want: "Window must be 1 to 32767"},
	"41-empty-segment-beside-full": {reason: "trap 18: an empty segment ended the daemon at the first membership", want: "the segment has no daemons"},
	"80-some-timeouts":             {reason: "4.5: with some of the timers missing the daemon ended after parsing", want: "missing: HurryTimeout, AliveTimeout"},
	"A7-linkprotocol":              {accept: true, reason: "trap 21: legal up to 4.4, so accepted with a warning", want: "LinkProtocol has no effect", hash: "1605691288"},
	"A8-routematrix":               {accept: true, reason: "trap 21: legal up to 4.4, so accepted with a warning", want: "RouteMatrix has no effect"},
}

type example struct {
	name, arg, release5, segments, daemons, resolved, hash string
}

func readExamples(t testing.TB) []example {
	t.Helper()
	index, err := os.ReadFile("testdata/examples/index.tsv")
	if err != nil {
		t.Fatal(err)
	}
	var list []example
	for _, line := range strings.Split(strings.TrimSpace(string(index)), "\n")[1:] {
		f := strings.Split(line, "\t")
		list = append(list, example{strings.TrimSuffix(f[0], ".conf"), f[1], f[2], f[3], f[4], f[5], f[6]})
	}
	files, err := filepath.Glob("testdata/examples/*.conf")
	if err != nil || len(files) != len(list) || len(list) < 129 {
		t.Fatalf("%d example files, %d in the index (%v)", len(files), len(list), err)
	}
	return list
}

func readExample(t testing.TB, name string) []byte {
	t.Helper()
	src, err := os.ReadFile(filepath.Join("testdata/examples", name+".conf"))
	if err != nil {
		t.Fatal(err)
	}
	return src
}

// load does what a start does with the file: parse it and find the own entry.
func (e example) load(t testing.TB) (*Config, error) {
	t.Helper()
	c, err := Parse(readExample(t, e.name), e.name+".conf", exampleEnv)
	if err != nil {
		return nil, err
	}
	arg := e.arg
	if arg == "(none)" {
		arg = ""
	}
	_, err = c.Self(arg, exampleHost)
	return c, err
}

func TestExamples(t *testing.T) {
	unused := make(map[string]bool)
	for name := range exceptions {
		unused[name] = true
	}
	for _, e := range readExamples(t) {
		delete(unused, e.name)
		t.Run(e.name, func(t *testing.T) { checkExample(t, e) })
	}
	for name := range unused {
		t.Errorf("the exception %s is about no example", name)
	}
}

func checkExample(t *testing.T, e example) {
	c, err := e.load(t)
	// What release 5 accepted and died of later is for the daemon to refuse, unless the table of exceptions says so.
	accept := e.release5 != "refuse"
	x, special := exceptions[e.name]
	if special {
		if x.accept == accept {
			t.Fatalf("an exception that does not differ from release 5 (%s)", e.release5)
		}
		accept = x.accept
	}
	if !accept {
		if err == nil {
			t.Fatalf("accepted; release 5: %s; %s", e.release5, x.reason)
		}
		if !strings.Contains(err.Error(), x.want) {
			t.Errorf("error %q does not say %q", err, x.want)
		}
		return
	}
	if err != nil {
		t.Fatalf("refused: %v; release 5: %s; %s", err, e.release5, x.reason)
	}
	if special && !strings.Contains(fmt.Sprint(c.Warnings), x.want) {
		t.Errorf("warnings %v do not say %q", c.Warnings, x.want)
	}
	if x.hash != "" {
		if got := strconv.FormatUint(uint64(c.Hash()), 10); got != x.hash {
			t.Errorf("hash %s, want %s", got, x.hash)
		}
		return
	}
	if got := strconv.Itoa(len(c.Segments)); got != e.segments {
		t.Errorf("%s segments, want %s", got, e.segments)
	}
	if got := strconv.Itoa(len(c.Daemons())); got != e.daemons {
		t.Errorf("%s daemons, want %s", got, e.daemons)
	}
	if got := strconv.FormatUint(uint64(c.Hash()), 10); got != e.hash {
		t.Errorf("hash %s, want %s", got, e.hash)
	}
	// The index shows a zone by the number it had on that machine, we keep what the file says.
	want := strings.ReplaceAll(e.resolved, "%1", "%lo")
	var got []string
	for _, d := range c.Daemons() {
		got = append(got, fmt.Sprintf("%s=%v:%d", d.Name, d.Addr, d.Port))
	}
	if strings.Join(got, " ") != want {
		t.Errorf("daemons %v, want %s", got, want)
	}
}

// TestExampleErrors: every refusal says where, and what is wrong, in one printable line.
func TestExampleErrors(t *testing.T) {
	for _, e := range readExamples(t) {
		_, err := Parse(readExample(t, e.name), e.name+".conf", exampleEnv)
		if err == nil {
			continue
		}
		var d *Error
		if !errors.As(err, &d) {
			t.Errorf("%s: the error is a %T", e.name, err)
			continue
		}
		lines := strings.Split(string(readExample(t, e.name)), "\n")
		if d.File != e.name+".conf" || d.Line < 1 || d.Line > len(lines) || d.Col < 1 || d.Col > len(lines[d.Line-1])+1 {
			t.Errorf("%s: no place in the file: %v", e.name, err)
		} else if d.Text != "" && !strings.HasPrefix(lines[d.Line-1][d.Col-1:], strings.TrimSuffix(d.Text, "...")) {
			t.Errorf("%s: %q is not at %d:%d", e.name, d.Text, d.Line, d.Col)
		}
		if strings.ContainsAny(err.Error(), "\n\r\t\v") {
			t.Errorf("%s: not one line: %q", e.name, err)
		}
	}
}
