package spflooder

import (
	"context"
	"time"
)

// pace spaces messages evenly at a rate.
type pace struct {
	rate  int // messages a second; 0: as fast as it goes
	clock *clock
	first time.Duration
	n     int64
}

func newPace(rate int, c *clock) *pace { return &pace{rate: rate, clock: c, first: c.now()} }

// wait waits until the next message is due, and returns when that was: a message
// that is late has waited since then.
func (p *pace) wait(ctx context.Context) (time.Duration, error) {
	now := p.clock.now()
	if p.rate == 0 {
		return now, nil
	}
	due := p.first + time.Duration(p.n/int64(p.rate))*time.Second +
		time.Duration(p.n%int64(p.rate))*time.Second/time.Duration(p.rate)
	p.n++
	if due <= now {
		return due, nil
	}
	t := time.NewTimer(due - now)
	defer t.Stop()
	select {
	case <-t.C:
		return due, nil
	case <-ctx.Done():
		return 0, ctx.Err()
	}
}
