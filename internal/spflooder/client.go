package spflooder

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"gospread/spread"
	"gospread/spread/internal/hist"
)

// drainTimeout is how long a client that has sent everything waits for the next
// of its messages to come back.
const drainTimeout = 30 * time.Second

// client is one connection: one goroutine sends, another receives.
type client struct {
	o      *Options
	conn   *spread.Conn
	me     string
	report *report
	clock  *clock

	win    *window
	target atomic.Int64 // how many messages were sent in all; none while sending
	own    atomic.Int64 // how many of them have come back
	// ready is closed when the group has its members, and index is then the place
	// of this client among them.
	ready chan struct{}
	index int
	peers *peers // nil unless members are waited for

	sent     flow
	received flow
	latency  hist.Histogram
}

// flow counts one direction. It belongs to one goroutine.
type flow struct {
	messages, bytes int64
	first, last     time.Duration
}

func (f *flow) add(bytes int, at time.Duration) {
	if f.messages == 0 {
		f.first = at
	}
	f.messages++
	f.bytes += int64(bytes)
	f.last = at
}

// clock tells the time since the start of the flood.
type clock struct{ start time.Time }

func (c *clock) now() time.Duration { return time.Since(c.start) }

func connect(ctx context.Context, o *Options, n int, r *report, clk *clock) (*client, error) {
	opts := append([]spread.Option{spread.WithName(o.name(n)), spread.WithMembership(o.Members > 0)}, o.dial...)
	conn, err := spread.Dial(ctx, o.Address, opts...)
	if err != nil {
		return nil, err
	}
	c := &client{
		o: o, conn: conn, me: conn.PrivateGroup(), report: r, clock: clk,
		win: newWindow(o.Window), ready: make(chan struct{}),
	}
	c.target.Store(none)
	if o.Members > 0 {
		c.peers = newPeers()
	} else {
		close(c.ready)
	}
	if !o.WriteOnly {
		if err := conn.Join(ctx, o.Group); err != nil {
			_ = conn.Close()
			return nil, err
		}
	}
	return c, nil
}

// run floods. Its error is nil if everything came to its end, or time was up.
func (c *client) run(ctx context.Context) error {
	switch {
	case c.o.WriteOnly:
		return c.send(ctx)
	case c.o.ReadOnly:
		ctx, cancel := c.limit(ctx)
		defer cancel()
		return c.receive(ctx)
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	done := make(chan error, 1)
	go func() {
		err := c.receive(ctx)
		if err != nil {
			cancel() // the sender may be waiting for what will not come back
		}
		done <- err
	}()
	if err := c.send(ctx); err != nil {
		cancel()
		return firstOf(<-done, err)
	}
	c.target.Store(c.sent.messages)
	if c.own.Load() == c.sent.messages {
		cancel() // the receiver may have seen the last one before there was a target
	}
	return c.drain(done, cancel)
}

// limit adds the time limit to a context.
func (c *client) limit(ctx context.Context) (context.Context, context.CancelFunc) {
	if c.o.Duration == 0 {
		return ctx, func() {}
	}
	return context.WithTimeout(ctx, c.o.Duration)
}

// firstOf prefers the error that is not about a context: that is the cause.
func firstOf(receiving, sending error) error {
	if receiving != nil && !isOver(receiving) {
		return receiving
	}
	return sending
}

// isOver tells whether an error only says that a context has ended.
func isOver(err error) bool {
	return errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)
}

// send sends all messages.
func (c *client) send(ctx context.Context) error {
	select {
	case <-c.ready:
	case <-ctx.Done():
		return ctx.Err()
	}
	limited, cancel := c.limit(ctx)
	defer cancel()
	err := c.flood(limited)
	if err == nil || isOver(err) && ctx.Err() == nil {
		err = c.conn.Flush(ctx)
		c.sent.last = c.clock.now()
	}
	return err
}

func (c *client) flood(ctx context.Context) error {
	payload := make([]byte, c.o.Bytes)
	if c.peers != nil && len(payload) >= 4 {
		binary.NativeEndian.PutUint32(payload, uint32(c.index))
	}
	service := c.o.service()
	pace := newPace(c.o.Rate, c.clock)
	for n := 0; n != c.o.Messages; n++ {
		at, err := pace.wait(ctx)
		if err == nil && !c.o.WriteOnly {
			err = c.win.enter(ctx, at)
		}
		if err == nil {
			err = c.conn.Multicast(ctx, service, c.o.Group, payload)
		}
		if err != nil {
			return err
		}
		c.sent.add(len(payload), at)
		c.report.step(len(payload))
	}
	return nil
}

// receive takes what comes until all of it has come.
func (c *client) receive(ctx context.Context) error {
	for !c.finished() {
		ev, err := c.conn.Receive(ctx)
		switch {
		case err == nil:
		case isOver(err) && (c.o.ReadOnly || c.finished()):
			return nil
		default:
			return err
		}
		switch ev := ev.(type) {
		case *spread.Message:
			c.message(ev)
		case *spread.View:
			c.view(ev)
		}
	}
	return nil
}

func (c *client) finished() bool {
	if c.o.ReadOnly {
		return c.received.messages == int64(c.o.Messages)
	}
	return c.own.Load() == c.target.Load()
}

func (c *client) message(m *spread.Message) {
	now := c.clock.now()
	c.received.add(len(m.Data), now)
	if c.o.ReadOnly {
		c.report.step(len(m.Data))
		return
	}
	own := c.own.Load()
	if m.Sender == c.me {
		c.latency.Record(now - c.win.sentAt(own))
		own++
		c.own.Store(own)
	}
	if c.peers != nil {
		own = c.peers.message(m.Sender, c.me)
	}
	c.win.ack(own)
}

func (c *client) view(v *spread.View) {
	if c.peers == nil {
		return
	}
	select {
	case <-c.ready:
	default:
		c.report.view(v)
		if len(v.Members) >= c.o.Members {
			c.index = v.Index
			close(c.ready)
		}
	}
	c.win.ack(c.peers.view(v.Members, c.me))
}

// drain waits until all own messages have come back.
func (c *client) drain(done <-chan error, stop func()) error {
	timer := time.NewTicker(drainTimeout)
	defer timer.Stop()
	for before := c.own.Load(); ; {
		select {
		case err := <-done:
			return err
		case <-timer.C:
		}
		now := c.own.Load()
		if now == before {
			stop()
			if err := <-done; err != nil && !isOver(err) {
				return err
			}
			return fmt.Errorf("%d of %d messages of %s did not come back within %v",
				c.sent.messages-now, c.sent.messages, c.me, drainTimeout)
		}
		before = now
	}
}
