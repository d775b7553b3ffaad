package spread

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"

	"gospread/spread/internal/clientproto"
)

// Conn is a connection to a daemon: one client of the group system. It is safe
// for use by many goroutines at once, and must be closed.
type Conn struct {
	nc         net.Conn
	private    clientproto.Name
	version    Version
	membership bool
	linger     time.Duration

	in        *inbox
	out       *outbox
	reading   chan struct{} // closed when the reading goroutine has ended
	writing   chan struct{}
	closeOnce sync.Once
	closeErr  error
}

func newConn(nc net.Conn, o *options, hs *handshake) *Conn {
	c := &Conn{
		nc:         nc,
		private:    hs.accept.Private,
		version:    versionOf(hs.accept.Version),
		membership: o.membership,
		linger:     o.linger,
		in:         newInbox(o.receiveQueue),
		out:        newOutbox(nc, o.sendQueue),
		reading:    make(chan struct{}),
		writing:    make(chan struct{}),
	}
	d := &decoder{oldViews: hs.accept.Version.OldViews(), private: c.private}
	go func() {
		defer close(c.reading)
		c.read(newFramer(nc, hs.buf), d)
	}()
	go func() {
		defer close(c.writing)
		c.out.run()
	}()
	return c
}

// Name returns the client's private name, as the daemon has it.
func (c *Conn) Name() string {
	user, _, _ := c.private.SplitPrivate()
	return string(user)
}

// Daemon returns the name of the daemon.
func (c *Conn) Daemon() string {
	_, daemon, _ := c.private.SplitPrivate()
	return string(daemon)
}

// PrivateGroup returns the private group of the client, #name#daemon, under
// which others see it and can send to it.
func (c *Conn) PrivateGroup() string { return c.private.String() }

// DaemonVersion returns what the daemon says that it is.
func (c *Conn) DaemonVersion() Version { return c.version }

// Membership tells whether the connection receives views.
func (c *Conn) Membership() bool { return c.membership }

// RemoteAddr returns the address of the daemon.
func (c *Conn) RemoteAddr() net.Addr { return c.nc.RemoteAddr() }

// read is the reading goroutine.
func (c *Conn) read(f *framer, d *decoder) {
	var batch []received
	for {
		var err error
		batch = batch[:0]
		for {
			var fr frame
			var ok bool
			if fr, ok, err = f.next(); !ok || err != nil {
				break
			}
			var ev Event
			if ev, err = d.decode(&fr); err != nil {
				break
			}
			batch = append(batch, received{ev, len(fr.b)})
		}
		c.in.put(batch)
		clear(batch)
		if err != nil {
			c.broken(&Error{Code: ErrIllegalMessage, Err: fmt.Errorf("%w; the connection was given up", err)})
			return
		}
		if err := f.read(); err != nil {
			c.broken(lost(err))
			return
		}
	}
}

// broken ends a connection that cannot be used any more.
func (c *Conn) broken(reason *Error) {
	c.in.finish(reason)
	c.out.mu.Lock()
	c.out.fail(reason)
	c.out.mu.Unlock()
	_ = c.nc.Close()
}

// closedHere is the error of a connection that was closed by Close.
func closedHere() *Error {
	return &Error{Code: ErrIllegalSession, Err: fmt.Errorf("this side has closed the connection: %w", net.ErrClosed)}
}

// lost makes the error of a connection that broke off.
func lost(cause error) *Error {
	var e *Error
	if errors.As(cause, &e) {
		return e
	}
	if errors.Is(cause, io.EOF) {
		return &Error{Code: ErrConnectionClosed, Err: fmt.Errorf("the daemon closed the connection (%w); its log may tell why", cause)}
	}
	return &Error{Code: ErrConnectionClosed, Err: fmt.Errorf("the connection is lost: %w", cause)}
}

// Close takes leave of the daemon and ends the connection: what was accepted is
// still sent, and the daemon is given a moment to confirm ([WithLinger]), after
// which the name is free again. Receivers and senders that wait return at once,
// with ErrIllegalSession. Closing again does nothing and returns the same.
//
// The error, ErrConnectionClosed, tells that the connection had been lost, that
// the daemon did not take everything in time, or that it did not confirm in time,
// so that the name may not be free yet. Without lingering it is nil.
func (c *Conn) Close() error {
	c.closeOnce.Do(func() { c.closeErr = c.close() })
	return c.closeErr
}

func (c *Conn) close() error {
	reason := closedHere()
	c.in.close(reason)
	var err error
	if c.linger > 0 {
		err = c.takeLeave(reason)
	} else {
		c.out.abandon(reason)
	}
	_ = c.nc.Close()
	<-c.reading
	<-c.writing
	return err
}

// takeLeave sends what was accepted and the KILL, and waits until the daemon has
// closed the connection.
func (c *Conn) takeLeave(reason *Error) error {
	t := time.AfterFunc(c.linger, func() { _ = c.nc.Close() })
	kill := c.requestMessage(clientproto.Kill, c.PrivateGroup())
	err := c.out.close(reason, &kill)
	if err == nil {
		<-c.reading
	}
	switch late := !t.Stop(); {
	case late && err != nil:
		err = fmt.Errorf("the daemon did not take all that was sent within %v", c.linger)
	case late:
		err = fmt.Errorf("all was sent, but the daemon did not confirm the end within %v; the name may still be in use", c.linger)
	case err != nil:
		err = lost(err)
	default:
		return nil
	}
	return opError("close", err)
}

// opError gives an error the name of the operation that met it.
func opError(op string, err error) error {
	var e *Error
	switch {
	case errors.As(err, &e):
		return &Error{Op: op, Code: e.Code, Err: e.Err}
	case errors.Is(err, ErrWouldBlock):
		return &Error{Op: op, Code: ErrWouldBlock, Err: errors.New("the send queue is full")}
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return &Error{Op: op, Code: ErrWouldBlock, Err: err}
	}
	return &Error{Op: op, Code: ErrConnectionClosed, Err: err}
}
