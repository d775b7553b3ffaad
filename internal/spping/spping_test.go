package spping

import (
	"bytes"
	"context"
	"errors"
	"regexp"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"gospread/spread"
	"gospread/spread/internal/fakedaemon"
)

func options(d *fakedaemon.Daemon) Options {
	o := Defaults()
	o.dial = []spread.Option{spread.WithDialer(d.Dial)}
	return o
}

// running runs a spping of its own until the returned function is called, which
// gives its output and error.
func running(t *testing.T, o Options) func() (string, error) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	var out bytes.Buffer
	var err error
	var wg sync.WaitGroup
	wg.Go(func() { err = Run(ctx, o, &out) })
	synctest.Wait()
	return func() (string, error) {
		cancel()
		wg.Wait()
		return out.String(), err
	}
}

// In a bubble a round trip takes no time at all, so that every number is known.
func TestPingAndReflector(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := fakedaemon.New("mars")
		reflector := options(d)
		reflector.User, reflector.ReflectOnly = "refl", true
		end := running(t, reflector)

		o := options(d)
		o.User, o.Messages, o.Bytes = "me", 2, 64
		var out strings.Builder
		began := time.Now()
		if err := Run(t.Context(), o, &out); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(began); took < 2*time.Second || took > 3*time.Second {
			t.Errorf("two pings took %v", took)
		}
		const want = `spping: connecting to '4803'
spping: connected as '#me#mars'
PING spping: 64 data bytes
64 bytes from #refl#mars: seq = 0 time = 0.000 ms
64 bytes from #refl#mars: seq = 1 time = 0.000 ms

--- spping ping statistics ---
2 packets transmitted, 2 packets received, 0.000000% packet loss
round-trip percentiles (ms) (slightly biased outwards):
   0:     0.000
 0.1:     0.000
 0.5:     0.000
   1:     0.000
   5:     0.000
  10:     0.000
  25:     0.000
  50:     0.000
  75:     0.000
  90:     0.000
  95:     0.000
  99:     0.000
99.5:     0.000
99.9:     0.000
 100:     0.000
round-trip mean/stddev = 0.000/0.000 ms
`
		if out.String() != want {
			t.Errorf("output\n%s\nwant\n%s", out.String(), want)
		}
		got, err := end()
		if err != nil || got != `spping: connecting to '4803'
spping: connected as '#refl#mars'
spping: only reflecting pings!

--- spping ping statistics ---
0 packets transmitted, 0 packets received, 0.000000% packet loss
` {
			t.Errorf("reflector: %v, %s", err, got)
		}
	})
}

func TestNobodyAnswers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := options(fakedaemon.New("mars"))
		o.Messages = 3
		var out strings.Builder
		if err := Run(t.Context(), o, &out); err != nil {
			t.Fatal(err)
		}
		if !strings.HasSuffix(out.String(), "\n3 packets transmitted, 0 packets received, 100.000000% packet loss\n") {
			t.Error(out.String())
		}
	})
}

// Two that ping each other both answer, and the end of the context ends them well.
func TestBothPing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := fakedaemon.New("mars")
		a, b := options(d), options(d)
		a.User, b.User = "a", "b"
		endA, endB := running(t, a), running(t, b)
		time.Sleep(2500 * time.Millisecond)
		for _, end := range []func() (string, error){endA, endB} {
			out, err := end()
			if err != nil || !regexp.MustCompile(`\n3 packets transmitted, [23] packets received, `).MatchString(out) {
				t.Errorf("%v, %s", err, out)
			}
		}
	})
}

