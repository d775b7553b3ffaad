package session

import (
	"bytes"
	"sync"
	"sync/atomic"
	"time"
)

// Limits bound what may wait for one client. They may change while sessions run.
type Limits struct {
	// Bytes is the most that may wait, in bytes; of a Long, its cost.
	Bytes int
	// Messages is the most messages that may wait; negative: no limit. A run of
	// messages that is partly written counts whole.
	Messages int
	// Stall is how long a client may take nothing while something waits; 0: for ever.
	Stall time.Duration
	// Hold is how long senders are held back for a congested receiver that takes
	// nothing, 0: never. For one that takes something it is up to movingFactor
	// times as long.
	Hold time.Duration
}

const movingFactor = 10

// hardFactor times a limit is where a client with a full socket is cut off at
// once. Below that its senders are held back first.
const hardFactor = 4

// All queues together may hold this many times Bytes in memory of their own.
// Beyond that, every client with more than a scarceShare of Bytes waiting is slow.
const (
	totalFactor = 16
	scarceShare = 64
)

// bytes is the limit of one queue when all together hold total bytes.
func (l *Limits) bytes(total int64) int {
	if total > int64(l.Bytes)*totalFactor {
		return l.Bytes / scarceShare
	}
	return l.Bytes
}

// high and low are the marks between which senders are held back.
func (l *Limits) high(total int64) int { return l.bytes(total) / 4 }
func (l *Limits) low() int             { return l.Bytes / 8 }

// A span keeps the whole block alive that its messages lie in, with all that is for
// others there: up to maxBlock of what the ring hands on, of input or of notices. So
// what may have to wait is copied, and what counts is memory:
//
//   - Of a queue whose socket is full, every span but those that are half a block.
//   - Of one that is longer than lagging although the kernel takes what it is given,
//     small spans.
//
// Of a queue that is written at once nothing is.
const (
	lagging   = 64 << 10
	largeSpan = 16 << 10
	maxBlock  = busyChunk
)

// keptSpans is how many spans an empty queue may have room for.
const keptSpans = 1024

// emptied is the slice to be filled anew, or nil if it has become too large to keep.
func emptied(spans []span) []span {
	if cap(spans) > keptSpans {
		return nil
	}
	return spans[:0]
}

// copier makes the copies for the queues of one turn. Receivers of the same messages
// get the same copy.
type copier struct{ made map[*byte][]byte }

// copy returns a copy of b; it is shared if another queue has it too.
func (c *copier) copy(b []byte) (dup []byte, m memory) {
	if dup = c.made[&b[0]]; len(dup) == len(b) {
		return dup, shared
	}
	if c.made == nil {
		c.made = make(map[*byte][]byte)
	}
	dup = bytes.Clone(b)
	c.made[&b[0]] = dup
	return dup, alone
}

// queue is what waits to be written to one client. Its lock is held briefly and
// never while writing.
type queue struct {
	// total is what all queues of the server hold in memory of their own.
	total *atomic.Int64

	mu     sync.Mutex
	spans  []span
	bytes  int // in spans and with the writer, by cost
	own    int // of these, in memory that is not shared
	msgs   int // likewise
	closed bool

	// out[head:] is with the writer, whoever that is.
	out  []span
	head int
	at   int // what has been written of a Long at the head
	// writing: somebody writes, or is about to; he takes what comes meanwhile.
	writing bool
	// blocked: the kernel's buffer is full, a goroutine waits for room.
	blocked bool

	// congested since when the high mark was passed; zero: not.
	congested time.Time
	// moved is when the client last took something, while congested. What it took
	// out of the kernel's buffer shows only there: unsent tells what is in it, or
	// a negative number; inKernel is its last answer.
	moved    time.Time
	unsent   func() int
	inKernel int
	// slow mirrors congested for those who only want to know whether to look.
	slow atomic.Bool
	// drained is closed when the queue falls to the low mark or ends.
	drained chan struct{}

	// What was put in, in messages and in bytes on the wire; what msgs and bytes are; and
	// when the client last took something, in nanoseconds since 1970, while the kernel's
	// buffer is full; 0: it is not. Others read these without the lock.
	in, inBytes               atomic.Uint64
	waitingMsgs, waitingBytes atomic.Int64
	took                      atomic.Int64
}

// put adds spans. The verdict is Open, or why the session must end.
func (q *queue) put(spans []span, c *copier, l *Limits, now time.Time) Reason {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed {
		return Open
	}
	before := q.own
	msgs, wire := q.msgs, 0
	for _, s := range spans {
		wire += s.size()
		q.bytes += s.cost()
		q.msgs += s.msgs
		if s.loose() && (q.blocked || q.bytes > lagging && len(s.b) < largeSpan) {
			s.b, s.memory = c.copy(s.b)
		}
		if s.memory != shared {
			q.own += len(s.b)
		}
		q.spans = appendSpan(q.spans, s)
	}
	q.in.Store(q.in.Load() + uint64(q.msgs-msgs))
	q.inBytes.Store(q.inBytes.Load() + uint64(wire))
	q.showDepth()
	return q.judge(l, q.total.Add(int64(q.own-before)), now)
}

// showDepth lets others see what waits.
func (q *queue) showDepth() {
	q.waitingMsgs.Store(int64(q.msgs))
	q.waitingBytes.Store(int64(q.bytes))
}

