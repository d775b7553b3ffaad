package spuser

import (
	"bytes"
	"io"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"gospread/spread"
	"gospread/spread/internal/fakedaemon"
	"gospread/spread/internal/tool"
)

// typed runs a session in a bubble whose input is r, and returns its output and
// how long it took.
func typed(t *testing.T, interactive bool, r io.Reader) (output string, took time.Duration) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		d := fakedaemon.New("machine1")
		o := Options{User: "user", Interactive: interactive, dial: []spread.Option{spread.WithDialer(d.Dial)}}
		var out strings.Builder
		begin := time.Now()
		if err := Run(t.Context(), o, r, &out); err != nil {
			t.Error(err)
		}
		took = time.Since(begin)
		_, output, _ = strings.Cut(out.String(), menuStarts)
	})
	return output, took
}

const nothing = "SP_error: no message has come within 5s\n\nUser> "

// At the end of the input r gives up, and all of them together after one time.
func TestReceiveAtTheEnd(t *testing.T) {
	for input, want := range map[string]string{
		"r\n":             nothing,
		"r\nr\np\nr\n":    nothing + nothing + "Polling sais: 0\n\nUser> " + nothing,
		"d\nj test\nr\nr": "\nUser> \nUser> " + joined + "\nUser> " + nothing,
	} {
		got, took := typed(t, false, strings.NewReader(input))
		if got != want+"\nBye.\n" || took != settleTimeout {
			t.Errorf("%q: after %v\n%q\nwant\n%q", input, took, got, want)
		}
	}
	if got, took := typed(t, true, strings.NewReader("r\n")); got != "\nBye.\n" || took != 0 {
		t.Errorf("on a terminal: after %v\n%q", took, got)
	}
}

// A message that is there is shown also when the time is over.
func TestReceiveWhatIsThere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := fakedaemon.New("machine1")
		conn, err := spread.Dial(t.Context(), "", spread.WithName("user"), spread.WithDialer(d.Dial))
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		in := tool.NewInput(t.Context(), strings.NewReader(""))
		var out bytes.Buffer
		s := &session{o: &Options{}, conn: conn, in: in, show: &text{w: &out}, patience: time.Now()}
		if err := conn.Join(t.Context(), "test"); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if err := s.next(t.Context()); err != nil || out.String() != joined {
			t.Errorf("%v, output %q", err, out.String())
		}
	})
}

// While more input may come, r waits as long as it takes; then for some time.
func TestReceiveBeforeTheEnd(t *testing.T) {
	const open = time.Hour
	synctest.Test(t, func(t *testing.T) {
		r, w := io.Pipe()
		go func() {
			_, _ = io.WriteString(w, "r\n")
			time.Sleep(open / 2)
			_, _ = io.WriteString(w, "p\n")
			time.Sleep(open / 2)
			_ = w.Close()
		}()
		d := fakedaemon.New("machine1")
		var out strings.Builder
		begin := time.Now()
		err := Run(t.Context(), Options{User: "user", dial: []spread.Option{spread.WithDialer(d.Dial)}}, r, &out)
		if took := time.Since(begin); err != nil || took != open+settleTimeout {
			t.Errorf("after %v: %v", took, err)
		}
		if !strings.HasSuffix(out.String(), menuStarts+nothing+"Polling sais: 0\n\nUser> \nBye.\n") {
			t.Errorf("output %q", out.String())
		}
	})
}

// No input keeps a session for ever, however long it is.
func TestRandomInput(t *testing.T) {
	for name, size := range map[string]int{"read at once": 300_000, "more than is read ahead": 2 * tool.ReadAhead} {
		input := make([]byte, size)
		_, _ = rand.NewChaCha8([32]byte{1}).Read(input)
		for i, c := range input {
			if c == 'q' {
				input[i] = 'r'
			}
		}
		input = append([]byte("r\n"), input...)
		got, took := typed(t, false, bytes.NewReader(input))
		waits := strings.Count(got, nothing)
		if !strings.HasSuffix(got, "\nBye.\n") || waits < 2 || took < settleTimeout {
			t.Errorf("%s: %d waits, %v, the end is %q", name, waits, took, got[max(0, len(got)-100):])
		}
		if size < tool.ReadAhead && took > settleTimeout {
			t.Errorf("%s: it took %v", name, took)
		}
	}
}
