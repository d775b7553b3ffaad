package flush

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"net"
	"sync"

	"gospread/spread"
)

// Conn is a connection to a daemon with view synchrony. It is safe for use by
// many goroutines at once, but only one should receive: events have an order.
type Conn struct {
	sp   *spread.Conn
	turn chan struct{} // held by who receives

	mu sync.Mutex
	m  *machine
}

// Dial connects to a daemon as spread.Dial does; membership is always wanted.
func Dial(ctx context.Context, daemon string, opts ...spread.Option) (*Conn, error) {
	sp, err := spread.Dial(ctx, daemon, append(opts[:len(opts):len(opts)], spread.WithMembership(true))...)
	if err != nil {
		return nil, err
	}
	return New(sp)
}

// New makes a connection with view synchrony of one that has joined nothing yet,
// and takes it over: it must not be used directly any more. It returns
// ErrIllegalParam if that connection receives no views.
func New(sp *spread.Conn) (*Conn, error) {
	if !sp.Membership() {
		return nil, &spread.Error{Op: "flush layer", Code: spread.ErrIllegalParam, Err: errors.New("the connection was made without membership")}
	}
	return &Conn{sp: sp, turn: make(chan struct{}, 1), m: newMachine(sp.PrivateGroup())}, nil
}

// Name returns the client's private name.
func (c *Conn) Name() string { return c.sp.Name() }

// Daemon returns the name of the daemon.
func (c *Conn) Daemon() string { return c.sp.Daemon() }

// RemoteAddr returns the address of the daemon.
func (c *Conn) RemoteAddr() net.Addr { return c.sp.RemoteAddr() }

// PrivateGroup returns the private group of the client.
func (c *Conn) PrivateGroup() string { return c.sp.PrivateGroup() }

// DaemonVersion returns what the daemon says that it is.
func (c *Conn) DaemonVersion() spread.Version { return c.sp.DaemonVersion() }

// Close ends the connection as spread.Conn.Close does.
func (c *Conn) Close() error { return c.sp.Close() }

// Dropped returns how many messages were not given to the user.
func (c *Conn) Dropped() Drops {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.m.drops
}

// Join asks to become a member of a group. The client is a member when the first
// [*View] of the group arrives, for which it need not flush. ErrIllegalGroup if
// it is one already, or is leaving; otherwise errors as of spread.Conn.Join.
func (c *Conn) Join(ctx context.Context, group string) error {
	c.mu.Lock()
	err := c.m.join(group)
	c.mu.Unlock()
	if err != nil {
		return named(fmt.Sprintf("join %q", group), err)
	}
	return c.sp.Join(ctx, group)
}

// Leave asks to leave a group. The leave is done when the [*SelfLeave] arrives.
// Until then nothing can be sent to the group, and no [*FlushRequest] comes from
// it: the layer agrees to changes by itself. If the leave is [*Rejected] the
// client is a member as before, who can send again, at the latest in the next
// view. ErrIllegalGroup if the client is not a member or is leaving.
func (c *Conn) Leave(ctx context.Context, group string) error {
	c.mu.Lock()
	err := c.m.leave(group)
	c.mu.Unlock()
	if err != nil {
		return named(fmt.Sprintf("leave %q", group), err)
	}
	if err := c.sp.Leave(ctx, group); err != nil {
		c.mu.Lock()
		c.m.stay(group)
		c.mu.Unlock()
		return err
	}
	return nil
}

// Flush answers a [*FlushRequest]: this client agrees to the change of the
// group, and does not send to the group until the next view. (It has nothing to do
// with the Flush of a spread.Conn, which is about the socket.) ErrIllegalGroup if
// it is not a member, ErrIllegalState if there is no request. While the client is
// leaving the group it returns nil, request or not, so that a request that was
// already on its way can be answered like any other; the C call is less gentle and
// gives ErrIllegalGroup (client protocol 9.3).
func (c *Conn) Flush(ctx context.Context, group string) error {
	err := c.withRoom(ctx, func() error { return c.m.flush(group) })
	return named(fmt.Sprintf("flush %q", group), err)
}

// Receive returns the next event, and waits for it if need be. The layer does its
// work only while somebody receives. Errors as of spread.Conn.Receive, and
// ErrIllegalState if a group has run up more changes or messages without a flush
// than can be kept, which closes the connection.
func (c *Conn) Receive(ctx context.Context) (Event, error) {
	select {
	case c.turn <- struct{}{}:
		defer func() { <-c.turn }()
	case <-ctx.Done():
		return nil, named("receive", ctx.Err())
	}
	for {
		ev, stuck, err := c.next()
		if err != nil {
			_ = c.sp.Close()
			return nil, err
		}
		if ev != nil {
			return ev, nil
		}
		if stuck {
			if err := c.sp.Flush(ctx); err != nil {
				return nil, err
			}
			continue
		}
		in, err := c.sp.Receive(ctx)
		if err != nil {
			return nil, err
		}
		c.mu.Lock()
		c.m.receive(in)
		c.mu.Unlock()
	}
}

// next sends what the layer has to send, and takes the next event for the user.
// stuck tells that there is no room for something that must be sent first.
func (c *Conn) next() (ev Event, stuck bool, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	stuck = errors.Is(c.sendDue(), spread.ErrWouldBlock)
	if len(c.m.events) > 0 {
		ev = c.m.events[0]
		c.m.events[0] = nil
		if c.m.events = c.m.events[1:]; len(c.m.events) == 0 {
			c.m.events = nil
		}
	}
	if ev == nil {
		err = c.m.failed
	}
	return ev, stuck, err
}

// sendDue sends what the layer has to send. Call it with the lock. If the
// connection is lost Receive will say so, behind what has arrived.
func (c *Conn) sendDue() error {
	for len(c.m.sends) > 0 {
		if err := c.sp.TrySend(c.m.sends[0].outgoing()); err != nil {
			return err
		}
		c.m.sends = c.m.sends[1:]
	}
	return nil
}

// Events returns the events from now on, as Receive does. The sequence ends with
// the first error.
func (c *Conn) Events(ctx context.Context) iter.Seq2[Event, error] {
	return func(yield func(Event, error) bool) {
		for {
			ev, err := c.Receive(ctx)
			if !yield(ev, err) || err != nil {
				return
			}
		}
	}
}

// Pending returns how many events of the layer below, and of this one, wait to
// be received. Those of the layer below may lead to none here.
func (c *Conn) Pending() int {
	n, _ := c.sp.Pending()
	c.mu.Lock()
	defer c.mu.Unlock()
	return n + len(c.m.events)
}

// Ready returns how many events Receive has at hand without the layer below.
func (c *Conn) Ready() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.m.events)
}

// named gives an error the name of the operation that met it.
func named(op string, err error) error {
	var e *spread.Error
	switch {
	case err == nil:
		return nil
	case errors.As(err, &e) && e.Op != "":
		return err
	case e != nil:
		return &spread.Error{Op: op, Code: e.Code, Err: e.Err}
	}
	return &spread.Error{Op: op, Code: spread.ErrWouldBlock, Err: err}
}
