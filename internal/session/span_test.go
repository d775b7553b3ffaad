package session

import (
	"bytes"
	"math/rand/v2"
	"testing"
)

// piece is a long message with bytes of its own.
type piece struct {
	b    []byte
	cost int
}

func (p *piece) Size() int                     { return len(p.b) }
func (p *piece) Cost() int                     { return p.cost }
func (p *piece) CopyAt(buf []byte, at int) int { return copy(buf, p.b[at:]) }

func longSpan(b []byte, cost int) span { return span{nil, 1, shared, &piece{b, cost}} }

func putAll(q *queue, l *Limits, s ...span) { q.put(s, new(copier), l, epoch) }

func expectDepth(t *testing.T, q *queue, m, b int) {
	t.Helper()
	if msgs, bytes := q.depth(); msgs != m || bytes != b {
		t.Fatalf("%d messages and %d bytes wait, must be %d and %d", msgs, bytes, m, b)
	}
}

// noise is n bytes, others for each seed.
func noise(seed uint64, n int) []byte {
	b := make([]byte, n)
	r := rand.New(rand.NewPCG(seed, 0))
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return b
}

// TestLongAmongOthers: whatever is written at a time, the bytes come in order, and
// nothing is left in the accounts.
func TestLongAmongOthers(t *testing.T) {
	l := &Limits{Bytes: 1 << 30, Messages: -1}
	for seed := range uint64(60) {
		r := rand.New(rand.NewPCG(seed, 1))
		steps := []int{1, 7, 100, 1000, 40000, writeSize, 1 << 20}
		step := steps[int(seed)%len(steps)]
		q := newQueue()
		var want []byte
		cost, msgs := 0, 0
		for len(want) < min(200*step, 1<<19) {
			b := noise(r.Uint64(), 1+r.IntN(1<<r.IntN(18)))
			want = append(want, b...)
			if msgs++; r.IntN(2) == 0 {
				putAll(q, l, longSpan(b, 5))
				cost += 5
			} else {
				putAll(q, l, span{b, 1, memory(2 * r.IntN(2)), nil})
				cost += len(b)
			}
		}
		expectDepth(t, q, msgs, cost)
		if got := drainQueue(q, l, step); !bytes.Equal(got, want) {
			t.Fatalf("seed %d, step %d: %d bytes came out, not the %d put in", seed, step, len(got), len(want))
		}
		expectDepth(t, q, 0, 0)
		if n := q.total.Load(); n != 0 {
			t.Fatalf("seed %d: %d bytes are counted when nothing waits", seed, n)
		}
	}
}

// TestLongCountsUntilWritten: wherever a write ends, what is left comes next, and
// the cost counts until the last byte.
func TestLongCountsUntilWritten(t *testing.T) {
	const before, size, cost = 10, 100, 30
	l := wide()
	want := noise(1, before+size)
	for cut := 1; cut < len(want); cut++ {
		q := newQueue()
		putAll(q, l, span{want[:before], 1, shared, nil}, longSpan(want[before:], cost))
		expectDepth(t, q, 2, before+cost)
		q.begin()
		got := bytes.Clone(q.next(new([writeSize]byte))[:cut])
		q.more(cut, l)
		if cut < before {
			expectDepth(t, q, 2, before-cut+cost)
		} else {
			expectDepth(t, q, 1, cost)
		}
		got = append(got, q.next(new([writeSize]byte))...)
		if !bytes.Equal(got, want) {
			t.Fatalf("cut at %d: %x, not %x", cut, got, want)
		}
		if q.more(len(want)-cut, l) {
			t.Fatal("there is more to write than was put in")
		}
		expectDepth(t, q, 0, 0)
	}
}

// TestLongCountsByCost: a queue that has far more to write than its limit in bytes
// is neither congested nor cut off for it; one whose cost is above the limits is.
func TestLongCountsByCost(t *testing.T) {
	l := wide()
	q := newQueue()
	big := make([]byte, l.Bytes)
	q.put([]span{longSpan(big, 1)}, nil, l, epoch)
	q.begin()
	q.setBlocked()
	for range 10 * hardFactor {
		if v := q.put([]span{longSpan(big, 1)}, nil, l, epoch); v != Open || q.slow.Load() {
			t.Fatalf("%v, congested: %v", v, q.slow.Load())
		}
	}
	if v := q.put([]span{longSpan(big[:1], hardFactor*l.Bytes)}, nil, l, epoch); v != QueueBytes {
		t.Errorf("above the hard limit by cost: %v", v)
	}
}

// TestCloseAmidLong: an end in the middle of a long message leaves nothing counted
// and nothing to write.
func TestCloseAmidLong(t *testing.T) {
	l := wide()
	q := newQueue()
	own := make([]byte, 1000)
	putAll(q, l, longSpan(make([]byte, 100), 10), span{own, 1, inBlock, nil})
	q.begin()
	q.more(50, l)
	putAll(q, l, longSpan(make([]byte, 100), 10))
	q.close()
	if q.more(20, l) {
		t.Error("a closed queue has more to write")
	}
	if n := q.total.Load(); n != 0 {
		t.Errorf("%d bytes are counted after the end", n)
	}
	if q.spans != nil {
		t.Error("messages are kept after the end")
	}
}
