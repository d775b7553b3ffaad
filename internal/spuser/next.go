package spuser

import (
	"context"
	"errors"
	"fmt"
	"time"

	"gospread/spread"
	"gospread/spread/internal/tool"
)

var errNothing = fmt.Errorf("no message has come within %v", settleTimeout)

// next shows the next message and waits for it as long as more input may come.
// Input that has ended, or that stands because so much of it waits, is not held
// up for good.
func (s *session) next(ctx context.Context) error {
	if s.o.Exec != nil {
		return s.receive(ctx)
	}
	ended, full := s.in.Stands()
	for !ended && !full {
		changed, cancel := s.in.Changed(ctx)
		err := s.receive(changed)
		cancel()
		if !errors.Is(err, spread.ErrWouldBlock) || ctx.Err() != nil {
			return err
		}
		ended, full = s.in.Stands()
	}
	if n, _ := s.conn.Pending(); n > 0 {
		return s.receive(ctx)
	}
	if s.o.Interactive && ended {
		return tool.ErrEnd
	}
	limited, cancel := context.WithDeadline(ctx, s.limit(ended))
	defer cancel()
	err := s.receive(limited)
	if errors.Is(err, spread.ErrWouldBlock) && ctx.Err() == nil {
		s.show.failed(errNothing)
		return nil
	}
	return err
}

// limit is until when to wait for a message: after the end of the input it is the
// same for all that is left.
func (s *session) limit(ended bool) time.Time {
	fresh := time.Now().Add(settleTimeout)
	if !ended {
		return fresh
	}
	if s.patience.IsZero() {
		s.patience = fresh
	}
	return s.patience
}
