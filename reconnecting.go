package spread

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"net"
	"slices"
	"sync"
	"time"

	"gospread/spread/internal/clientproto"
	"gospread/spread/internal/reconnect"
)

// attemptTimeout bounds an attempt of a Reconnecting at one daemon.
const attemptTimeout = 10 * time.Second

// Passing tells whether an error of [Dial] may go away by itself, so that it makes
// sense to try again: nobody answers, the daemon is full, or the name is still in use.
func Passing(err error) bool {
	return errors.Is(err, ErrCouldNotConnect) || errors.Is(err, ErrConnectionClosed) ||
		errors.Is(err, ErrNotUnique) || errors.Is(err, ErrQuota)
}

// Lost is an event of a [Reconnecting]: the connection is lost. Until [*Restored],
// nothing comes and nothing can be sent.
type Lost struct {
	// Err is why.
	Err error
}

// Restored is an event of a [Reconnecting]: there is a connection again, and it asks to
// join the groups; their views follow. What was sent in between is missed, and
// the place in the order is lost: the program must bring its state up to date.
type Restored struct {
	// PrivateGroup may differ from the one before.
	PrivateGroup string
}

func (*Lost) event()     {}
func (*Restored) event() {}

// Reconnecting is a connection that comes back: when it is lost it connects again, to
// the first of its daemons that answers, and joins its groups again. It tells so with
// [*Lost] and [*Restored] between the other events. Attempts pause for 0.05 s at first
// and 5 s at last.
//
// It is safe for use by many goroutines at once, must be closed, and notices a loss
// only while it receives: a program that just sends must receive, too.
type Reconnecting struct {
	daemons  []string
	opts     []Option
	end      context.CancelFunc
	lost     chan struct{}  // tells keep that there is no connection
	keeping  sync.WaitGroup // keep
	requests chan struct{}  // full while groups and connection change

	mu       sync.Mutex
	conn     *Conn         // nil: lost
	groups   []string      // to be in, in the order in which they were joined
	restored *Restored     // not yet received
	joining  chan struct{} // closed when conn has asked for the groups
	err      error         // why there will be no connection any more
	changed  chan struct{} // closed when conn or err changes
}

// DialReconnecting connects to the first of some daemons, named as for [Dial], that
// lets the client in. The first connection is made at once: if no daemon lets the
// client in before ctx ends, the error has the reasons of all. Each daemon is given
// 10 seconds at most, now and later.
func DialReconnecting(ctx context.Context, daemons []string, opts ...Option) (*Reconnecting, error) {
	if len(daemons) == 0 {
		return nil, &Error{Op: "connect", Code: ErrIllegalSpread, Err: errors.New("no daemon is named")}
	}
	r := &Reconnecting{
		daemons:  slices.Clone(daemons),
		opts:     slices.Clone(opts),
		lost:     make(chan struct{}, 1),
		requests: make(chan struct{}, 1),
		joining:  make(chan struct{}),
		changed:  make(chan struct{}),
	}
	close(r.joining)
	var err error
	if r.conn, err = r.dial(ctx); err != nil {
		return nil, err
	}
	life, end := context.WithCancel(context.Background())
	r.end = end
	r.keeping.Go(func() { r.keep(life) })
	return r, nil
}

// dial tries each daemon once.
func (r *Reconnecting) dial(ctx context.Context) (*Conn, error) {
	var failed []error
	for _, daemon := range r.daemons {
		c, err := r.attempt(ctx, daemon)
		if err == nil {
			return c, nil
		}
		failed = append(failed, err)
		if ctx.Err() != nil {
			break
		}
	}
	return nil, errors.Join(failed...)
}

func (r *Reconnecting) attempt(ctx context.Context, daemon string) (*Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, attemptTimeout)
	defer cancel()
	return Dial(ctx, daemon, r.opts...)
}

// keep connects again whenever the connection is lost.
func (r *Reconnecting) keep(ctx context.Context) {
	var pauses reconnect.Pauses
	pauses.Connected()
	for {
		select {
		case <-ctx.Done():
			return
		case <-r.lost:
		}
		for connected := false; !connected; {
			if !pauses.Wait(ctx) {
				return
			}
			c, err := r.dial(ctx)
			switch {
			case err == nil:
				connected = true
				pauses.Connected()
				r.joinAgain(ctx, c)
			case ctx.Err() == nil && !Passing(err) && !nameless(err):
				r.change(func() { r.err = err })
				return
			}
		}
	}
}

// nameless tells whether a host had no address: while it, or its container, starts anew
// that passes.
func nameless(err error) bool {
	var dns *net.DNSError
	return errors.As(err, &dns)
}

// joinAgain makes c the connection, and asks for all groups. Meanwhile events are
// received, so that a daemon that waits for that goes on to take requests; senders
// wait, so that their messages come behind the joins.
func (r *Reconnecting) joinAgain(ctx context.Context, c *Conn) {
	joining := make(chan struct{})
	r.change(func() {
		r.conn, r.restored, r.joining = c, &Restored{PrivateGroup: c.PrivateGroup()}, joining
	})
	defer close(joining)
	if r.lock(ctx) != nil {
		return // this side closes
	}
	defer r.unlock()
	for _, group := range r.groups {
		if c.Join(ctx, group) != nil {
			return // c is lost, or this side closes: receivers learn it from c
		}
	}
}

