// Package hist counts durations in a histogram of fixed size, exact to 1.6 %.
package hist

import (
	"iter"
	"math"
	"math/bits"
	"time"
)

const (
	subBits = 6
	sub     = 1 << subBits // buckets for each power of two
	buckets = (64 - subBits) * sub
)

// Histogram counts durations. Its zero value is ready to use. It must not be used
// by several goroutines at once; each can have one, and Add them up.
type Histogram struct {
	counts   [buckets]uint64
	n        uint64
	sum      float64
	min, max time.Duration
}

// index is the bucket of a duration. Up to 2*sub ns each has one of its own.
func index(d time.Duration) int {
	v := uint64(d)
	if v < sub {
		return int(v)
	}
	shift := bits.Len64(v) - subBits - 1
	return shift*sub + int(v>>shift)
}

// low is the smallest duration in a bucket.
func low(i int) time.Duration {
	if i < sub {
		return time.Duration(i)
	}
	shift := i/sub - 1
	return time.Duration(i-shift*sub) << shift
}

// Record counts a duration; a negative one counts as 0.
func (h *Histogram) Record(d time.Duration) {
	d = max(d, 0)
	h.counts[index(d)]++
	h.sum += float64(d)
	if h.n == 0 || d < h.min {
		h.min = d
	}
	h.max = max(h.max, d)
	h.n++
}

// Add adds what another histogram has counted.
func (h *Histogram) Add(o *Histogram) {
	if o.n == 0 {
		return
	}
	for i, c := range o.counts {
		h.counts[i] += c
	}
	if h.n == 0 || o.min < h.min {
		h.min = o.min
	}
	h.max = max(h.max, o.max)
	h.sum += o.sum
	h.n += o.n
}

// Count returns how many durations were recorded.
func (h *Histogram) Count() uint64 { return h.n }

// Min returns the shortest duration, 0 if there is none.
func (h *Histogram) Min() time.Duration { return h.min }

// Max returns the longest duration, 0 if there is none.
func (h *Histogram) Max() time.Duration { return h.max }

// Mean returns the average, 0 if nothing was recorded.
func (h *Histogram) Mean() time.Duration {
	if h.n == 0 {
		return 0
	}
	return time.Duration(h.sum / float64(h.n))
}

// Quantile returns a duration that the share q of all, from 0 to 1, do not
// exceed: the upper end of its bucket, within Min and Max. It is 0 if nothing was
// recorded.
func (h *Histogram) Quantile(q float64) time.Duration {
	rank := max(uint64(math.Ceil(q*float64(h.n))), 1)
	var seen uint64
	for i, c := range h.counts {
		if seen += c; seen >= rank {
			return min(max(high(i), h.min), h.max)
		}
	}
	return h.max
}

// high is the longest duration in a bucket.
func high(i int) time.Duration {
	if i == buckets-1 {
		return math.MaxInt64
	}
	return low(i+1) - 1
}

// Powers yields, for each power of two in nanoseconds from the shortest to the
// longest duration, that power and how many durations were shorter than it and
// not shorter than the power before.
func (h *Histogram) Powers() iter.Seq2[time.Duration, uint64] {
	return func(yield func(time.Duration, uint64) bool) {
		if h.n == 0 {
			return
		}
		for p := bits.Len64(uint64(h.min)); p <= bits.Len64(uint64(h.max)); p++ {
			var c uint64
			from, to := span(p)
			for i := from; i < to; i++ {
				c += h.counts[i]
			}
			if !yield(time.Duration(min(uint64(1)<<p, math.MaxInt64)), c) {
				return
			}
		}
	}
}

// span is the range of buckets of the durations with p significant bits.
func span(p int) (from, to int) {
	if p == 0 {
		return 0, 1
	}
	lowest := time.Duration(1) << (p - 1)
	from = index(lowest)
	return from, index(lowest+(lowest-1)) + 1
}
