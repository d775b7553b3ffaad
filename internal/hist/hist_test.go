package hist

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// Each bucket begins where the one before ends, and index finds it again.
func TestBuckets(t *testing.T) {
	for i := range buckets {
		if low(i) < 0 {
			break // beyond the longest duration
		}
		if got := index(low(i)); got != i {
			t.Fatalf("index(low(%d)) = %d", i, got)
		}
		if h := high(i); h > 0 && index(h) != i {
			t.Fatalf("index(high(%d)) = %d", i, index(h))
		}
	}
	if i := index(math.MaxInt64); i >= buckets {
		t.Errorf("the longest duration has bucket %d of %d", i, buckets)
	}
}

func TestQuantilesAgainstSorting(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	var h, a, b Histogram
	var all []time.Duration
	for i := range 10_000 {
		d := time.Duration(math.Exp(r.Float64() * 30))
		all = append(all, d)
		h.Record(d)
		if i%3 == 0 {
			a.Record(d)
		} else {
			b.Record(d)
		}
	}
	a.Add(&b)
	a.Add(&Histogram{})
	slices.Sort(all)
	for _, q := range []float64{0, 0.001, 0.1, 0.5, 0.9, 0.99, 0.999, 1} {
		want := all[max(int(math.Ceil(q*float64(len(all)))), 1)-1]
		got := h.Quantile(q)
		if got < want || float64(got) > float64(want)*1.016+1 {
			t.Errorf("quantile %g is %d, want %d to 1.6%% more", q, got, want)
		}
		if got != a.Quantile(q) {
			t.Errorf("quantile %g of the parts added is %d, of the whole %d", q, a.Quantile(q), got)
		}
	}
	if h.Min() != all[0] || h.Max() != all[len(all)-1] || h.Count() != 10_000 || a.Mean() != h.Mean() {
		t.Errorf("min %d max %d count %d mean %d, of the parts %d", h.Min(), h.Max(), h.Count(), h.Mean(), a.Mean())
	}
	var total uint64
	for limit, n := range h.Powers() {
		below, _ := slices.BinarySearch(all, limit)
		if total += n; total != uint64(below) {
			t.Errorf("%d below %d, want %d", total, limit, below)
		}
	}
	if total != h.Count() {
		t.Errorf("the powers hold %d of %d", total, h.Count())
	}
}

func TestEdges(t *testing.T) {
	var h Histogram
	if h.Quantile(0.5) != 0 || h.Mean() != 0 {
		t.Error("an empty histogram has values")
	}
	for range h.Powers() {
		t.Error("an empty histogram has powers")
	}
	h.Record(-5)
	if h.Min() != 0 || h.Max() != 0 || h.Quantile(1) != 0 {
		t.Errorf("a negative duration gives %d to %d", h.Min(), h.Max())
	}
	h.Record(math.MaxInt64)
	if got := h.Quantile(1); got != math.MaxInt64 {
		t.Errorf("the longest duration reads back as %d", got)
	}
	var total uint64
	for _, n := range h.Powers() {
		total += n
	}
	if total != 2 {
		t.Errorf("the powers hold %d of 2", total)
	}
}

func BenchmarkRecord(b *testing.B) {
	var h Histogram
	for i := range b.N {
		h.Record(time.Duration(i * 37 % 1_000_000))
	}
}
