package stats

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// Each value is in the bucket that its bounds say, at the bounds themselves too.
func TestBuckets(t *testing.T) {
	for _, s := range []*Scale{Latency, Bytes} {
		if len(s.bounds) > maxBuckets || !slices.IsSorted(s.bounds) {
			t.Fatalf("%d bounds: %v", len(s.bounds), s.bounds)
		}
		values := []int64{-1, 0, 1, math.MaxInt64}
		for _, b := range s.bounds {
			values = append(values, b-1, b, b+1)
		}
		for range 10000 {
			values = append(values, rand.Int64N(1<<rand.IntN(63)))
		}
		for _, v := range values {
			h := Of(s)
			h.Record(v)
			want, _ := slices.BinarySearch(s.bounds, max(v, 0))
			if h.Counts[want] != 1 || h.Count != 1 || h.Max != max(v, 0) {
				t.Fatalf("%d: want bucket %d in %+v", v, want, h)
			}
		}
	}
}

func TestQuantile(t *testing.T) {
	h := Of(Latency)
	if h.Quantile(0.5) != 0 {
		t.Error("a quantile of nothing")
	}
	var all []float64
	for range 100000 {
		d := time.Duration(rand.ExpFloat64() * float64(time.Millisecond))
		h.Record(int64(d))
		all = append(all, float64(d))
	}
	slices.Sort(all)
	for _, q := range []float64{0, 0.5, 0.9, 0.99, 0.999, 1} {
		want := all[min(int(q*float64(len(all))), len(all)-1)]
		if got := h.Quantile(q); math.Abs(got-want) > 0.25*want+10000 {
			t.Errorf("quantile %v: %v, exactly %v", q, got, want)
		}
	}
	one := Of(Latency)
	one.Record(int64(12 * time.Second))
	if got := one.Quantile(0.99); got != 12e9 {
		t.Errorf("beyond the last bound: %v", got)
	}
}

// A copy stays as it is; one without a scale counts nothing.
func TestCopies(t *testing.T) {
	h := Of(Bytes)
	h.Record(5)
	c := h
	h.Record(0)
	zero := Of(Bytes)
	zero.RecordZero()
	if same := Of(Bytes); zero.Count != 1 {
		t.Error("a zero is not counted")
	} else if same.Record(0); same != zero {
		t.Error("RecordZero is not Record(0)")
	}
	if c.Count != 1 || h.Count != 2 {
		t.Error("a copy follows its origin")
	}
	var none Histogram
	none.Record(1)
	if none != (Histogram{}) || none.Quantile(0.5) != 0 {
		t.Error("a histogram without a scale counts")
	}
}

func BenchmarkRecord(b *testing.B) {
	h := Of(Latency)
	for i := range b.N {
		h.Record(int64(i&1023) * 3000)
	}
}
