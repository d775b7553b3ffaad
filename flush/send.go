package flush

import (
	"context"
	"errors"
	"fmt"

	"gospread/spread"
)

// Outgoing is a message to be sent.
type Outgoing struct {
	// Service is exactly one of the six.
	Service spread.Service
	// SelfDiscard: do not deliver it to this connection.
	SelfDiscard bool
	// Type is the application's own message type, at least [MinType].
	Type int16
	// Group is a group that this client is a member of, or a private group.
	Group string
	// Receivers, if not nil, are those of the group's view that shall have the
	// message, by their private groups; at most 100.
	Receivers []string
	// Data and then the Pieces, one behind the other, are what is sent.
	Data   []byte
	Pieces [][]byte
}

// Multicast sends data to a group, or to a client by its private group. It is
// short for the usual case of [Conn.Send].
func (c *Conn) Multicast(ctx context.Context, s spread.Service, group string, data []byte) error {
	return c.Send(ctx, &Outgoing{Service: s, Group: group, Data: data})
}

// SubgroupCast sends data to some members of a group's view.
func (c *Conn) SubgroupCast(ctx context.Context, s spread.Service, group string, receivers []string, data []byte) error {
	if receivers == nil {
		receivers = []string{}
	}
	return c.Send(ctx, &Outgoing{Service: s, Group: group, Receivers: receivers, Data: data})
}

// Unicast sends data to one member of a group's view.
func (c *Conn) Unicast(ctx context.Context, s spread.Service, group, receiver string, data []byte) error {
	return c.Send(ctx, &Outgoing{Service: s, Group: group, Receivers: []string{receiver}, Data: data})
}

// Send sends a message in the present view of its group. It returns when a copy
// has been accepted, and waits while the send queue is full. If ctx ends first,
// nothing was sent.
//
// Errors: ErrIllegalMessageType for a type below [MinType], ErrIllegalGroup if
// this client is not a member of the group, ErrIllegalState between Flush and the
// next view, ErrIllegalReceivers for receivers that are no members of the view,
// ErrIllegalParam for an empty list of them, and the errors of spread.Conn.Send.
func (c *Conn) Send(ctx context.Context, m *Outgoing) error {
	err := c.withRoom(ctx, func() error {
		p, err := c.m.outgoing(m)
		if err != nil {
			return err
		}
		return c.sp.TrySend(p)
	})
	return named(fmt.Sprintf("send to %q", m.Group), err)
}

// withRoom does something that sends, under the lock, when there is room for it;
// it leaves room for what Receive must be able to send. What do has left to be
// sent is sent, too, or will be.
func (c *Conn) withRoom(ctx context.Context, do func() error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	for done := false; ; {
		c.mu.Lock()
		err := c.sendDue()
		if err == nil && !done {
			err = spread.ErrWouldBlock
			if c.sp.Unsent() < spread.DefaultSendQueue {
				err = do()
			}
			if err == nil {
				done = true
				err = c.sendDue()
			}
		}
		c.mu.Unlock()
		if err == nil || !errors.Is(err, spread.ErrWouldBlock) {
			return err
		}
		if err := c.sp.Flush(ctx); err != nil {
			if done && ctx.Err() != nil {
				return nil //nolint:nilerr // what is due then goes out with the next call
			}
			return err
		}
	}
}
