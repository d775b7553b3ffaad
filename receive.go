package spread

import (
	"context"
	"iter"
)

// Receive returns the next event, and waits for it if need be. When the
// connection is lost, it first returns what had arrived, then
// ErrConnectionClosed each time; ErrIllegalMessage if the daemon sent what cannot
// be right; after Close, ErrIllegalSession. If ctx has ended it returns its error
// (with ErrWouldBlock), and no event is lost.
func (c *Conn) Receive(ctx context.Context) (Event, error) {
	err := ctx.Err()
	if err == nil {
		var ev Event
		if ev, err = c.in.receive(ctx); err == nil {
			return ev, nil
		}
	}
	return nil, opError("receive", err)
}

// Events returns the events from now on, as Receive does. The sequence ends with
// the first error.
func (c *Conn) Events(ctx context.Context) iter.Seq2[Event, error] {
	return events(ctx, c.Receive)
}

func events(ctx context.Context, receive func(context.Context) (Event, error)) iter.Seq2[Event, error] {
	return func(yield func(Event, error) bool) {
		for {
			ev, err := receive(ctx)
			if !yield(ev, err) || err != nil {
				return
			}
		}
	}
}

// Pending returns how much has arrived and waits to be received: events, and
// their bytes as they came from the daemon.
func (c *Conn) Pending() (events, bytes int) { return c.in.pending() }
