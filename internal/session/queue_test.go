package session

import (
	"bytes"
	"slices"
	"sync/atomic"
	"testing"
	"time"
)

func newQueue() *queue { return &queue{total: new(atomic.Int64)} }

func wide() *Limits { return &Limits{Bytes: 1 << 20, Messages: -1, Hold: time.Second} }

var epoch = time.Unix(1_000_000, 0)

// drainQueue takes everything as a writer would, in steps of n bytes.
func drainQueue(q *queue, l *Limits, n int) []byte {
	var got []byte
	buf := new([writeSize]byte)
	begun, _ := q.begin()
	for begun {
		b := q.next(buf)
		b = b[:min(n, len(b))]
		got = append(got, b...)
		begun = q.more(len(b), l)
	}
	return got
}

func TestSpansOfOneBufferGrowTogether(t *testing.T) {
	buf := []byte("aaabbbcccddd")
	spans := appendSpan(nil, span{buf[0:3], 1, inBlock, nil})
	spans = appendSpan(spans, span{buf[3:6], 1, inBlock, nil})
	spans = appendSpan(spans, span{buf[9:12], 1, inBlock, nil}) // a gap
	spans = appendSpan(spans, span{[]byte("xyz"), 1, inBlock, nil})
	if len(spans) != 3 || string(spans[0].b) != "aaabbb" || spans[0].msgs != 2 || string(spans[1].b) != "ddd" {
		t.Fatalf("spans %v", spans)
	}
}

func TestQueueGivesBackWhatWasPut(t *testing.T) {
	for _, step := range []int{1, 7, 1000, 1 << 20} {
		q := newQueue()
		var want []byte
		l := wide()
		for i := range 300 {
			m := bytes.Repeat([]byte{byte(i)}, 1+i*i%(20*min(step, 1000)))
			want = append(want, m...)
			if v := q.put([]span{{m, 1, inBlock, nil}}, new(copier), &Limits{Bytes: 1 << 30, Messages: -1}, epoch); v != Open {
				t.Fatal(v)
			}
		}
		if got := drainQueue(q, l, step); !bytes.Equal(got, want) {
			t.Fatalf("step %d: %d bytes came out, not the %d put in", step, len(got), len(want))
		}
		if m, b := q.depth(); m != 0 || b != 0 {
			t.Fatalf("%d messages, %d bytes left", m, b)
		}
		if _, empty := q.begin(); !empty {
			t.Fatal("the drained queue is not empty")
		}
	}
}

// TestLaggingQueueOwnsSmallMessages: a queue that lags must not keep whole
// input buffers alive for the sake of small messages in them.
func TestLaggingQueueOwnsSmallMessages(t *testing.T) {
	q := newQueue()
	l := &Limits{Bytes: 64 << 20, Messages: -1}
	q.put([]span{{make([]byte, lagging), 1, inBlock, nil}}, new(copier), l, epoch)
	big := make([]byte, 1<<20)
	m := big[1000:1180]
	q.put([]span{{m, 1, inBlock, nil}}, new(copier), l, epoch)
	last := q.spans[len(q.spans)-1].b
	if &last[0] == &m[0] || cap(last) > 2*len(m) {
		t.Fatal("a small message of a lagging queue still shares its buffer")
	}
}

// TestLaggingQueuesShareCopies: what many lagging clients get is copied once.
func TestLaggingQueuesShareCopies(t *testing.T) {
	var total atomic.Int64
	var c copier
	l := &Limits{Bytes: 64 << 20, Messages: -1}
	m := make([]byte, 1<<20)[:180]
	var kept []byte
	for i := range 3 {
		q := &queue{total: &total}
		q.put([]span{{make([]byte, lagging), 1, shared, nil}}, &c, l, epoch)
		q.put([]span{{m, 1, inBlock, nil}}, &c, l, epoch)
		last := q.spans[len(q.spans)-1].b
		if i > 0 && &last[0] != &kept[0] {
			t.Fatal("a second copy")
		}
		kept = last
	}
	if n := total.Load(); n != 180 {
		t.Errorf("%d bytes are counted", n)
	}
}

