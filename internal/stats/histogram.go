// Package stats counts what is shown to operators: histograms of fixed size, which
// cost next to nothing to fill and are copied to be read.
package stats

import (
	"math/bits"
	"time"
)

// Scale is the bounds of the buckets of a histogram. It does not change.
type Scale struct {
	bounds []int64 // ascending
	first  [65]uint8
	// first is, by the number of bits of a value, the first bucket that may hold it.
}

// Latency is for durations in nanoseconds: from 10 µs to 10 s, six buckets to
// a factor of ten.
var Latency = newScale(decades(int64(10*time.Microsecond), int64(10*time.Second)))

// Bytes is for sizes: from 1 KiB to 1 GiB, each four times the one before.
var Bytes = newScale(powers(1<<10, 1<<30, 4))

// maxBuckets is how many bounds a scale may have.
const maxBuckets = 40

func decades(from, to int64) (bounds []int64) {
	for unit := from; unit < to; unit *= 10 {
		for _, tenths := range []int64{10, 15, 20, 30, 50, 70} {
			bounds = append(bounds, unit*tenths/10)
		}
	}
	return append(bounds, to)
}

func powers(from, to, factor int64) (bounds []int64) {
	for b := from; b <= to; b *= factor {
		bounds = append(bounds, b)
	}
	return bounds
}

func newScale(bounds []int64) *Scale {
	s := &Scale{bounds: bounds}
	for n := 1; n < len(s.first); n++ {
		lowest := int64(1) << min(n-1, 62)
		for int(s.first[n]) < len(bounds) && bounds[s.first[n]] < lowest {
			s.first[n]++
		}
	}
	return s
}

// Bounds are the upper bounds of the buckets, ascending; not to be changed.
func (s *Scale) Bounds() []int64 { return s.bounds }

// Histogram counts values. One without a Scale counts nothing. It is a plain value: a
// copy of it stays as it is, and it is not safe for concurrent use.
type Histogram struct {
	Scale *Scale
	// Counts has how many values were above the bound before and at most this one;
	// the place behind the last bound has those above all.
	Counts [maxBuckets + 1]uint64
	Count  uint64
	Sum    float64
	Max    int64
}

// Of makes a histogram with these bounds.
func Of(s *Scale) Histogram { return Histogram{Scale: s} }

// Record counts a value; a negative one counts as 0.
func (h *Histogram) Record(v int64) {
	if h.Scale == nil {
		return
	}
	v = max(v, 0)
	bounds := h.Scale.bounds
	i := int(h.Scale.first[bits.Len64(uint64(v))])
	for i < len(bounds) && v > bounds[i] {
		i++
	}
	h.Counts[i]++
	h.Count++
	h.Sum += float64(v)
	h.Max = max(h.Max, v)
}

// RecordZero is Record(0), for where that is nearly all there is.
func (h *Histogram) RecordZero() {
	h.Counts[0]++
	h.Count++
}

// Quantile estimates a value that the share q of all, from 0 to 1, do not exceed: it
// is within the bucket that has it. It is 0 if nothing was recorded.
func (h *Histogram) Quantile(q float64) float64 {
	if h.Count == 0 {
		return 0
	}
	rank := q * float64(h.Count)
	var seen, low float64
	for i, bound := range h.Scale.bounds {
		n := float64(h.Counts[i])
		high := min(float64(bound), float64(h.Max))
		if n > 0 && seen+n >= rank {
			return low + (high-low)*max(rank-seen, 0)/n
		}
		seen += n
		low = float64(bound)
	}
	return float64(h.Max)
}
