package spcheck

import (
	"context"
	"errors"
	"io"
	"time"
)

// The ways in which a run can fail.
var (
	// ErrViolations: a guarantee was broken.
	ErrViolations = errors.New("guarantees were broken")
	// ErrIncomplete: the clients could not be brought together, before the traffic
	// or after it.
	ErrIncomplete = errors.New("the check is not complete")
)

// Run checks for as long as the options say and returns the summary, which is also
// complete if there is an error: ErrViolations, ErrIncomplete, or one that says why
// nothing could be done. When ctx ends, the traffic ends early.
func Run(ctx context.Context, o Options, progress io.Writer) (*Summary, error) {
	start := time.Now()
	s := newSummary(&o)
	l, err := Start(o)
	if err != nil {
		return s, err
	}
	defer func() {
		l.Close()
		s.Seconds = time.Since(start).Seconds()
	}()
	p := &printer{w: progress}
	for left := o.Duration; left > 0 && ctx.Err() == nil; {
		began := time.Now()
		if err := l.Begin(ctx); err != nil {
			if ctx.Err() == nil {
				s.incomplete(err)
			}
			break
		}
		traffic(ctx, l, min(left, o.Round))
		settling := l.Settle(context.WithoutCancel(ctx))
		left -= time.Since(began)
		res := l.Check()
		s.add(l, res, settling)
		p.round(s, res, settling)
		if settling != nil {
			break // the next round would wait for the same
		}
	}
	return s, s.verdict()
}

// traffic lets it go on for a time, or until the traces are full.
func traffic(ctx context.Context, l *Load, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-l.Full():
	case <-ctx.Done():
	}
}