// lock makes the caller the only one that changes groups and connection.
func (r *Reconnecting) lock(ctx context.Context) error {
	select {
	case r.requests <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (r *Reconnecting) unlock() { <-r.requests }

// change changes conn or err, and tells who waits for that.
func (r *Reconnecting) change(f func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	f()
	close(r.changed)
	r.changed = make(chan struct{})
}

// Conn returns the present connection, nil while there is none. It is for what a
// Reconnecting does not offer itself.
func (r *Reconnecting) Conn() *Conn {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.conn
}

// Join joins a group, now and after each loss; while the connection is lost, then only.
// Errors as for [Conn.Join], but a lost connection is none.
func (r *Reconnecting) Join(ctx context.Context, group string) error {
	return r.request(ctx, group, "join", (*Conn).Join, func(groups []string) []string {
		if slices.Contains(groups, group) {
			return groups
		}
		return append(groups, group)
	})
}

// Leave leaves a group for good. Errors as for Join.
func (r *Reconnecting) Leave(ctx context.Context, group string) error {
	return r.request(ctx, group, "leave", (*Conn).Leave, func(groups []string) []string {
		return slices.DeleteFunc(groups, func(g string) bool { return g == group })
	})
}

func (r *Reconnecting) request(ctx context.Context, group, op string, ask func(*Conn, context.Context, string) error, note func([]string) []string) error {
	if err := clientproto.CheckGroup(group); err != nil {
		return &Error{Op: op, Code: ErrIllegalGroup, Err: err}
	}
	op = fmt.Sprintf("%s %q", op, group)
	if err := r.lock(ctx); err != nil {
		return opError(op, err)
	}
	defer r.unlock()
	r.mu.Lock()
	c, err := r.conn, r.err
	r.mu.Unlock()
	if err != nil {
		return opError(op, err)
	}
	if c != nil {
		if err := ask(c, ctx, group); err != nil && !errors.Is(err, ErrConnectionClosed) {
			return err
		}
	}
	r.groups = note(r.groups)
	return nil
}

// Multicast sends data to one group, as [Conn.Multicast]. While the connection is lost
// it returns ErrConnectionClosed; whether what was accepted shortly before has been
// delivered is not known.
func (r *Reconnecting) Multicast(ctx context.Context, s Service, group string, data []byte) error {
	c, err := r.sender(ctx, "multicast")
	if err != nil {
		return err
	}
	return c.Multicast(ctx, s, group, data)
}

// Send sends a message, as [Conn.Send]. Errors as for Multicast.
func (r *Reconnecting) Send(ctx context.Context, m *Outgoing) error {
	c, err := r.sender(ctx, "send")
	if err != nil {
		return err
	}
	return c.Send(ctx, m)
}

// sender returns the connection when it has asked for the groups.
func (r *Reconnecting) sender(ctx context.Context, op string) (*Conn, error) {
	r.mu.Lock()
	c, err, joining := r.conn, r.err, r.joining
	r.mu.Unlock()
	switch {
	case err != nil:
		return nil, opError(op, err)
	case c == nil:
		return nil, &Error{Op: op, Code: ErrConnectionClosed, Err: errors.New("the connection is lost and not yet restored")}
	}
	select {
	case <-joining:
		return c, nil
	case <-ctx.Done():
		return nil, opError(op, ctx.Err())
	}
}

// Receive returns the next event, and waits for it if need be. A loss is no error, but
// the events Lost and Restored. Errors: those of [Dial] that do not pass ([Passing]), when
// the daemons do not let the client in again; ErrIllegalMessage, for good; after Close
// ErrIllegalSession; the error of ctx, and no event is lost then.
func (r *Reconnecting) Receive(ctx context.Context) (Event, error) {
	for {
		r.mu.Lock()
		c, restored, err, changed := r.conn, r.restored, r.err, r.changed
		r.restored = nil
		r.mu.Unlock()
		switch {
		case restored != nil:
			return restored, nil
		case err != nil:
			return nil, opError("receive", err)
		case c == nil:
			select {
			case <-changed:
			case <-ctx.Done():
				return nil, opError("receive", ctx.Err())
			}
			continue
		}
		ev, err := c.Receive(ctx)
		if err == nil || !errors.Is(err, ErrConnectionClosed) {
			return ev, err
		}
		if r.lose(c) {
			return &Lost{Err: err}, nil
		}
	}
}

// lose notes that c is lost, which has freed what it had. It returns false if that is
// known.
func (r *Reconnecting) lose(c *Conn) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.conn != c {
		return false
	}
	r.conn = nil
	r.lost <- struct{}{}
	return true
}

// Events returns the events from now on, as Receive does. The sequence ends with the
// first error.
func (r *Reconnecting) Events(ctx context.Context) iter.Seq2[Event, error] {
	return events(ctx, r.Receive)
}

// Close ends the connection for good, as [Conn.Close]. While it is lost there is
// nothing to end, and no error.
func (r *Reconnecting) Close() error {
	r.end()
	r.keeping.Wait()
	var c *Conn
	r.change(func() { c, r.err = r.conn, closedHere() })
	if c == nil {
		return nil
	}
	return c.Close()
}
