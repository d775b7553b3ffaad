package spflooder

import (
	"context"
	"runtime"
	"sync/atomic"
	"testing"
	"time"
)

// The sender is never more than the window ahead, never stuck, and each message
// has the time at which it was sent.
func TestWindow(t *testing.T) {
	for _, size := range []int{1, 2, 3, 200} {
		const total = 20_000
		w := newWindow(size)
		var sent atomic.Int64
		came := make(chan struct{}, total)
		go func() {
			defer close(came)
			for n := range int64(total) {
				if err := w.enter(t.Context(), time.Duration(n)); err != nil {
					t.Error(err)
					return
				}
				sent.Store(n + 1)
				came <- struct{}{}
			}
		}()
		n := int64(0)
		for range came {
			if now := sent.Load(); now-n > int64(size) {
				t.Fatalf("size %d: %d sent and only %d came back", size, now, n)
			}
			if at := w.sentAt(n); at != time.Duration(n) {
				t.Fatalf("size %d: message %d was sent at %d", size, n, at)
			}
			n++
			w.ack(n)
		}
		if n != total {
			t.Errorf("size %d: %d of %d came", size, n, total)
		}
	}
}

// An acknowledgement that comes while the sender is about to wait is not missed.
func TestWindowWakes(t *testing.T) {
	const total = 200_000
	w := newWindow(4)
	var sent atomic.Int64
	done := make(chan struct{})
	go func() {
		defer close(done)
		for n := range int64(total) {
			if w.enter(t.Context(), 0) != nil {
				return
			}
			sent.Store(n + 1)
		}
	}()
	for n := int64(0); n < total; runtime.Gosched() {
		if now := sent.Load(); now > n {
			n = now
			w.ack(n)
		}
	}
	<-done
}

func TestWindowEnds(t *testing.T) {
	w := newWindow(1)
	ctx, cancel := context.WithCancel(t.Context())
	if err := w.enter(ctx, 0); err != nil {
		t.Fatal(err)
	}
	cancel()
	if err := w.enter(ctx, 0); err == nil {
		t.Error("a full window lets another in")
	}
}

func TestPeers(t *testing.T) {
	p := newPeers()
	step := func(sender string, want int64) {
		t.Helper()
		if got := p.message(sender, "me"); got != want {
			t.Errorf("after a message of %s the slowest has %d, want %d", sender, got, want)
		}
	}
	step("a", 0) // nothing of me yet
	step("me", 1)
	step("me", 1)
	step("a", 2)
	step("a", 2)
	step("b", 1)
	step("me", 1)
	if got := p.view([]string{"me", "a", "c"}, "me"); got != 3 {
		t.Errorf("without b the slowest has %d, want 3", got)
	}
	if got := p.view(nil, "me"); got != 3 {
		t.Errorf("I alone have %d, want 3", got)
	}
}

func BenchmarkWindow(b *testing.B) {
	w := newWindow(200)
	for i := range b.N {
		if err := w.enter(b.Context(), 0); err != nil {
			b.Fatal(err)
		}
		w.ack(int64(i + 1))
	}
}