// TestSharedNoticesAreNotCopied, however far behind the queue is.
func TestSharedNoticesAreNotCopied(t *testing.T) {
	q := newQueue()
	l := &Limits{Bytes: 64 << 20, Messages: -1}
	q.put([]span{{make([]byte, lagging), 1, inBlock, nil}}, new(copier), l, epoch)
	m := make([]byte, 200)
	q.put([]span{{m, 1, shared, nil}}, new(copier), l, epoch)
	if last := q.spans[len(q.spans)-1].b; &last[0] != &m[0] {
		t.Error("copied")
	}
	if got := q.total.Load(); got != lagging {
		t.Errorf("%d bytes counted as the queue's own", got)
	}
}

// TestAllQueuesTogetherAreBounded: when together they hold too much, the long
// ones are slow, and the short ones are not; ends give back what they held.
func TestAllQueuesTogetherAreBounded(t *testing.T) {
	var total atomic.Int64
	l := &Limits{Bytes: 1 << 20, Messages: -1, Hold: time.Second}
	put := func(q *queue, n int) Reason {
		v := q.put([]span{{make([]byte, n), 1, inBlock, nil}}, new(copier), l, epoch)
		q.begin() // the writer has it, and the socket is full
		q.setBlocked()
		return v
	}
	queues := make([]*queue, totalFactor)
	for i := range queues {
		queues[i] = &queue{total: &total}
		if v := put(queues[i], l.Bytes); v != Open {
			t.Fatalf("queue %d: %v", i, v)
		}
	}
	short := &queue{total: &total}
	if v := put(short, l.Bytes/scarceShare); v != Open {
		t.Fatalf("a short queue: %v", v)
	}
	if v := put(queues[0], 1); v != QueueTotal {
		t.Fatalf("a long queue: %v", v)
	}
	queues[0].close()
	queues[0].close()
	if v := put(queues[1], 1); v != Open {
		t.Fatalf("after one has ended: %v", v)
	}
	buf := new([writeSize]byte)
	for _, q := range append(queues[2:], short) {
		for q.more(len(q.next(buf)), l) {
		}
	}
	queues[1].close()
	queues[1].more(10, l)
	if n := total.Load(); n != 0 {
		t.Fatalf("%d bytes are counted when nothing waits", n)
	}
}

func TestQueueEndsAboveItsBytes(t *testing.T) {
	q := newQueue()
	l := wide()
	put := func(n int, after time.Duration) Reason {
		return q.put([]span{{make([]byte, n), 1, shared, nil}}, nil, l, epoch.Add(after))
	}
	if v := put(3*l.Bytes, 0); v != Open {
		t.Fatalf("before a write was tried: %v", v)
	}
	q.begin()
	q.more(2*l.Bytes, l)
	q.setBlocked()
	q.moved = epoch // the clock of more is not the test's
	if v := put(0, 0); v != Open {
		t.Fatalf("at the limit: %v", v)
	}
	if v := put(1, l.Hold-1); v != Open {
		t.Fatalf("above the limit, within the hold: %v", v)
	}
	if v := put(0, l.Hold); v != QueueBytes {
		t.Fatalf("above the limit, after the hold: %v", v)
	}
	if v := put((hardFactor-1)*l.Bytes, 0); v != QueueBytes {
		t.Fatalf("above the hard limit: %v", v)
	}
}

// TestKernelShowsProgress: what a client takes out of the kernel's buffer counts,
// although no write shows it.
func TestKernelShowsProgress(t *testing.T) {
	q := newQueue()
	l := wide()
	inKernel := 1000
	q.unsent = func() int { return inKernel }
	q.put([]span{{make([]byte, l.high(0)+1), 1, shared, nil}}, nil, l, epoch)
	inKernel = 900
	if ch, left := q.hold(l, epoch.Add(l.Hold)); ch == nil || left != l.Hold {
		t.Fatalf("a client that took something: held for %v", left)
	}
	if ch, _ := q.hold(l, epoch.Add(2*l.Hold)); ch != nil {
		t.Fatal("a client that took nothing more is still waited for")
	}
}

