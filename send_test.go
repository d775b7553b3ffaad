package spread

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"gospread/spread/internal/clientproto"
)

func TestSendRefusesWhatWouldCostTheSession(t *testing.T) {
	var out bytes.Buffer
	c := &Conn{private: clientproto.Private("me", "fake"), out: newOutbox(connTo(&out), 1<<20)}
	ok := func(change func(*Outgoing)) *Outgoing {
		m := &Outgoing{Service: Agreed, Groups: []string{"g"}, Data: []byte("x")}
		change(m)
		return m
	}
	hundred := strings.Split(strings.Repeat("g ", 100)+"g", " ")
	for _, tt := range []struct {
		name string
		m    *Outgoing
		code Code // 0: fine
	}{
		{"plain", ok(func(*Outgoing) {}), 0},
		{"no service", ok(func(m *Outgoing) { m.Service = 0 }), ErrIllegalService},
		{"two services", ok(func(m *Outgoing) { m.Service = FIFO | Safe }), ErrIllegalService},
		{"a flag as service", ok(func(m *Outgoing) { m.Service = Agreed | 0x40 }), ErrIllegalService},
		{"a request as service", ok(func(m *Outgoing) { m.Service = 0x10000 }), ErrIllegalService},
		{"a service as flag", ok(func(m *Outgoing) { m.Flags = 1 }), ErrIllegalService},
		{"membership", ok(func(m *Outgoing) { m.Flags = 0x1000 }), ErrIllegalService},
		{"groups message", ok(func(m *Outgoing) { m.Flags = 0x80000 }), ErrIllegalService},
		{"reject", ok(func(m *Outgoing) { m.Flags = 0x400000 }), ErrIllegalService},
		{"marker", ok(func(m *Outgoing) { m.Flags = 0x80 }), ErrIllegalService},
		{"subgroup cast", ok(func(m *Outgoing) { m.Flags = SubgroupCast }), 0},
		{"no groups", ok(func(m *Outgoing) { m.Groups = nil }), ErrIllegalGroup},
		{"empty list of groups", ok(func(m *Outgoing) { m.Groups = []string{} }), ErrIllegalGroup},
		{"empty group", ok(func(m *Outgoing) { m.Groups = []string{""} }), ErrIllegalGroup},
		{"31 bytes", ok(func(m *Outgoing) { m.Groups = []string{strings.Repeat("x", 31)} }), 0},
		{"32 bytes", ok(func(m *Outgoing) { m.Groups = []string{strings.Repeat("x", 32)} }), ErrIllegalGroup},
		{"zero byte", ok(func(m *Outgoing) { m.Groups = []string{"a", "b\x00"} }), ErrIllegalGroup},
		{"odd bytes", ok(func(m *Outgoing) { m.Groups = []string{"a b\xff", "#u#d"} }), 0},
		{"100 groups", ok(func(m *Outgoing) { m.Groups = hundred[:100] }), 0},
		{"101 groups", ok(func(m *Outgoing) { m.Groups = hundred }), ErrIllegalGroup},
		{"longest", ok(func(m *Outgoing) { m.Data = make([]byte, 143952-32) }), 0},
		{"too long", ok(func(m *Outgoing) { m.Data = make([]byte, 143952-31) }), ErrMessageTooLong},
		{"too long in pieces", ok(func(m *Outgoing) { m.Pieces = [][]byte{make([]byte, 100000), make([]byte, 50000)} }), ErrMessageTooLong},
		{"too long by groups", ok(func(m *Outgoing) { m.Groups = hundred[:100]; m.Data = make([]byte, 143952-3199) }), ErrMessageTooLong},
		{"no data", ok(func(m *Outgoing) { m.Data = nil }), 0},
	} {
		for _, way := range []string{"Send", "TrySend"} {
			out.Reset()
			var err error
			if way == "Send" {
				err = c.Send(context.Background(), tt.m)
			} else {
				err = c.TrySend(tt.m)
			}
			if (tt.code == 0) != (err == nil) || (err != nil && !errors.Is(err, tt.code)) {
				t.Errorf("%s: %s: %v, want code %d", tt.name, way, err, int(tt.code))
			}
			if err := c.Flush(context.Background()); err != nil {
				t.Fatal(err)
			}
			if err != nil {
				if out.Len() > 0 {
					t.Errorf("%s: %s: %d bytes were sent", tt.name, way, out.Len())
				}
				continue
			}
			h, err := clientproto.ParseHeader(out.Bytes())
			if err == nil {
				err = clientproto.CheckRequest(&h, out.Bytes())
			}
			if err != nil || h.Size() != out.Len() {
				t.Errorf("%s: %s: %v, %d bytes were sent", tt.name, way, err, out.Len())
			}
		}
	}
	for _, group := range []string{"", strings.Repeat("x", 32), "a b", "#private", "a\x7f", "a\x80", `a"b`} {
		if err := c.Join(context.Background(), group); !errors.Is(err, ErrIllegalGroup) {
			t.Errorf("join %q: %v", group, err)
		}
		if err := c.Leave(context.Background(), group); !errors.Is(err, ErrIllegalGroup) {
			t.Errorf("leave %q: %v", group, err)
		}
	}
}