// judge updates congestion after something was added. Nobody is cut off before
// the socket is full, nor, below the hard limits, before the senders have been
// held back.
func (q *queue) judge(l *Limits, total int64, now time.Time) Reason {
	tooMany := l.Messages >= 0 && q.msgs > l.Messages
	if q.bytes <= l.high(total) && !tooMany {
		return Open
	}
	if q.congested.IsZero() {
		q.congested, q.moved = now, now
		q.drained = make(chan struct{})
		q.slow.Store(true)
		if q.unsent != nil {
			q.inKernel = q.unsent()
		}
	}
	held := q.spent(l, now)
	switch {
	case !q.blocked:
	case q.bytes > hardFactor*l.Bytes || q.bytes > l.Bytes && held:
		return QueueBytes
	case q.own > hardFactor*l.bytes(total) || q.own > l.bytes(total) && held:
		return QueueTotal
	case tooMany && held:
		return QueueMessages
	}
	return Open
}

// spent tells whether the senders have been held back for as long as they may be.
func (q *queue) spent(l *Limits, now time.Time) bool {
	if q.patience(l, now) > 0 {
		return false
	}
	if q.unsent == nil {
		return true
	}
	before := q.inKernel
	if q.inKernel = q.unsent(); q.inKernel >= 0 && q.inKernel < before {
		q.moved = now
	}
	return q.patience(l, now) <= 0
}

// patience is how much longer senders are to be held back.
func (q *queue) patience(l *Limits, now time.Time) time.Duration {
	return min(l.Hold-now.Sub(q.moved), movingFactor*l.Hold-now.Sub(q.congested))
}

// hold tells a sender whose messages went here what to wait for, and how long
// before it should ask again; nil when it need not wait.
func (q *queue) hold(l *Limits, now time.Time) (<-chan struct{}, time.Duration) {
	if !q.slow.Load() {
		return nil, 0
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.congested.IsZero() || q.closed {
		return nil, 0
	}
	if q.spent(l, now) {
		return nil, 0
	}
	return q.drained, q.patience(l, now)
}

// begin makes the caller the writer, who owns out until more ends his turn. If
// it does not, empty tells whether that is because nothing waits anywhere.
func (q *queue) begin() (begun, empty bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.writing || q.closed || len(q.spans) == 0 {
		return false, !q.writing && len(q.spans) == 0
	}
	q.writing = true
	q.swap()
	return true, false
}

// swap hands the writer what waits, and gets his emptied slice to fill.
func (q *queue) swap() {
	q.out, q.spans = q.spans, emptied(q.out)
	q.head = 0
}

// written takes n bytes from the front of what the writer has. It returns how
// many messages are now completely gone, the cost that is gone, and what of that
// was not shared.
func (q *queue) written(n int) (msgs, cost, own int) {
	for n > 0 {
		s := &q.out[q.head]
		if s.long != nil {
			part := min(n, s.long.Size()-q.at)
			n -= part
			if q.at += part; q.at < s.long.Size() {
				break
			}
			cost += s.long.Cost()
			q.at = 0
		} else {
			part := min(n, len(s.b))
			n -= part
			cost += part
			if s.memory != shared {
				own += part
			}
			if part < len(s.b) {
				s.b = s.b[part:]
				break
			}
		}
		msgs += s.msgs
		*s = span{}
		q.head++
	}
	return msgs, cost, own
}

// more accounts for n written bytes and tells whether the writer has more to
// write. If not, his turn has ended.
func (q *queue) more(n int, l *Limits) bool {
	msgs, cost, own := q.written(n)
	q.mu.Lock()
	defer q.mu.Unlock()
	q.bytes -= cost
	q.msgs -= msgs
	q.showDepth()
	if !q.closed {
		q.own -= own
		q.total.Add(-int64(own))
	}
	if !q.congested.IsZero() {
		q.progress(n, l)
	}
	if q.closed {
		return false
	}
	if q.head == len(q.out) {
		q.swap()
	}
	q.writing = len(q.out) > 0
	if q.blocked {
		q.noteTaken(n)
	}
	return q.writing
}

// progress notes that a congested client took n bytes.
func (q *queue) progress(n int, l *Limits) {
	if n > 0 {
		q.moved = time.Now()
	}
	if q.bytes <= l.low() && (l.Messages < 0 || q.msgs <= l.Messages/2) {
		q.relieve()
	}
}

func (q *queue) relieve() {
	q.congested = time.Time{}
	q.slow.Store(false)
	close(q.drained)
}

// setBlocked is called by the writer.
func (q *queue) setBlocked() {
	copyLoose(q.out[q.head:])
	q.mu.Lock()
	copyLoose(q.spans)
	q.blocked = true
	q.took.Store(time.Now().UnixNano())
	q.mu.Unlock()
}

// noteTaken notes that the client of a blocked queue took n bytes.
func (q *queue) noteTaken(n int) {
	q.blocked = q.writing
	switch {
	case !q.blocked:
		q.took.Store(0)
	case n > 0:
		q.took.Store(time.Now().UnixNano())
	}
}

// close drops what waits and lets held senders go on.
func (q *queue) close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed {
		return
	}
	q.closed = true
	q.spans = nil
	q.total.Add(-int64(q.own))
	q.own = 0
	if !q.congested.IsZero() {
		q.relieve()
	}
}

// depth is what waits, in messages and in bytes as they count in limits.
func (q *queue) depth() (msgs, bytes int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.msgs, q.bytes
}
