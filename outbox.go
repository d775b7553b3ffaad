package spread

import (
	"context"
	"errors"
	"net"
	"os"
	"slices"
	"sync"
	"time"
)

const (
	// burst is how soon behind a write the next message is taken for part of a
	// burst and left to the writing goroutine, which gathers. Any other its sender
	// writes itself, so that it leaves at once.
	burst = 5 * time.Microsecond
	// overdraft is how many times the limit of the queue accept without waiting
	// may fill it: a receive loop can answer while senders fill the queue.
	overdraft = 4
)

// outbox is the way of messages to the socket. Senders append to buf; whoever
// holds the pen takes it and writes. Under load that is the writing goroutine,
// and it finds many messages each time.
type outbox struct {
	conn  net.Conn
	limit int
	// Locks that can be waited for together with a context: pen is held by the
	// one who writes, turn by the first of those who wait for room in buf.
	pen, turn chan struct{}
	// room wakes that one, wake the writing goroutine. Both hold at most one
	// token, and whoever takes one looks again.
	room, wake chan struct{}
	// over is closed when err is set.
	over chan struct{}
	vec  [][]byte // scratch for the holder of the pen

	mu      sync.Mutex
	buf     []byte // accepted, not taken
	spare   []byte // the next buf
	taken   int    // bytes that the holder of the pen is writing
	waiting int    // senders that wait for room
	asleep  bool   // the writing goroutine waits for wake
	last    time.Time
	err     error // why nothing more is accepted
	broken  error // why nothing more can be written
	closing bool  // no write may take long any more
}

func newOutbox(conn net.Conn, limit int) *outbox {
	return &outbox{
		conn:  conn,
		limit: max(limit, 1),
		pen:   make(chan struct{}, 1),
		turn:  make(chan struct{}, 1),
		room:  make(chan struct{}, 1),
		wake:  make(chan struct{}, 1),
		over:  make(chan struct{}),
	}
}

// send accepts a copy of a message, after waiting for room. A lone message is
// also written.
func (o *outbox) send(ctx context.Context, m *outMessage) error {
	o.mu.Lock()
	if o.err != nil || o.waiting > 0 || !o.fits(m.size, o.limit) {
		o.mu.Unlock()
		if err := o.await(ctx, m.size); err != nil {
			return err
		}
	}
	alone := o.asleep && len(o.buf) == 0
	o.buf = m.append(o.buf)
	if alone && time.Since(o.last) > burst {
		select {
		case o.pen <- struct{}{}:
			o.mu.Unlock()
			_ = o.write(ctx, nil) // what fails here shows at the next call
			o.release()
			return nil
		default:
		}
	}
	o.wakeWriter()
	o.mu.Unlock()
	return nil
}

// trySend accepts a copy of a message without waiting.
func (o *outbox) trySend(m *outMessage) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.err != nil {
		return o.err
	}
	if !o.fits(m.size, overdraft*o.limit) {
		return ErrWouldBlock
	}
	o.buf = m.append(o.buf)
	o.wakeWriter()
	return nil
}

// sendThrough writes a message from the caller's memory. It waits for its turn,
// and until the last byte is written or copied.
func (o *outbox) sendThrough(ctx context.Context, m *outMessage) error {
	if err := o.takePen(ctx); err != nil {
		return err
	}
	defer o.release()
	return o.write(ctx, m)
}

// flush writes what has been accepted.
func (o *outbox) flush(ctx context.Context) error {
	if err := o.takePen(ctx); err != nil {
		return err
	}
	defer o.release()
	return o.write(ctx, nil)
}

func (o *outbox) fits(n, limit int) bool { return len(o.buf) == 0 || len(o.buf)+n <= limit }

// await waits until n bytes have room. Unless it fails it returns with the lock.
func (o *outbox) await(ctx context.Context, n int) (err error) {
	o.mu.Lock()
	o.waiting++
	o.mu.Unlock()
	select {
	case o.turn <- struct{}{}:
		defer func() { <-o.turn }()
	case <-o.over:
	case <-ctx.Done():
		err = ctx.Err()
	}
	for {
		o.mu.Lock()
		switch {
		case o.err != nil:
			err = o.err
		case err == nil && !o.fits(n, o.limit):
			o.mu.Unlock()
			select {
			case <-o.room:
			case <-o.over:
			case <-ctx.Done():
				err = ctx.Err()
			}
			continue
		}
		o.waiting--
		if err != nil {
			o.mu.Unlock()
		}
		return err
	}
}

// wakeWriter wakes the writing goroutine if it sleeps. Call it with the lock.
func (o *outbox) wakeWriter() {
	if o.asleep {
		o.asleep = false
		signal(o.wake)
	}
}