// TestPieces sends data in pieces, small ones that are copied and large ones
// that are written from where they are.
func TestPieces(t *testing.T) {
	for _, unit := range []int{1, 10, 1000, 10000} {
		var out bytes.Buffer
		c := &Conn{private: clientproto.Private("me", "fake"), out: newOutbox(connTo(&out), 1<<20)}
		m := &Outgoing{Service: Safe, Type: -5, Groups: []string{"a", "#b#c"}, Data: bytes.Repeat([]byte("0"), unit)}
		body := string(m.Data)
		for i := range 12 {
			piece := bytes.Repeat([]byte{'A' + byte(i)}, unit*(i%3))
			m.Pieces = append(m.Pieces, piece)
			body += string(piece)
		}
		for range 2 {
			if err := c.Send(context.Background(), m); err != nil {
				t.Fatal(err)
			}
		}
		if err := c.Flush(context.Background()); err != nil {
			t.Fatal(err)
		}
		want := data(clientproto.Safe, "#me#fake", m.Groups, -5, body)
		if want = append(want, want...); !bytes.Equal(out.Bytes(), want) {
			t.Errorf("pieces of %d: %d bytes were sent, want %d", unit, out.Len(), len(want))
		}
	}
}

// TestLoneMessageLeavesAtOnce: nothing else has to happen for a message to reach
// the socket.
func TestLoneMessageLeavesAtOnce(t *testing.T) {
	for _, way := range []string{"Multicast", "TrySend", "Join", "large"} {
		synctest.Test(t, func(t *testing.T) {
			c, p := pair(t, [2]connection{})
			var got []byte
			go func() {
				got = p.read(80)
				p.drain()
			}()
			ctx := context.Background()
			start := time.Now()
			var err error
			switch way {
			case "Multicast":
				err = c.Multicast(ctx, Agreed, "g", nil)
			case "TrySend":
				err = c.TrySend(&Outgoing{Service: Agreed, Groups: []string{"g"}})
			case "Join":
				err = c.Join(ctx, "g")
			case "large":
				err = c.Multicast(ctx, Agreed, "g", make([]byte, minThrough))
			}
			if err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
			if len(got) != 80 || time.Since(start) != 0 {
				t.Errorf("%s: %d bytes have arrived after %v", way, len(got), time.Since(start))
			}
			_ = p.Close()
			_ = c.Close()
		})
	}
}

// TestGathering sends many messages while a write is stuck: they leave together.
func TestGathering(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, p := pair(t, [2]connection{})
		ctx := context.Background()
		go func() { _ = c.Multicast(ctx, Agreed, "g", []byte("first")) }()
		synctest.Wait()
		for i := range 100 {
			if err := c.Multicast(ctx, Agreed, "g", fmt.Appendf(nil, "%05d", i)); err != nil {
				t.Fatal(err)
			}
		}
		if n := c.Unsent(); n != 101*85 {
			t.Errorf("%d bytes are unsent, want %d", n, 101*85)
		}
		p.read(85)
		synctest.Wait()
		buf := make([]byte, 1<<20)
		n, err := p.Conn.Read(buf) // of a pipe: one write
		if err != nil || n != 100*85 {
			t.Errorf("%d bytes came with one write, want %d; %v", n, 100*85, err)
		}
		for i := range n / 85 {
			if got, want := string(buf[i*85+80:i*85+85]), fmt.Sprintf("%05d", i); got != want {
				t.Fatalf("message %d is %q", i, got)
			}
		}
		synctest.Wait()
		if n := c.Unsent(); n != 0 {
			t.Errorf("%d bytes are unsent", n)
		}
		_ = p.Close()
		_ = c.Close()
	})
}

// TestBackPressure fills the queue towards a daemon that does not read.
func TestBackPressure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, p := pair(t, [2]connection{}, WithSendQueue(10*85), WithLinger(time.Millisecond))
		ctx := context.Background()
		one := []byte("abcde")
		go func() { _ = c.Multicast(ctx, Agreed, "g", one) }()
		synctest.Wait()
		for range 10 {
			if err := c.Multicast(ctx, Agreed, "g", one); err != nil {
				t.Fatal(err)
			}
		}
		// Full: a sender waits until its context ends, and nothing of it is sent.
		short, cancel := context.WithTimeout(ctx, time.Second)
		defer cancel()
		start := time.Now()
		err := c.Multicast(short, Agreed, "g", []byte("never"))
		if !errors.Is(err, context.DeadlineExceeded) || !errors.Is(err, ErrWouldBlock) || time.Since(start) != time.Second {
			t.Errorf("after %v: %v", time.Since(start), err)
		}
		large := make([]byte, minThrough)
		if err := c.Multicast(short, Agreed, "g", large); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("a large message: %v", err)
		}
		// One that must not wait may fill more, but not for ever.
		m := &Outgoing{Service: Agreed, Groups: []string{"g"}, Data: one}
		for i := range 30 {
			if err := c.TrySend(m); err != nil {
				t.Fatalf("message %d: %v", i, err)
			}
		}
		if err := c.TrySend(m); !errors.Is(err, ErrWouldBlock) {
			t.Errorf("%v, want ErrWouldBlock", err)
		}
		// Senders that wait get through in the end, all of them.
		sent := 0
		var mu sync.Mutex
		for range 200 {
			go func() {
				if err := c.Multicast(ctx, Agreed, "g", one); err != nil {
					t.Error(err)
				}
				mu.Lock()
				sent++
				mu.Unlock()
			}()
		}
		synctest.Wait()
		if sent != 0 {
			t.Errorf("%d were sent to a full queue", sent)
		}
		got := p.read((41 + 200) * 85)
		synctest.Wait()
		if sent != 200 || bytes.Contains(got, []byte("never")) {
			t.Errorf("%d were sent", sent)
		}
		_ = p.Close()
		_ = c.Close()
	})
}

