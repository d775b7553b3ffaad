package session

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"runtime"
	"slices"
	"sync"
	"time"

	"gospread/spread/internal/clientproto"
)

// flushEvery bounds how many bytes are read and routed before the results are
// written, while the client has more ready. A client with nothing more ready
// never waits for that.
const flushEvery = 128 << 10

// A batch that enters the order in one turn is bounded, so that others get theirs
// in between, and that little is on its way to a receiver that cannot take it.
// A session's share in bytes grows from the least while no receiver is congested,
// and falls back to it when one is: many senders that were held for one receiver
// go on at the same moment.
const (
	maxBatch        = 256
	leastBatchBytes = 4 << 10
	mostBatchBytes  = 64 << 10
)

// turn is a reader's working memory while its client is active.
type turn struct {
	batch   [][]byte
	touched []*Session
	size    int  // bytes in batch
	paused  bool // whole messages were left in the input, for a congested receiver
	bytes   int  // read since the last flush
}

// slow tells whether some receiver is congested: then nothing more is to be
// sent to it before it has been looked at.
func (t *turn) slow() bool {
	return slices.ContainsFunc(t.touched, func(s *Session) bool { return s.queue.slow.Load() })
}

var turns = sync.Pool{New: func() any { return new(turn) }}

func (t *turn) release() {
	clear(t.batch[:cap(t.batch)])
	clear(t.touched[:cap(t.touched)])
	t.batch, t.touched, t.size, t.bytes, t.paused = t.batch[:0], t.touched[:0], 0, 0, false
	turns.Put(t)
}

// serve reads the client's messages until its session ends.
func (s *Session) serve() {
	for s.Reason() == Open {
		var held []*Session
		err := s.reads(func(read func([]byte) (int, error)) bool {
			var done bool
			done, held = s.pump(read)
			return done
		})
		if err != nil {
			s.End(ConnectionFailed, err)
		}
		if r := s.owed.Swap(nil); r != nil {
			held = append(held, r)
		}
		s.waitFor(held)
		s.waitForRoom()
	}
	s.fail(s.Reason(), nil)
}

// pump routes all that can be read without waiting. done means: do not wait for
// more to read, because the session ends or congested receivers come first.
func (s *Session) pump(read func([]byte) (int, error)) (done bool, held []*Session) {
	t := turns.Get().(*turn)
	defer t.release()
	for {
		if len(s.input.buf) > 0 && !s.understand(t) {
			s.flush(t)
			return true, nil
		}
		if full := s.server.router.Full() != nil || s.owed.Load() != nil; full || t.bytes >= flushEvery || t.paused || t.slow() {
			if held = s.flush(t); held != nil || full || s.Reason() != Open {
				return true, held
			}
			// Others have had to wait for all that.
			runtime.Gosched()
			continue
		}
		n, err := read(s.input.space(s.needed(), &s.server.chunks))
		switch {
		case errors.Is(err, errWouldBlock):
			held = s.flush(t)
			s.input.rest(&s.server.chunks)
			return held != nil || s.Reason() != Open, held
		case errors.Is(err, io.EOF):
			s.flush(t)
			s.End(ClientClosed, nil)
			return true, nil
		case err != nil:
			s.flush(t)
			s.End(ConnectionFailed, err)
			return true, nil
		}
		s.input.read(n)
		t.bytes += n
	}
}

// needed is the size of the message that the input begins with, 0 if unknown.
// Its header has been checked.
func (s *Session) needed() int {
	if len(s.input.buf) < clientproto.HeaderSize {
		return 0
	}
	h, err := clientproto.ParseHeader(s.input.buf)
	if err != nil {
		return 0
	}
	return h.Size()
}

