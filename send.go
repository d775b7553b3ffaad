package spread

import (
	"context"
	"fmt"

	"gospread/spread/internal/clientproto"
)

// minThrough is the size in bytes from which data is written from the caller's
// memory; to copy less is cheaper.
const minThrough = 16 << 10

// Outgoing is a message to be sent.
type Outgoing struct {
	// Service is exactly one of the six.
	Service Service
	// SelfDiscard: do not deliver it to this connection.
	SelfDiscard bool
	// Type is the application's own message type.
	Type int16
	// Groups are 1 to 100 groups and private groups, mixed. Who is in several of
	// them receives the message once.
	Groups []string
	// Data and then the Pieces, one behind the other, are what is sent.
	Data   []byte
	Pieces [][]byte
	// Flags are other bits of the type word, for layers above; usually none.
	Flags Flags
}

// Multicast sends data to a group, or to a client by its private group. It is
// short for the usual case of [Conn.Send], whose promises and errors it has.
func (c *Conn) Multicast(ctx context.Context, s Service, group string, data []byte) error {
	p := outMessage{service: s, sender: &c.private, group: group, data: data}
	return c.send(ctx, &p)
}

// Send sends a message to one or more groups. It returns when the message is
// accepted and its memory may be used again; if the daemon takes no more and the
// send queue is full, it waits. An error with that of ctx means that nothing was
// sent; a message that is under way when ctx ends is sent all the same.
//
// Errors: ErrIllegalService, ErrIllegalGroup, ErrMessageTooLong (data and 32
// bytes a group exceed 143,952 bytes), ErrConnectionClosed, ErrIllegalSession
// after Close, ErrWouldBlock with the error of ctx.
func (c *Conn) Send(ctx context.Context, m *Outgoing) error {
	p := c.outgoing(m)
	return c.send(ctx, &p)
}

func (c *Conn) send(ctx context.Context, p *outMessage) error {
	if err := p.check(); err != nil {
		return err
	}
	err := ctx.Err()
	switch {
	case err != nil:
	case p.size < minThrough:
		err = c.out.send(ctx, p)
	default:
		err = c.out.sendThrough(ctx, p)
	}
	if err != nil {
		return opError(p.op(), err)
	}
	return nil
}

// TrySend is Send without waiting: if the send queue is full it returns
// ErrWouldBlock. It may fill the queue to four times the bound of
// [WithSendQueue], so that a loop that answers what it receives can do so while
// others send all they can. The message is copied.
func (c *Conn) TrySend(m *Outgoing) error {
	p := c.outgoing(m)
	if err := p.check(); err != nil {
		return err
	}
	if err := c.out.trySend(&p); err != nil {
		return opError(p.op(), err)
	}
	return nil
}

// Flush waits until all that was accepted before has been handed to the
// operating system, and reports if that failed. It has nothing to do with the
// Flush of package flush, which answers a change of membership.
func (c *Conn) Flush(ctx context.Context) error {
	if err := c.out.flush(ctx); err != nil {
		return opError("flush", err)
	}
	return nil
}

// Unsent returns how many bytes are accepted and not yet handed to the operating
// system.
func (c *Conn) Unsent() int { return c.out.unsent() }

// Join asks to become a member of a group: 1 to 31 bytes, each from $ to ~ in
// ASCII. It returns when the request is accepted for sending; the client is a
// member when its own join arrives as a [*View]. Joining again does nothing.
//
// Errors: ErrIllegalGroup, and those of the connection as for Send.
func (c *Conn) Join(ctx context.Context, group string) error {
	return c.request(ctx, clientproto.Join, "join", group)
}

// Leave asks to leave a group. The leave is done when the [*SelfLeave] arrives;
// leaving a group that one is not in does nothing. Errors as for Join.
func (c *Conn) Leave(ctx context.Context, group string) error {
	return c.request(ctx, clientproto.Leave, "leave", group)
}

func (c *Conn) request(ctx context.Context, t clientproto.Type, op, group string) error {
	err := clientproto.CheckGroup(group)
	if err != nil {
		return &Error{Op: op, Code: ErrIllegalGroup, Err: err}
	}
	if err = ctx.Err(); err == nil {
		p := c.requestMessage(t, group)
		err = c.out.send(ctx, &p)
	}
	if err != nil {
		return opError(fmt.Sprintf("%s %q", op, group), err)
	}
	return nil
}
