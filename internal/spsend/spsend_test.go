package spsend

import (
	"bufio"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"regexp"
	"strings"
	"testing"
	"time"
)

func data(number, size int32, length int) []byte {
	b := make([]byte, max(length, headerLen))
	packet{number: number, size: size}.put(b)
	return b[:length]
}

func end(number int32) []byte {
	b := make([]byte, 40)
	packet{end: true, number: number, size: 40}.put(b)
	return b
}

// The bytes are those of the original.
func TestWire(t *testing.T) {
	b := make([]byte, headerLen)
	packet{number: 2, size: 40}.put(b)
	if got := fmt.Sprintf("%x", b); got != "800000800200000028000000" {
		t.Error(got)
	}
	packet{end: true, number: 20, size: 40}.put(b)
	if got := fmt.Sprintf("%x", b); got != "810000801400000028000000" {
		t.Error(got)
	}
	binary.BigEndian.PutUint32(b, endPacket)
	binary.BigEndian.PutUint32(b[offNumber:], 20)
	binary.BigEndian.PutUint32(b[offSize:], 40)
	if p, ok := parse(b); !ok || p != (packet{end: true, number: 20, size: 40}) {
		t.Errorf("%+v, %t", p, ok)
	}
}

// What is counted and said is what the original does, but for the first packet of a
// sequence, which it always counts as missed.
func TestCounter(t *testing.T) {
	n := func(i int32) []byte { return data(i, 40, 40) }
	report := func(total string, missed, corrupt int, more string) string {
		return fmt.Sprintf("%sReport: total packets %s, total missed %d, total corrupted %d\n%s%s", dashes, total, missed, corrupt, more, dashes)
	}
	for name, c := range map[string]struct {
		in   [][]byte
		want string
	}{
		"all":   {[][]byte{n(1), n(2), n(3), end(3)}, report("3", 0, 0, "")},
		"a gap": {[][]byte{n(1), n(2), n(4), end(4)}, " --> count is 4, i is 3, missed 1 total missed 1, corrupt 0\n" + report("4", 1, 0, "")},
		"the first ones are missing": {[][]byte{n(5), n(6), end(6)},
			" --> count is 5, i is 1, missed 4 total missed 4, corrupt 0\n" + report("6", 4, 0, "")},
		"the last ones are missing": {[][]byte{n(1), n(2), end(4)}, report("4", 2, 0, "")},
		"all are missing":           {[][]byte{end(6), end(9)}, report("6", 6, 0, "") + report("9", 9, 0, "")},
		"again without an end": {[][]byte{n(1), n(2), n(1), n(2), end(2)},
			report("at least 2", 0, 0, "Initiating count from 2 to 1\n") + report("2", 0, 0, "")},
		"wrong sizes": {[][]byte{data(1, 40, 60), data(2, 60, 40), n(3), end(3)},
			corruption(40, 60) + corruption(60, 40) + " --> count is 3, i is 1, missed 2 total missed 2, corrupt 2\n" + report("3", 2, 2, "")},
		"no header":    {[][]byte{data(1, 40, 8), n(1), end(1)}, corruption(12, 8) + report("1", 0, 1, "")},
		"nothing":      {[][]byte{nil, n(1), end(1)}, corruption(12, 0) + report("1", 0, 1, "")},
		"below zero":   {[][]byte{n(-5), n(-4), end(2)}, report("at least 0", 0, 0, "Initiating count from 0 to -5\n") + report("2", 6, 0, "")},
		"the last one": {[][]byte{n(1<<31 - 1), end(1<<31 - 1)}, " --> count is 2147483647, i is 1, missed 2147483646 total missed 2147483646, corrupt 0\n" + report("2147483647", 2147483646, 0, "")},
	} {
		t.Run(name, func(t *testing.T) {
			counter := newCounter(true)
			var got strings.Builder
			for _, b := range c.in {
				got.WriteString(counter.add(b))
			}
			if got.String() != c.want {
				t.Errorf("said\n%swant\n%s", got.String(), c.want)
			}
		})
	}
	quiet := newCounter(false)
	if got := quiet.add(n(9)) + quiet.add(n(10)); got != "" || quiet.missed != 8 {
		t.Errorf("without details: %q, %d missed", got, quiet.missed)
	}
}

func FuzzCounter(f *testing.F) {
	f.Add(data(3, 40, 40), end(4))
	f.Fuzz(func(t *testing.T, a, b []byte) {
		c := newCounter(true)
		for _, d := range [][]byte{a, b, a} {
			c.add(d)
			if c.missed < 0 || c.corrupt < 0 {
				t.Errorf("%d missed, %d corrupted", c.missed, c.corrupt)
			}
		}
	})
}

var ready = regexp.MustCompile(`^Ready to receive on port (\d+)$`)

// Over real sockets, of both families.
func TestSendAndReceive(t *testing.T) {
	for _, address := range []string{"127.0.0.1", "::1"} {
		t.Run(address, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			r, w := io.Pipe()
			done := make(chan error, 1)
			go func() {
				done <- Receive(ctx, ReceiveOptions{}, w)
				_ = w.Close()
			}()
			lines := bufio.NewScanner(r)
			lines.Scan()
			m := ready.FindStringSubmatch(lines.Text())
			if m == nil {
				t.Fatalf("the first line is %q: %v", lines.Text(), <-done)
			}
			o := SendDefaults()
			o.Address, o.Packets, o.Burst, o.Pause = address, 2000, 50, 10*time.Millisecond
			if _, err := fmt.Sscan(m[1], &o.Port); err != nil {
				t.Fatal(err)
			}
			var out strings.Builder
			if err := Send(ctx, o, &out); err != nil {
				t.Fatal(err)
			}
			want := fmt.Sprintf("Checking \\(%s, %d\\)\\. Each burst has 50 packets, 1024 bytes each with 10 msec delay in between, for a total of 2000 packets\n"+
				"sent 1000 packets of 1024 bytes\nsent 2000 packets of 1024 bytes\ntotal time is \\(\\d+,\\d+\\), with 0 problems \n$", address, o.Port)
			if !regexp.MustCompile(want).MatchString(out.String()) {
				t.Error(out.String())
			}
			for lines.Scan() && !strings.HasPrefix(lines.Text(), "Report: ") {
			}
			if lines.Text() != "Report: total packets 2000, total missed 0, total corrupted 0" {
				t.Errorf("%q, %v", lines.Text(), lines.Err())
			}
			cancel()
			go func() { _, _ = io.Copy(io.Discard, r) }()
			if err := <-done; err != nil {
				t.Error(err)
			}
		})
	}
}

func TestReceiveRefuses(t *testing.T) {
	for _, o := range []ReceiveOptions{
		{Group: "1.2.3.4"}, {Group: "nonsense"}, {Group: "225.0.0.9", Interface: "192.0.2.77"}, {Group: "225.0.0.9", Interface: "no-such"},
	} {
		if err := Receive(t.Context(), o, io.Discard); err == nil {
			t.Errorf("%+v is accepted", o)
		}
	}
}

func TestSendEnds(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	o := SendDefaults()
	o.Port, o.Burst, o.Pause = 9, 1, time.Hour
	if err := Send(ctx, o, io.Discard); err == nil {
		t.Error("no error although the context has ended")
	}
}
