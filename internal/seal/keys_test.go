package seal

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
)

// secret is the n-th key of the tests.
func secret(n byte) []byte {
	b := make([]byte, KeySize)
	for i := range b {
		b[i] = n + byte(i)
	}
	return b
}

// ring gives keys of the tests.
func ring(t testing.TB, numbers ...byte) *Keys {
	t.Helper()
	var text strings.Builder
	for _, n := range numbers {
		fmt.Fprintln(&text, hex.EncodeToString(secret(n)))
	}
	keys, err := ParseKeys([]byte(text.String()), "ring.key")
	if err != nil {
		t.Fatal(err)
	}
	return keys
}

func TestParseKeys(t *testing.T) {
	hex1, hex2 := hex.EncodeToString(secret(1)), hex.EncodeToString(secret(2))
	base1 := base64.StdEncoding.EncodeToString(secret(1))
	one, two := ring(t, 1).Names(), ring(t, 1, 2).Names()
	var many strings.Builder
	for n := range byte(MaxKeys + 1) {
		fmt.Fprintf(&many, "%x\n", secret(n))
	}
	for _, c := range []struct {
		what, text string
		names      []string
		err        string
	}{
		{what: "hexadecimal", text: hex1 + "\n", names: one},
		{what: "upper case, no end of line", text: strings.ToUpper(hex1), names: one},
		{what: "base64", text: base1, names: one},
		{what: "base64 without padding", text: strings.TrimRight(base1, "="), names: one},
		{what: "remarks and blanks", text: "\ufeff# the ring\r\n\r\n  " + hex1 + "  # March\r\n\t" + hex2 + "\r\n#\n", names: two},
		{what: "order", text: hex2 + "\n" + hex1, names: []string{two[1], two[0]}},

		{what: "nothing", text: "", err: "ring.key: there is no key in it; make one with: openssl rand -hex 32"},
		{what: "remarks only", text: "#" + hex1 + "\n", err: "there is no key"},
		{what: "short", text: "\n" + hex1[2:], err: "ring.key:2: a key is 64 hexadecimal digits or 44 characters of base64, this is 62 characters"},
		{what: "long", text: hex1 + "00", err: "ring.key:1: a key is"},
		{what: "two on a line", text: hex1 + " " + hex2, err: "ring.key:1: a key is"},
		{what: "no digit", text: hex1[:63] + "g", err: "ring.key:1: a character"},
		{what: "no base64", text: "!" + base1[1:], err: "ring.key:1: a character"},
		{what: "base64 with loose bits", text: strings.TrimRight(base1, "=")[:42] + "B", err: "ring.key:1: a character"},
		{what: "too much padding", text: base1 + "=", err: "ring.key:1: a key is"},
		{what: "zeros", text: strings.Repeat("0", 64), err: "ring.key:1: the key is one byte over and over"},
		{what: "twice", text: hex1 + "\n\n" + base1, err: "ring.key:3: the key of line 1 again"},
		{what: "too many", text: many.String(), err: "ring.key:17: more than 16 keys"},
		{what: "too large", text: strings.Repeat("#", MaxKeyFile+1), err: "ring.key: more than 65536 bytes"},
		{what: "binary", text: "\x00\xff\x00", err: "ring.key:1: a key is"},
	} {
		t.Run(c.what, func(t *testing.T) {
			keys, err := ParseKeys([]byte(c.text), "ring.key")
			if c.err != "" {
				if err == nil || !strings.HasPrefix(err.Error(), c.err) && !strings.Contains(err.Error(), c.err) {
					t.Fatalf("error %v, want %q", err, c.err)
				}
				checkSecret(t, err.Error())
				return
			}
			if err != nil || !slices.Equal(keys.Names(), c.names) {
				t.Fatalf("keys %v, want %v (%v)", keys, c.names, err)
			}
		})
	}
}

// checkSecret fails if a text shows four bytes of a key of the tests in any form.
func checkSecret(t *testing.T, text string) {
	t.Helper()
	for _, n := range []byte{0, 1, 2} {
		key := secret(n)
		for i := 0; i+4 <= len(key); i++ {
			part := key[i : i+4]
			for _, form := range []string{string(part), fmt.Sprintf("%x", part), fmt.Sprintf("%X", part), fmt.Sprintf("%d", part), fmt.Sprint(part)[1 : len(fmt.Sprint(part))-1], fmt.Sprintf("%#v", part)[7:20]} {
				if strings.Contains(text, form) {
					t.Fatalf("shows a part of a key: %q", text)
				}
			}
		}
		if full := base64.StdEncoding.EncodeToString(key); strings.Contains(text, full[:8]) || strings.Contains(text, full[20:28]) {
			t.Fatalf("shows a part of a key: %q", text)
		}
	}
}

