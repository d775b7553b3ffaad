package session

import (
	"errors"
	"os"
	"sync"
	"time"
)

// writeSize is how much small messages are gathered into for one write.
const writeSize = 64 << 10

var scratch = sync.Pool{New: func() any { return new([writeSize]byte) }}

// next returns the bytes to write now: the first span itself, or several small
// ones and pieces of long messages copied together into buf. Pieces are small, so
// that this is faster than to have the kernel gather them.
func (q *queue) next(buf *[writeSize]byte) []byte {
	spans := q.out[q.head:]
	if first := &spans[0]; first.long == nil && (len(spans) == 1 || len(first.b) >= largeSpan) {
		return first.b
	}
	n, at := 0, q.at
	for i := range spans {
		if long := spans[i].long; long != nil {
			part := long.CopyAt(buf[n:], at)
			n += part
			if at+part < long.Size() {
				break
			}
			at = 0
			continue
		}
		b := spans[i].b
		if len(b) > writeSize-n {
			break
		}
		n += copy(buf[n:], b)
	}
	return buf[:n]
}

// Flush writes what waits, as far as the kernel takes it at once; the remainder
// is left to a goroutine of the session. It returns without waiting, and tells
// whether nothing is left to be written by anybody.
func (s *Session) Flush() (empty bool) {
	q := &s.queue
	if begun, empty := q.begin(); !begun {
		return empty
	}
	buf := scratch.Get().(*[writeSize]byte)
	defer scratch.Put(buf)
	for more := true; more; {
		n, err := s.tryWrite(q.next(buf))
		switch {
		case errors.Is(err, errWouldBlock):
			q.setBlocked()
			s.server.owner.Go(s.drain)
			return false
		case err != nil:
			s.fail(ConnectionFailed, err)
			return false
		}
		more = q.more(n, s.limits())
	}
	return true
}

// drain writes what the kernel did not take at once, waiting for room, until
// nothing is left.
func (s *Session) drain() {
	q := &s.queue
	buf := scratch.Get().(*[writeSize]byte)
	defer scratch.Put(buf)
	for more := true; more; {
		b := q.next(buf)
		// In pieces, so that a slow client is seen to take something.
		n, err := s.patientWrite(b[:min(len(b), writeSize)], s.limits().Stall)
		more = q.more(n, s.limits())
		switch {
		case errors.Is(err, os.ErrDeadlineExceeded):
			s.fail(Stalled, nil)
			return
		case err != nil:
			s.fail(ConnectionFailed, err)
			return
		}
	}
}

// patientWrite writes b, waiting for room as long as at least a byte moves
// within stall (0: for ever).
func (s *Session) patientWrite(b []byte, stall time.Duration) (n int, err error) {
	// A deadline that stayed would end the next write that does not wait. After
	// Close, what wakes the writer is that the connection gets closed.
	defer func() { _ = s.conn.SetWriteDeadline(time.Time{}) }()
	for n < len(b) {
		var deadline time.Time
		if stall > 0 {
			deadline = time.Now().Add(stall)
		}
		if err := s.conn.SetWriteDeadline(deadline); err != nil {
			return n, err
		}
		m, err := s.conn.Write(b[n:])
		n += m
		if err != nil && (m == 0 || !errors.Is(err, os.ErrDeadlineExceeded)) {
			return n, err
		}
	}
	return n, nil
}
