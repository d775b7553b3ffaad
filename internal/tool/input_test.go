package tool

import (
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"
	"testing/synctest"
)

func TestInputLines(t *testing.T) {
	const typed = "one\n\nlonger than limit\nlast"
	want := []string{"one\n", "\n", "longer t", "han limi", "t\n", "last"}
	for name, r := range map[string]io.Reader{
		"at once":     strings.NewReader(typed),
		"in bytes":    iotest.OneByteReader(strings.NewReader(typed)),
		"with an end": iotest.DataErrReader(strings.NewReader(typed)),
	} {
		in := NewInput(t.Context(), r)
		for _, w := range want {
			if got, err := in.Await(t.Context(), 8); string(got) != w || err != nil {
				t.Errorf("%s: %q, %v, want %q", name, got, err, w)
			}
		}
		if got, err := in.Await(t.Context(), 8); got != nil || !errors.Is(err, ErrEnd) {
			t.Errorf("%s: %q, %v at the end", name, got, err)
		}
	}
}

func TestInputFails(t *testing.T) {
	in := NewInput(t.Context(), io.MultiReader(strings.NewReader("j g\n"), iotest.ErrReader(errors.New("no such luck"))))
	if got, err := in.Await(t.Context(), 8); string(got) != "j g\n" || err != nil {
		t.Errorf("%q, %v", got, err)
	}
	if _, err := in.Await(t.Context(), 8); err == nil || err.Error() != "read input: no such luck" {
		t.Error(err)
	}
}

// Reading ahead has a bound, and goes on when lines are taken.
func TestInputIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, w := io.Pipe()
		in := NewInput(t.Context(), r)
		const total = 3 * ReadAhead
		written := 0
		go func() {
			for written < total {
				n, _ := w.Write([]byte(strings.Repeat("x", 1023) + "\n"))
				written += n
			}
			_ = w.Close()
		}()
		synctest.Wait()
		if written > ReadAhead+8192 {
			t.Errorf("%d bytes were read ahead", written)
		}
		taken := 0
		for {
			line, err := in.Await(t.Context(), 4096)
			if err != nil {
				break
			}
			taken += len(line)
		}
		if taken != total {
			t.Errorf("%d bytes of %d arrived", taken, total)
		}
	})
}

// What arrives between a look at the line and the wait for more is not missed.
func TestInputChangedBetween(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, w := io.Pipe()
		in := NewInput(t.Context(), r)
		if line, err := in.Line(8); line != nil || err != nil {
			t.Errorf("%q, %v before anything was typed", line, err)
		}
		if _, err := io.WriteString(w, "x\n"); err != nil {
			t.Error(err)
		}
		synctest.Wait()
		changed, cancel := in.Changed(t.Context())
		defer cancel()
		if changed.Err() == nil {
			t.Error("the change was missed")
		}
		if line, _ := in.Line(8); string(line) != "x\n" {
			t.Errorf("line %q", line)
		}
		quiet, cancel := in.Changed(t.Context())
		defer cancel()
		if quiet.Err() != nil {
			t.Error("there was no change")
		}
		_ = w.Close()
	})
}
