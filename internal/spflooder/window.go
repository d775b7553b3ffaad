package spflooder

import (
	"context"
	"sync/atomic"
	"time"
)

// window keeps a sender from running ahead of what has come back, and keeps the
// times at which the messages under way were sent. One goroutine sends and one
// acknowledges; neither takes a lock while there is room.
type window struct {
	size  int64
	sent  int64 // by the sender alone
	acked atomic.Int64
	// until is the number that acked must reach to wake the sender; none if
	// nobody waits.
	until atomic.Int64
	wake  chan struct{}
	// times of the messages under way, in nanoseconds since the start.
	times []atomic.Int64
}

const none = int64(-1) << 62

func newWindow(size int) *window {
	w := &window{size: int64(size), wake: make(chan struct{}, 1), times: make([]atomic.Int64, size)}
	w.until.Store(none)
	return w
}

// enter waits for room and takes it for a message sent at the given time.
func (w *window) enter(ctx context.Context, at time.Duration) error {
	for w.sent-w.acked.Load() >= w.size {
		// Half of the window must be free, so that the sender wakes for many.
		need := w.sent - w.size/2
		w.until.Store(need)
		if w.acked.Load() >= need {
			w.until.Store(none)
			continue
		}
		select {
		case <-w.wake:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	w.times[w.sent%w.size].Store(int64(at))
	w.sent++
	return nil
}

// sentAt returns when the message was sent before which own ones have come back.
func (w *window) sentAt(own int64) time.Duration {
	return time.Duration(w.times[own%w.size].Load())
}

// ack says how many messages have come back everywhere.
func (w *window) ack(n int64) {
	w.acked.Store(n)
	if until := w.until.Load(); until != none && n >= until && w.until.CompareAndSwap(until, none) {
		select {
		case w.wake <- struct{}{}:
		default:
		}
	}
}