// TestMovingReceiversAreHeldLonger, but not for ever.
func TestMovingReceiversAreHeldLonger(t *testing.T) {
	q := newQueue()
	l := wide()
	q.put([]span{{make([]byte, l.high(0)+1), 1, shared, nil}}, nil, l, epoch)
	for i := range movingFactor {
		at := epoch.Add(time.Duration(i) * l.Hold)
		q.moved = at
		if ch, left := q.hold(l, at); ch == nil || left != l.Hold {
			t.Fatalf("after %v: held for %v", at.Sub(epoch), left)
		}
	}
	q.moved = epoch.Add(movingFactor * l.Hold)
	if ch, _ := q.hold(l, q.moved); ch != nil {
		t.Fatal("held for ever")
	}
}

// TestMessagesCutOnlyAfterTheHold: a limit of messages binds only against a full
// socket, and only after senders were held back.
func TestMessagesCutOnlyAfterTheHold(t *testing.T) {
	q := newQueue()
	l := &Limits{Bytes: 1 << 20, Messages: 2, Hold: time.Second}
	one := []span{{[]byte("m"), 1, inBlock, nil}}
	put := func(after time.Duration) Reason { return q.put(slices.Clone(one), new(copier), l, epoch.Add(after)) }
	for range 5 {
		if v := put(0); v != Open {
			t.Fatalf("while the socket takes everything: %v", v)
		}
	}
	if begun, _ := q.begin(); !begun {
		t.Fatal("nothing to write")
	}
	q.setBlocked()
	if v := put(999 * time.Millisecond); v != Open {
		t.Fatalf("within the hold: %v", v)
	}
	if ch, left := q.hold(l, epoch.Add(400*time.Millisecond)); ch == nil || left != 600*time.Millisecond {
		t.Fatalf("senders are held for %v", left)
	}
	if ch, _ := q.hold(l, epoch.Add(time.Second)); ch != nil {
		t.Fatal("senders are held for longer than the hold")
	}
	if v := put(time.Second); v != QueueMessages {
		t.Fatalf("after the hold: %v", v)
	}
}

func TestDrainingReleasesSenders(t *testing.T) {
	q := newQueue()
	l := wide()
	q.put([]span{{make([]byte, l.high(0)+1), 1, inBlock, nil}}, new(copier), l, epoch)
	drained, left := q.hold(l, epoch)
	if drained == nil || left != l.Hold {
		t.Fatalf("a queue above the high mark does not hold senders (%v)", left)
	}
	q.begin()
	q.more(l.high(0)-l.low(), l)
	select {
	case <-drained:
		t.Fatal("released above the low mark")
	default:
	}
	q.more(1, l)
	select {
	case <-drained:
	default:
		t.Fatal("not released at the low mark")
	}
	if ch, _ := q.hold(l, epoch); ch != nil {
		t.Fatal("still congested")
	}
}

func TestClosingReleasesSenders(t *testing.T) {
	q := newQueue()
	l := wide()
	q.put([]span{{make([]byte, l.high(0)+1), 1, inBlock, nil}}, new(copier), l, epoch)
	drained, _ := q.hold(l, epoch)
	q.close()
	select {
	case <-drained:
	default:
		t.Fatal("senders wait for a queue that has ended")
	}
	if v := q.put([]span{{[]byte("m"), 1, inBlock, nil}}, new(copier), l, epoch); v != Open || len(q.spans) != 0 {
		t.Fatal("a closed queue takes messages")
	}
}

func BenchmarkDeliverSmall(b *testing.B) {
	l := wide()
	buf := make([]byte, 180*90)
	q := newQueue()
	out := new([writeSize]byte)
	b.ReportAllocs()
	var spans []span
	for b.Loop() {
		spans = spans[:0]
		for i := range 90 {
			spans = appendSpan(spans, span{buf[180*i : 180*i+180], 1, inBlock, nil})
		}
		q.put(spans, nil, l, epoch)
		if ok, _ := q.begin(); ok {
			q.more(len(q.next(out)), l)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/90, "ns/msg")
}