// What is no ping, or answers none of ours, is not counted and breaks nothing.
func TestStrangeMessages(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := fakedaemon.New("mars")
		o := options(d)
		o.User = "me"
		end := running(t, o)
		c, err := spread.Dial(t.Context(), "4803", spread.WithName("odd"), spread.WithDialer(d.Dial))
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		answer := make([]byte, minBytes)
		putPing(answer, 77, time.Now(), "#me#mars") // of a ping that was not sent
		toAnswer(answer)
		foreign := make([]byte, minBytes)
		putPing(foreign, 0, time.Now(), "#you#mars")
		toAnswer(foreign)
		for _, data := range [][]byte{nil, {1}, make([]byte, offMark), make([]byte, offMark+1), answer, foreign, answer[:minBytes-1]} {
			if err := c.Multicast(t.Context(), spread.Reliable, "#me#mars", data); err != nil {
				t.Fatal(err)
			}
		}
		short := append(make([]byte, offMark), 9) // is answered: whoever sent it knows what it is
		if err := c.Multicast(t.Context(), spread.Reliable, "spping", short); err != nil {
			t.Fatal(err)
		}
		ev, err := c.Receive(t.Context())
		if m, ok := ev.(*spread.Message); err != nil || !ok || len(m.Data) != len(short) || m.Data[offMark] != 0 {
			t.Errorf("answer %v, %v", ev, err)
		}
		out, err := end()
		if err != nil || !strings.Contains(out, "\n1 packets transmitted, 0 packets received, ") {
			t.Errorf("%v, %s", err, out)
		}
	})
}

func TestConnectionLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := fakedaemon.New("mars")
		end := running(t, options(d))
		d.Cut()
		synctest.Wait()
		out, err := end()
		if !errors.Is(err, spread.ErrConnectionClosed) || !strings.HasSuffix(out, "\nSP_error: (-8) Connection closed by Spread.\n") {
			t.Errorf("%v, %s", err, out)
		}
	})
}

func TestIllegalGroup(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := options(fakedaemon.New("mars"))
		o.Group = "a b"
		var out strings.Builder
		err := Run(t.Context(), o, &out)
		if !errors.Is(err, spread.ErrIllegalGroup) || !strings.HasSuffix(out.String(), "\nSP_error: (-14) Illegal group.\n") {
			t.Errorf("%v, %s", err, out.String())
		}
	})
}

// The places are those of the original, where it reads within its data.
func TestPlace(t *testing.T) {
	for _, c := range []struct{ p, n, want int }{
		{0, 5, 0}, {100, 5, 0}, {250, 5, 1}, {500, 5, 2}, {750, 5, 4}, {900, 5, 4}, {1000, 5, 4},
		{50, 20, 1}, {100, 20, 2}, {250, 20, 5}, {500, 20, 10}, {900, 20, 18}, {950, 20, 19}, {990, 20, 19}, {1000, 20, 19},
		{500, 2, 1}, {250, 2, 0}, {750, 2, 1}, {0, 1, 0}, {999, 1, 0}, {1000, 1, 0},
	} {
		if got := place(c.p, c.n); got != c.want {
			t.Errorf("%d of %d samples: %d, want %d", c.p, c.n, got, c.want)
		}
	}
}

func TestStatistics(t *testing.T) {
	var s statistics
	s.sent, s.received = 2, 3 // two members answered
	for _, us := range []int{140, 332} {
		s.add(time.Duration(us) * time.Microsecond)
	}
	for _, want := range []string{
		"2 packets transmitted, 3 packets received, 0.000000% packet loss", "\n  25:     0.140\n", "\n  50:     0.332\n", "\n  90:     0.332\n",
		"round-trip mean/stddev = 0.236/0.136 ms\n",
	} {
		if !strings.Contains(s.text("g"), want) {
			t.Errorf("no %q in %s", want, s.text("g"))
		}
	}
	for range 2 * maxSamples {
		s.add(time.Millisecond)
	}
	if text := s.text("g"); len(s.samples) != maxSamples || !strings.Contains(text, "\n   0:     0.140\n") || !strings.Contains(text, "\n  50:     1.000\n") {
		t.Errorf("%d samples, %s", len(s.samples), text)
	}
}

func FuzzAnswered(f *testing.F) {
	b := make([]byte, minBytes)
	putPing(b, 3, time.Unix(0, 0), "#me#mars")
	f.Add(b)
	f.Fuzz(func(t *testing.T, b []byte) {
		_, ok := answered(b, "#me#mars")
		if was := bytes.Clone(b); toAnswer(b) && (ok || len(b) != len(was)) {
			t.Errorf("%x is an answer and a ping, or is answered by %x", was, b)
		}
	})
}