// understand routes the whole messages of the input, until a receiver is found
// to be congested. false: the session ends.
func (s *Session) understand(t *turn) bool {
	alive := true
	for alive && len(s.input.buf) >= clientproto.HeaderSize {
		h, err := clientproto.ParseHeader(s.input.buf)
		if err == nil {
			err = clientproto.CheckRequest(&h, s.input.buf)
		}
		if err != nil {
			s.End(IllegalMessage, err)
			alive = false
			break
		}
		if !s.isSender(s.input.buf) {
			sender := clientproto.NameOf(clientproto.Sender(s.input.buf))
			s.End(IllegalSender, fmt.Errorf("%q", sender.String()))
			alive = false
			break
		}
		if len(s.input.buf) < h.Size() {
			break
		}
		m := s.input.take(h.Size())
		// The daemon's own order and marker, and a sender that ends (3.2).
		clientproto.PutHeader(m, &h)
		clientproto.Sender(m)[clientproto.NameSize-1] = 0
		alive = s.accept(&h, m, t)
		if t.size += len(m); t.size >= s.share || len(t.batch) == maxBatch {
			s.submit(t)
			if t.slow() {
				s.share, t.paused = leastBatchBytes, true
				break
			}
			if s.server.router.Full() != nil || s.owed.Load() != nil {
				t.paused = true
				break
			}
			s.share = min(2*s.share, mostBatchBytes)
		}
	}
	s.submit(t)
	return alive
}

// submit gives the batch its place in the order.
func (s *Session) submit(t *turn) {
	if len(t.batch) == 0 {
		t.size = 0
		return
	}
	s.received.Add(uint64(len(t.batch)))
	s.receivedBytes.Add(uint64(t.size))
	t.touched = s.server.router.Submit(s, t.batch, t.touched)
	clear(t.batch)
	t.batch, t.size = t.batch[:0], 0
}

// isSender compares the sender field with the session's own private group up to
// its zero byte; what stands behind that does not matter (4.1).
func (s *Session) isSender(m []byte) bool {
	sender, n := clientproto.Sender(m), s.Private.Len()
	return bytes.Equal(sender[:n], s.Private[:n]) && (n == clientproto.NameSize || sender[n] == 0)
}

// accept puts one whole message into the batch, unless it is refused or means
// nothing. false: it was the client's last.
func (s *Session) accept(h *clientproto.Header, m []byte, t *turn) bool {
	switch {
	case h.Type&clientproto.Kill != 0:
		s.End(ClientDisconnected, nil)
		return false
	case h.Type&(clientproto.Join|clientproto.Leave) != 0 && h.NumGroups == 0:
		return true
	}
	if p := s.server.config.Load().Policy; p != nil && !permitted(p, s, h, m) {
		if h.Type&clientproto.SelfDiscard == 0 {
			s.reply(clientproto.AppendReject(nil, m, &s.Private), t)
		}
		return true
	}
	t.batch = append(t.batch, m)
	return true
}

// reply queues a message that does not pass through the order.
func (s *Session) reply(m []byte, t *turn) {
	if verdict := s.queue.put([]span{{b: m, msgs: 1, memory: shared}}, nil, s.limits(), time.Now()); verdict != Open {
		s.End(verdict, nil)
	}
	t.touched = append(t.touched, s)
}

// flush writes to everybody who got something in this turn. It returns those
// whose queue is so long that the sender should wait for them.
func (s *Session) flush(t *turn) (held []*Session) {
	written := true
	for _, r := range t.touched {
		written = r.Flush() && written
		if r.queue.slow.Load() {
			held = append(held, r)
		}
	}
	clear(t.touched)
	t.touched, t.bytes, t.paused = t.touched[:0], 0, false
	s.input.settle(written)
	return held
}

// waitFor holds the session's client back, by not reading from it, until the
// congested receivers have drained or have had their time.
func (s *Session) waitFor(held []*Session) {
	for _, r := range held {
		for s.Reason() == Open {
			drained, left := r.queue.hold(s.limits(), time.Now())
			if drained == nil {
				break
			}
			if !s.held.Swap(true) {
				s.server.held.Add(1)
			}
			if !s.waitOne(drained, left) {
				break
			}
		}
	}
	if s.held.Load() {
		s.held.Store(false)
	}
}

// waitForRoom holds the session's client back until the order has room for more.
func (s *Session) waitForRoom() {
	for room := s.server.router.Full(); room != nil && s.Reason() == Open; room = s.server.router.Full() {
		select {
		case <-room:
		case <-s.finished:
			return
		case <-s.server.stopped:
			return
		}
	}
}

// waitOne waits for a receiver to drain. true: its time is up, look again.
func (s *Session) waitOne(drained <-chan struct{}, left time.Duration) bool {
	patience := time.NewTimer(left)
	defer patience.Stop()
	select {
	case <-patience.C:
		return true
	case <-drained:
	case <-s.finished:
	case <-s.server.stopped:
	}
	return false
}