// TestContextInterruptsWrite ends the context of a large message at each point
// of its way: what has been begun is finished, what has not is not sent, and the
// stream stays whole.
func TestContextInterruptsWrite(t *testing.T) {
	for _, taken := range []int{0, 40, 85, 86, 133, 165, 166, 5000, 30000} {
		synctest.Test(t, func(t *testing.T) {
			c, p := pair(t, [2]connection{})
			ctx, cancel := context.WithCancel(context.Background())
			c.out.pen <- struct{}{}
			result := make(chan error)
			body := bytes.Repeat([]byte("0123456789"), 4000)
			m := &Outgoing{Service: Safe, Groups: []string{"g"}, Data: body[:13000], Pieces: [][]byte{body[13000:]}}
			go func() { result <- c.Send(ctx, m) }()
			synctest.Wait()
			// A small message goes before it, in the same write.
			if err := c.TrySend(&Outgoing{Service: Agreed, Groups: []string{"g"}, Data: []byte("small")}); err != nil {
				t.Fatal(err)
			}
			<-c.out.pen
			synctest.Wait()
			if taken > 0 {
				p.read(taken)
			}
			synctest.Wait()
			cancel()
			err := <-result
			// The caller may use its memory again.
			for i := range body {
				body[i] = 'X'
			}
			want := data(clientproto.Agreed, "#me#fake", []string{"g"}, 0, "small")
			if taken > len(want) {
				if err != nil {
					t.Errorf("after %d bytes: %v", taken, err)
				}
				want = append(want, data(clientproto.Safe, "#me#fake", []string{"g"}, 0, strings.Repeat("0123456789", 4000))...)
			} else if !errors.Is(err, context.Canceled) {
				t.Errorf("after %d bytes: %v", taken, err)
			}
			go func() { _ = c.Multicast(context.Background(), Agreed, "g", []byte("after")) }()
			want = append(want, data(clientproto.Agreed, "#me#fake", []string{"g"}, 0, "after")...)
			if got := p.read(len(want) - taken); !bytes.Equal(got, want[taken:]) {
				t.Errorf("after %d bytes: the stream is broken", taken)
			}
			_ = p.Close()
			_ = c.Close()
		})
	}
}

// TestOrderOfOneSender mixes small and large messages.
func TestOrderOfOneSender(t *testing.T) {
	c, p := pair(t, sockets(t, "tcp"), WithLinger(0))
	const senders, each = 4, 500
	var wait sync.WaitGroup
	for s := range senders {
		wait.Go(func() {
			for i := range each {
				body := fmt.Appendf(nil, "%d %d ", s, i)
				if i%7 == s {
					body = append(body, make([]byte, minThrough+i)...)
				}
				m := &Outgoing{Service: Agreed, Groups: []string{"g"}, Data: body}
				err := c.Send(context.Background(), m)
				if i%5 == 0 && err == nil {
					err = c.Flush(context.Background())
				}
				if err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	next := make([]int, senders)
	for range senders * each {
		b := p.read(clientproto.HeaderSize)
		h, err := clientproto.ParseHeader(b)
		if err != nil {
			t.Fatal(err)
		}
		body := p.read(h.Body())[32:]
		var s, i int
		if _, err := fmt.Sscanf(string(body[:min(len(body), 20)]), "%d %d ", &s, &i); err != nil {
			t.Fatal(err)
		}
		if next[s] != i {
			t.Fatalf("sender %d: message %d came where %d was due", s, i, next[s])
		}
		next[s]++
	}
	wait.Wait()
	_ = c.Close()
	_ = p.Close()
}

func TestFlushReportsLoss(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, p := pair(t, [2]connection{})
		_ = p.Close()
		synctest.Wait()
		ctx := context.Background()
		for name, err := range map[string]error{
			"Flush":     c.Flush(ctx),
			"Multicast": c.Multicast(ctx, Agreed, "g", nil),
			"large":     c.Multicast(ctx, Agreed, "g", make([]byte, minThrough)),
			"TrySend":   c.TrySend(&Outgoing{Service: Agreed, Groups: []string{"g"}}),
			"Join":      c.Join(ctx, "g"),
		} {
			if !errors.Is(err, ErrConnectionClosed) || !errors.Is(err, io.EOF) {
				t.Errorf("%s: %v", name, err)
			}
		}
		_ = c.Close()
	})
}