func (o *outbox) takePen(ctx context.Context) error {
	select {
	case o.pen <- struct{}{}:
		return nil
	default:
	}
	select {
	case o.pen <- struct{}{}:
		return nil
	case <-o.over:
		return o.refusal()
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (o *outbox) refusal() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.err
}

// release lays down the pen. What was accepted meanwhile is for the writing
// goroutine.
func (o *outbox) release() {
	<-o.pen
	o.mu.Lock()
	if len(o.buf) > 0 {
		o.wakeWriter()
	}
	o.mu.Unlock()
}

// run is the writing goroutine. It ends when nothing more is accepted.
func (o *outbox) run() {
	for {
		o.mu.Lock()
		if len(o.buf) == 0 && o.err == nil {
			o.asleep = true
			o.mu.Unlock()
			select {
			case <-o.wake:
			case <-o.over:
			}
			o.mu.Lock()
			o.asleep = false
		}
		over := o.err != nil
		o.mu.Unlock()
		if over {
			return
		}
		if o.flush(context.Background()) != nil {
			return
		}
	}
}

// write writes what has been accepted and then m, if there is one, for the
// holder of the pen. If ctx ends or Close interrupts it, what remains goes back
// to the queue. m was sent, or will be, exactly if the error is nil.
func (o *outbox) write(ctx context.Context, m *outMessage) error {
	o.mu.Lock()
	if o.broken != nil || (m != nil && o.err != nil) {
		defer o.mu.Unlock()
		return o.err
	}
	batch := o.buf
	before := len(batch) // where m begins
	vec := append(o.vec[:0], nil)
	o.taken = before
	if m != nil {
		batch = m.appendHead(batch)
		vec = m.appendPieces(vec)
		o.taken += m.size
	}
	o.buf, o.spare = o.spare[:0], nil
	o.mu.Unlock()
	if len(batch) == 0 {
		return nil
	}
	signal(o.room)
	vec[0] = batch
	n, rest, err := o.writeOut(ctx, vec)

	o.mu.Lock()
	defer o.mu.Unlock()
	defer clear(vec)
	o.vec, o.last, o.taken = vec, time.Now(), 0
	switch {
	case err == nil:
		if cap(batch) <= overdraft*o.limit {
			o.spare = batch
		}
		return nil
	case !errors.Is(err, os.ErrDeadlineExceeded) || (ctx.Err() == nil && !o.closing):
		o.fail(err)
		return o.err
	case n > int64(before): // m has begun
		o.buf = append(slices.Concat(rest...), o.buf...)
		return nil
	}
	o.buf = append(batch[n:before:before], o.buf...)
	if o.err != nil {
		return o.err
	}
	return ctx.Err()
}

// writeOut writes until ctx ends or Close interrupts it. rest is what was not
// written.
func (o *outbox) writeOut(ctx context.Context, vec net.Buffers) (n int64, rest net.Buffers, err error) {
	if ctx.Done() != nil {
		fired := make(chan struct{})
		stop := context.AfterFunc(ctx, func() {
			_ = o.conn.SetWriteDeadline(longAgo)
			close(fired)
		})
		defer func() {
			if stop() {
				return
			}
			<-fired
			o.mu.Lock()
			defer o.mu.Unlock()
			if !o.closing {
				_ = o.conn.SetWriteDeadline(time.Time{})
			}
		}()
	}
	if len(vec) == 1 {
		n, err := o.conn.Write(vec[0])
		return int64(n), net.Buffers{vec[0][n:]}, err
	}
	rest = vec
	n, err = rest.WriteTo(o.conn)
	return n, rest, err
}

// longAgo is a deadline that interrupts.
var longAgo = time.Unix(1, 0)

// fail ends sending because the connection is lost. Call it with the lock.
func (o *outbox) fail(cause error) {
	if o.broken == nil {
		o.broken = cause
	}
	if o.err == nil {
		o.err = lost(cause)
		close(o.over)
	}
}

// close refuses what comes from now on, for the given reason, then writes what
// has been accepted and last. It waits for the socket as long as it takes.
func (o *outbox) close(reason error, last *outMessage) error {
	o.mu.Lock()
	if o.err == nil {
		close(o.over)
	}
	o.err, o.closing = reason, true
	_ = o.conn.SetWriteDeadline(longAgo)
	o.mu.Unlock()
	o.pen <- struct{}{} // for ever: nothing is written behind last
	_ = o.conn.SetWriteDeadline(time.Time{})
	o.mu.Lock()
	o.buf = last.append(o.buf)
	o.mu.Unlock()
	if o.write(context.Background(), nil) != nil {
		return o.cause()
	}
	return nil
}

// abandon refuses what comes and drops what has been accepted.
func (o *outbox) abandon(reason error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.fail(reason)
	o.err = reason
}

// cause tells why nothing more could be written.
func (o *outbox) cause() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.broken
}

// unsent is what has been accepted and not been written.
func (o *outbox) unsent() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return len(o.buf) + o.taken
}