func TestKeysAreNotShown(t *testing.T) {
	keys := ring(t, 1, 2)
	s, err := New(keys, 7, 100)
	if err != nil {
		t.Fatal(err)
	}
	prk := keys.list[0].prk
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		for _, v := range []any{keys, struct{ K *Keys }{keys}, []*Keys{keys}, s} {
			text := fmt.Sprintf(verb, v)
			checkSecret(t, text)
			if strings.Contains(text, fmt.Sprintf("%x", prk[:4])) || strings.Contains(text, fmt.Sprint(prk)) {
				t.Errorf("%s shows what subkeys are derived from", verb)
			}
		}
	}
	if got := keys.String(); got != "ring keys "+strings.Join(keys.Names(), ", ") {
		t.Errorf("String: %q", got)
	}
}

func TestReadKeys(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "ring.key")
	write := func(text string, mode fs.FileMode) {
		t.Helper()
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := ReadKeys(path); err == nil || !strings.Contains(err.Error(), path) || !strings.Contains(err.Error(), "openssl rand -hex 32") {
		t.Errorf("no file: %v", err)
	}
	write(hex.EncodeToString(secret(1)), 0o600)
	if keys, err := ReadKeys(path); err != nil || !slices.Equal(keys.Names(), ring(t, 1).Names()) {
		t.Errorf("%v, %v", keys, err)
	}
	write("what\n", 0o600)
	if _, err := ReadKeys(path); err == nil || !strings.HasPrefix(err.Error(), path+":1: ") {
		t.Errorf("bad line: %v", err)
	}
	write(strings.Repeat("#", MaxKeyFile)+hex.EncodeToString(secret(1)), 0o600)
	if _, err := ReadKeys(path); err == nil || !strings.Contains(err.Error(), "more than 65536 bytes") {
		t.Errorf("large file: %v", err)
	}
	if _, err := ReadKeys(dir); err == nil {
		t.Error("a directory was read")
	}
	if runtime.GOOS == "windows" {
		return
	}
	write(hex.EncodeToString(secret(1)), 0o644)
	if _, err := ReadKeys(path); err == nil || !strings.Contains(err.Error(), "chmod 600 "+path) {
		t.Errorf("mode 644: %v", err)
	}
}

func TestCheckMode(t *testing.T) {
	for mode, want := range map[fs.FileMode]bool{
		0o400: true, 0o600: true, 0o640: true, 0o440: true, 0o700: true,
		0o604: false, 0o644: false, 0o660: false, 0o602: false, 0o601: false, 0o666: false,
		fs.ModeDir | 0o600: false, fs.ModeNamedPipe | 0o600: false, fs.ModeDevice | 0o600: false,
	} {
		if err := checkMode("f", mode, true); (err == nil) != want {
			t.Errorf("%v: %v", mode, err)
		}
	}
	if err := checkMode("f", 0o666, false); err != nil {
		t.Errorf("without modes: %v", err)
	}
}

// TestShortNameTwice: two keys that cannot be told apart in a datagram.
func TestShortNameTwice(t *testing.T) {
	keys := ring(t, 1)
	keys.list[0].id = ring(t, 2).list[0].id
	if err := keys.add(secret(2), 9); err == nil || !strings.Contains(err.Error(), "by chance the same short name") {
		t.Errorf("%v", err)
	}
}

func FuzzParseKeys(f *testing.F) {
	f.Add([]byte(hex.EncodeToString(secret(1)) + "\n" + base64.StdEncoding.EncodeToString(secret(2))))
	f.Add([]byte("#\n\n=\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		before := bytes.Clone(text)
		keys, err := ParseKeys(text, "f")
		if (err == nil) != (keys != nil) || err == nil && len(keys.Names()) == 0 {
			t.Errorf("%v, %v", keys, err)
		}
		if !bytes.Equal(text, before) {
			t.Error("the text was changed")
		}
	})
}
