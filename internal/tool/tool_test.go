package tool

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"gospread/spread"
)

func TestErrorLine(t *testing.T) {
	for _, c := range []struct {
		err  error
		want string
	}{
		{&spread.Error{Op: "join", Code: spread.ErrIllegalGroup}, "SP_error: (-14) Illegal group.\n"},
		{fmt.Errorf("more: %w", &spread.Error{Code: spread.ErrConnectionClosed}), "SP_error: (-8) Connection closed by Spread.\n"},
		{&spread.Error{Op: "receive", Code: spread.ErrWouldBlock, Err: context.DeadlineExceeded},
			"SP_error: spread: receive: context deadline exceeded (code -25)\n"},
		{errors.New("something else"), "SP_error: something else\n"},
	} {
		if got := ErrorLine(c.err); got != c.want {
			t.Errorf("%v: %q, want %q", c.err, got, c.want)
		}
	}
}

func TestUserName(t *testing.T) {
	for _, c := range []struct{ name, suffix, want string }{
		{"", "", ""},
		{"user", "", "user"},
		{"abcdefghijklm", "", "abcdefghij"},
		{"abcdefghijklm", "100", "abcdefg100"},
		{"user", "2", "user2"},
	} {
		if got := UserName(c.name, c.suffix); got != c.want {
			t.Errorf("%q with %q is %q, want %q", c.name, c.suffix, got, c.want)
		}
	}
}

func TestNoTerminal(t *testing.T) {
	if Terminal(strings.NewReader("")) {
		t.Error("a string is no terminal")
	}
	open := func(path string, flag int) *os.File {
		f, err := os.OpenFile(path, flag, 0o600)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = f.Close() })
		return f
	}
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	defer w.Close()
	closed := open(os.DevNull, os.O_RDWR)
	_ = closed.Close()
	for name, f := range map[string]*os.File{
		"null":   open(os.DevNull, os.O_RDWR),
		"file":   open(filepath.Join(t.TempDir(), "f"), os.O_RDWR|os.O_CREATE),
		"pipe":   r,
		"closed": closed,
	} {
		if Terminal(f) {
			t.Errorf("%s is no terminal", name)
		}
	}
}

func TestTerminal(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("needs the pseudo terminals of Linux")
	}
	f, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		t.Skip(err)
	}
	defer f.Close()
	if !Terminal(f) {
		t.Error("a pseudo terminal is a terminal")
	}
}
