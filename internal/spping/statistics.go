package spping

import (
	"bytes"
	"fmt"
	"math"
	"slices"
	"time"
)

// maxSamples bounds the round trips that percentiles are taken from; of more than
// these the latest count.
const maxSamples = 1 << 20

// statistics are what is known of the round trips so far.
type statistics struct {
	sent, received uint64

	samples  []time.Duration // a ring once it is full
	next     int
	n        float64 // all samples, as are those below
	mean, m2 float64 // in milliseconds
	min, max time.Duration
}

func (s *statistics) add(d time.Duration) {
	if len(s.samples) < maxSamples {
		s.samples = append(s.samples, d)
	} else {
		s.samples[s.next] = d
		s.next = (s.next + 1) % maxSamples
	}
	if s.n == 0 || d < s.min {
		s.min = d
	}
	s.max = max(s.max, d)
	s.n++
	delta := milliseconds(d) - s.mean
	s.mean += delta / s.n
	s.m2 += delta * (milliseconds(d) - s.mean)
}

// percentiles in thousandths.
var percentiles = []int{0, 1, 5, 10, 50, 100, 250, 500, 750, 900, 950, 990, 995, 999, 1000}

// text is the report. It has the form of the original's; a percentile above the
// last sample is that sample, and more answers than pings are no loss.
func (s *statistics) text(group string) string {
	var b bytes.Buffer
	fmt.Fprintf(&b, "\n--- %s ping statistics ---\n", group)
	fmt.Fprintf(&b, "%d packets transmitted, %d packets received, %f%% packet loss\n", s.sent, s.received, s.loss())
	if len(s.samples) == 0 {
		return b.String()
	}
	fmt.Fprintf(&b, "round-trip percentiles (ms) (slightly biased outwards):\n")
	sorted := slices.Sorted(slices.Values(s.samples))
	sorted[0], sorted[len(sorted)-1] = s.min, s.max
	for _, p := range percentiles {
		name := fmt.Sprint(p / 10)
		if p%10 != 0 {
			name = fmt.Sprintf("%d.%d", p/10, p%10)
		}
		fmt.Fprintf(&b, "%4s: %9.3f\n", name, milliseconds(sorted[place(p, len(sorted))]))
	}
	fmt.Fprintf(&b, "round-trip mean/stddev = %.3f/%.3f ms\n", s.mean, s.deviation())
	return b.String()
}

// place is which of n sorted samples stands for a percentile: rounded down up to the
// middle, and up above it, but never past the end.
func place(thousandths, n int) int {
	i := thousandths * n / 1000
	if thousandths > 500 && thousandths*n%1000 != 0 {
		i++
	}
	return min(i, n-1)
}

func (s *statistics) loss() float64 {
	if s.sent == 0 || s.received >= s.sent {
		return 0
	}
	return 100 * float64(s.sent-s.received) / float64(s.sent)
}

func (s *statistics) deviation() float64 {
	if s.n < 2 {
		return 0
	}
	return math.Sqrt(s.m2 / (s.n - 1))
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
