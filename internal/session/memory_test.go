package session

import (
	"fmt"
	"io"
	"net"
	"sync/atomic"
	"testing"
	"time"
	"unsafe"
)

// blocks gives out pieces of memory as the ring does.
type blocks struct{ free []byte }

// next is a message of n bytes, behind other bytes for others.
func (b *blocks) next(others, n int) []byte {
	if others+n > len(b.free) {
		b.free = make([]byte, maxBlock)
	}
	m := b.free[others : others+n]
	b.free = b.free[others+n:]
	return m
}

// kept is how much memory a queue keeps alive: whole blocks, copies, and its lists.
func kept(q *queue) (bytes, numBlocks int) {
	seen := make(map[*byte]bool)
	for _, list := range [][]span{q.out[q.head:], q.spans} {
		for i := range list {
			switch s := &list[i]; {
			case s.memory != inBlock:
				bytes += cap(s.b)
			case len(s.b) > 0:
				// The capacity of what lies in a block reaches to its end.
				seen[&s.b[:cap(s.b)][cap(s.b)-1]] = true
			}
		}
	}
	lists := cap(q.out) + cap(q.spans)
	return bytes + len(seen)*maxBlock + lists*int(unsafe.Sizeof(span{})), len(seen)
}

// TestBlockedQueueKeepsWhatItCounts: whatever part of the traffic is for a client
// that takes nothing, it keeps alive at most about twice what counts, and a block of
// which a part has been written.
func TestBlockedQueueKeepsWhatItCounts(t *testing.T) {
	for _, size := range []int{80, 200, 1000, largeSpan - 1, largeSpan, 17 << 10, 60 << 10, maxBlock/2 - 1, maxBlock / 2, 144 << 10} {
		for _, others := range []int{0, 300, 20 << 10, maxBlock - size} {
			for _, before := range []int{0, 1, lagging / size, min(2+2*lagging/size, 700)} {
				q, l, b, turn := newQueue(), &Limits{Bytes: 1 << 30, Messages: -1}, new(blocks), new(copier)
				put := func() { q.put([]span{{b: b.next(others, size), msgs: 1}}, turn, l, epoch) }
				for i := range before {
					put()
					if i == before/2 {
						q.begin() // the writer has one half
					}
				}
				if before > 0 {
					q.more(size/2, l)
				}
				q.setBlocked()
				for range max(20, min(200, 1<<20/size)) {
					put()
				}
				_, counted := q.depth()
				if bytes, n := kept(q); bytes > 2*counted+counted/2+maxBlock {
					t.Errorf("a message of %d bytes behind each %d, %d when the socket got full: %d bytes count, and %d are kept alive, %d blocks among them",
						size, others, before, counted, bytes, n)
				}
				want := int64(counted)
				if got := q.total.Load(); got != want {
					t.Fatalf("%d bytes are counted as the queue's own, not %d", got, want)
				}
				drainBlocked(q, l)
				if n := q.total.Load(); n != 0 {
					t.Fatalf("%d bytes are counted when nothing waits", n)
				}
			}
		}
	}
}

// drainBlocked goes on for the writer of a blocked queue.
func drainBlocked(q *queue, l *Limits) {
	if !q.writing {
		q.begin()
	}
	buf := new([writeSize]byte)
	for q.more(len(q.next(buf)), l) {
	}
}

// TestNothingIsCopiedForWhoKeepsUp: what is written at once stays where it is.
func TestNothingIsCopiedForWhoKeepsUp(t *testing.T) {
	q, l, b := newQueue(), wide(), new(blocks)
	for _, size := range []int{80, 17 << 10, lagging} {
		m := b.next(100, size)
		q.put([]span{{b: m, msgs: 1}}, new(copier), l, epoch)
		q.begin()
		if s := &q.out[0]; &s.b[0] != &m[0] || s.memory != inBlock {
			t.Errorf("%d bytes were copied", size)
		}
		q.more(size, l)
	}
}

// TestBlockedQueuesShareCopies, also if they get several pieces in a turn.
func TestBlockedQueuesShareCopies(t *testing.T) {
	var total atomic.Int64
	var turn copier
	l, b := wide(), new(blocks)
	pieces := [][]byte{b.next(100, 17<<10), b.next(100, 300), b.next(maxBlock-200, 200)}
	var first []span
	for i := range 3 {
		q := &queue{total: &total}
		q.setBlocked()
		for _, p := range pieces {
			q.put([]span{{b: p, msgs: 1}}, &turn, l, epoch)
		}
		if i == 0 {
			first = q.spans
		}
		for j := range pieces {
			if &q.spans[j].b[0] != &first[j].b[0] || &q.spans[j].b[0] == &pieces[j][0] {
				t.Errorf("queue %d, piece %d: not the copy of the others", i, j)
			}
		}
	}
	if n := total.Load(); n != 17<<10+500 {
		t.Errorf("%d bytes are counted", n)
	}
}

// TestCopiedOnce: what a queue copied because it lagged stays the copy of all when its
// socket is full.
func TestCopiedOnce(t *testing.T) {
	q, l := newQueue(), wide()
	q.put([]span{{b: make([]byte, lagging), msgs: 1, memory: shared}}, nil, l, epoch)
	q.put([]span{{b: new(blocks).next(100, 200), msgs: 1}}, new(copier), l, epoch)
	before := &q.spans[1].b[0]
	if q.setBlocked(); &q.spans[1].b[0] != before {
		t.Error("copied again")
	}
}

// TestLongListIsNotKept: of a queue that was long nothing stays when it is empty.
func TestLongListIsNotKept(t *testing.T) {
	q, l, b := newQueue(), &Limits{Bytes: 1 << 30, Messages: -1}, new(blocks)
	q.setBlocked()
	for range 20 * keptSpans {
		q.put([]span{{b: b.next(10, 80), msgs: 1}}, new(copier), l, epoch)
	}
	drainBlocked(q, l)
	if n := cap(q.out) + cap(q.spans); n > 2*keptSpans {
		t.Errorf("an empty queue has room for %d spans", n)
	}
}

// BenchmarkFullSocket delivers faster than the client reads, so that the socket is
// full much of the time.
func BenchmarkFullSocket(b *testing.B) {
	for _, size := range []int{4 << 10, 32 << 10, 100 << 10} {
		b.Run(fmt.Sprintf("size=%dKB", size>>10), func(b *testing.B) { benchmarkFullSocket(b, size) })
	}
}

func benchmarkFullSocket(b *testing.B, size int) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	defer l.Close()
	client, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		b.Fatal(err)
	}
	defer client.Close()
	conn, err := l.Accept()
	if err != nil {
		b.Fatal(err)
	}
	raw, err := newRawIO(conn.(rawConn))
	if err != nil {
		b.Fatal(err)
	}
	s := Detached("r", "d")
	s.conn, s.rawIO = conn.(rawConn), raw
	s.server.config.Store(&Config{Limits: Limits{Bytes: 64 << 20, Messages: -1, Hold: time.Minute}})
	read := make(chan error, 1)
	go func() {
		_, err := io.Copy(io.Discard, struct{ io.Reader }{client})
		read <- err
	}()
	memory := new(blocks)
	b.SetBytes(int64(size))
	b.ReportAllocs()
	for b.Loop() {
		s.Deliver(memory.next(0, size), false)
		s.Commit(new(Turn), time.Now())
		s.Flush()
		if drained, _ := s.queue.hold(s.limits(), time.Now()); drained != nil {
			<-drained
		}
	}
	s.server.owner.Wait()
	conn.Close()
	<-read
}
