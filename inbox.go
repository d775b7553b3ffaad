package spread

import (
	"context"
	"sync"
)

// received is an event and its size on the wire in bytes.
type received struct {
	event Event
	size  int
}

// inbox is the bounded queue between the reading goroutine and the receivers.
type inbox struct {
	limit int
	// ready wakes one receiver, room the reading goroutine. Both hold at most one
	// token, and whoever takes one looks again.
	ready, room chan struct{}
	// over is closed when no event will be added any more.
	over chan struct{}

	mu      sync.Mutex
	queue   []received // queue[head:] waits
	head    int
	bytes   int
	waiting int   // receivers
	err     error // why nothing more comes
}

func newInbox(limit int) *inbox {
	return &inbox{
		limit: max(limit, 1),
		ready: make(chan struct{}, 1),
		room:  make(chan struct{}, 1),
		over:  make(chan struct{}),
	}
}

// signal leaves a token.
func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// put adds events, after waiting while the queue is full. It keeps nothing of
// the slice.
func (b *inbox) put(batch []received) {
	if len(batch) == 0 {
		return
	}
	b.mu.Lock()
	for b.bytes >= b.limit && b.err == nil {
		b.mu.Unlock()
		select {
		case <-b.room:
		case <-b.over:
		}
		b.mu.Lock()
	}
	defer b.mu.Unlock()
	if b.err != nil {
		return
	}
	if b.head > 0 && len(b.queue)+len(batch) > cap(b.queue) {
		n := copy(b.queue, b.queue[b.head:])
		clear(b.queue[n:])
		b.queue, b.head = b.queue[:n], 0
	}
	b.queue = append(b.queue, batch...)
	for i := range batch {
		b.bytes += batch[i].size
	}
	if b.waiting > 0 {
		signal(b.ready)
	}
}

// finish ends the queue: receivers get what waits, then err.
func (b *inbox) finish(err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.err == nil {
		b.err = err
		close(b.over)
	}
}

// close ends the queue: receivers get err at once.
func (b *inbox) close(err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.err == nil {
		close(b.over)
	}
	b.err = err
	b.queue, b.head, b.bytes = nil, 0, 0
}

// take returns the next event; wait is true if there is none yet, and then the
// caller counts as waiting.
func (b *inbox) take() (ev Event, wait bool, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.head == len(b.queue) {
		if b.err != nil {
			return nil, false, b.err
		}
		b.waiting++
		return nil, true, nil
	}
	r := &b.queue[b.head]
	ev, before := r.event, b.bytes
	b.bytes -= r.size
	*r = received{}
	b.head++
	if b.head == len(b.queue) {
		b.queue, b.head = b.queue[:0], 0
	} else if b.waiting > 0 {
		signal(b.ready)
	}
	// The reader waits until half of the queue is free: a wake-up for many.
	if half := b.limit / 2; before > half && b.bytes <= half {
		signal(b.room)
	}
	return ev, false, nil
}

// receive returns the next event, or the reason why there is none.
func (b *inbox) receive(ctx context.Context) (Event, error) {
	for {
		ev, wait, err := b.take()
		if !wait {
			return ev, err
		}
		select {
		case <-b.ready:
		case <-b.over:
		case <-ctx.Done():
			err = ctx.Err()
		}
		b.mu.Lock()
		b.waiting--
		b.mu.Unlock()
		if err != nil {
			return nil, err
		}
	}
}

func (b *inbox) pending() (events, bytes int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.queue) - b.head, b.bytes
}
