// Package reconnect says how long a program that keeps a connection waits between
// attempts.
package reconnect

import (
	"context"
	"time"
)

// First and Longest are the shortest and the longest pause between attempts.
const (
	First   = 50 * time.Millisecond
	Longest = 5 * time.Second
)

// Pause waits for d. It returns false at once when ctx ends.
func Pause(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}

// Pauses are those between attempts. Each is twice as long as the one before, up to
// Longest; a connection that has lasted for Longest begins anew, but not one that ends
// at once. The zero value is ready; it is for one goroutine.
type Pauses struct {
	last      time.Duration
	connected time.Time // zero: the last attempt has failed
}

// Connected notes that an attempt has succeeded.
func (p *Pauses) Connected() { p.connected = time.Now() }

// Wait waits before the next attempt. It returns false at once when ctx ends.
func (p *Pauses) Wait(ctx context.Context) bool {
	if !p.connected.IsZero() && time.Since(p.connected) >= Longest {
		p.last = 0
	}
	p.connected = time.Time{}
	p.last = min(max(2*p.last, First), Longest)
	return Pause(ctx, p.last)
}
