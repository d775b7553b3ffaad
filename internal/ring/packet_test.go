package ring

import (
	"math/rand/v2"
	"testing"
	"time"
)

func TestStore(t *testing.T) {
	s, l := newStore(), new(pool)
	held := make(map[uint64]*packet)
	rng := rand.New(rand.NewPCG(1, 2))
	high := uint64(1)
	for range 20000 {
		switch seq := s.low + uint64(rng.IntN(maxWindow)); {
		case rng.IntN(10) > 0:
			if rng.IntN(2) > 0 {
				seq = s.low + uint64(rng.IntN(300))
			}
			if s.get(seq) != nil {
				continue
			}
			held[seq] = &packet{seq: seq}
			s.put(held[seq])
			high = max(high, seq)
		case rng.IntN(4) == 0:
			s.free(s.low+uint64(rng.IntN(400)), l)
			for seq := range held {
				if seq < s.low {
					delete(held, seq)
				}
			}
		default:
			for _, seq := range []uint64{seq, s.low, s.low - 1, high, high + 1, seq + uint64(len(s.slots))} {
				if got := s.get(seq); got != held[seq] {
					t.Fatalf("%d is %v, not %v; from %d on", seq, got, held[seq], s.low)
				}
			}
		}
	}
	if len(s.slots) > maxWindow {
		t.Errorf("%d slots", len(s.slots))
	}
	s.free(high+1, l)
	for i, p := range s.slots {
		if p != nil {
			t.Errorf("slot %d still holds %d", i, p.seq)
		}
	}
}

// A packet that was put back is not used again within the same turn: it may be on
// its way out.
func TestPoolWaitsForTurn(t *testing.T) {
	l := new(pool)
	p := l.get(100)
	l.put(p)
	if q := l.get(100); q == p {
		t.Fatal("it is used at once")
	}
	l.turn()
	q := l.get(50)
	if q != p || len(q.data) != 50 {
		t.Errorf("it is not used again: %v", q)
	}
	if q.seq = 9; true {
		l.put(q)
		l.turn()
	}
	if q = l.get(100); q.seq != 0 {
		t.Error("it remembers")
	}
	l.put(q)
	l.turn()
	if q = l.get(1000); len(q.data) != 1000 {
		t.Error("it is too small")
	}
	const each = 64 << 10
	for range 3 * mostPooled / each {
		l.put(&packet{data: make([]byte, each)})
		l.turn()
	}
	total := 0
	for _, p := range l.free {
		total += cap(p.data)
	}
	if total > mostPooled+each {
		t.Errorf("%d bytes are kept", total)
	}
}

func TestEstimate(t *testing.T) {
	var e estimate
	e.add(10 * time.Millisecond)
	if e.bound() != 30*time.Millisecond {
		t.Errorf("after one: %v", e.bound())
	}
	for range 100 {
		e.add(2 * time.Millisecond)
	}
	if b := e.bound(); b < 2*time.Millisecond || b > 3*time.Millisecond {
		t.Errorf("after many: %v", b)
	}
	for i := range 200 {
		e.add(time.Duration(1+2*(i%2)) * time.Millisecond)
	}
	if b := e.bound(); b < 3*time.Millisecond || b > 8*time.Millisecond {
		t.Errorf("when it varies: %v", b)
	}
}
