package cluster

import (
	"testing"
	"time"

	"gospread/spread/internal/status"
)

func TestRates(t *testing.T) {
	at := time.Date(2026, 11, 25, 21, 0, 0, 0, time.UTC)
	a := &status.Summary{Time: at}
	a.Clients = status.Clients{MessagesIn: 100, BytesIn: 1000, MessagesOut: 7, BytesOut: 70, Held: 3}
	a.Ring = status.Ring{Messages: 50, Retransmissions: 5}
	a.Network.Dropped = map[string]uint64{"overflow": 1, "size": 2}
	a.Process.CPU = 1.5
	b := &status.Summary{Time: at.Add(2 * time.Second)}
	b.Clients = status.Clients{MessagesIn: 140, BytesIn: 3000, MessagesOut: 8, BytesOut: 90, Held: 5}
	b.Ring = status.Ring{Messages: 150, Retransmissions: 4} // gone back: not a rate
	b.Network.Dropped = map[string]uint64{"overflow": 4, "size": 2, "unreachable": 1}
	b.Process.CPU = 2
	want := Rates{
		Known: true, In: 20, BytesIn: 1000, Out: 0.5, BytesOut: 10, Held: 1,
		Delivered: 50, Dropped: 2, CPU: 0.25,
	}
	if got := between(a, b); got != want {
		t.Errorf("rates %+v, want %+v", got, want)
	}
	if got := between(nil, b); got.Known {
		t.Error("rates from one answer")
	}
	for _, later := range []time.Duration{0, -time.Second} {
		b.Time = at.Add(later)
		if got := between(a, b); got.Known {
			t.Errorf("rates over %v", later)
		}
	}
}

func TestDelay(t *testing.T) {
	buckets := func(counts ...uint64) []status.Bucket {
		var all []status.Bucket
		for i, n := range counts {
			all = append(all, status.Bucket{Le: 0.001 * float64(i+1), Count: n})
		}
		return all
	}
	for _, c := range []struct {
		name        string
		a, b        status.Histogram
		mean, worst time.Duration
	}{
		{"nothing", status.Histogram{Count: 5, Sum: 1}, status.Histogram{Count: 5, Sum: 1}, 0, 0},
		{"no buckets", status.Histogram{}, status.Histogram{Count: 4, Sum: 0.002, P99: 0.003}, 500 * time.Microsecond, 3 * time.Millisecond},
		{"the first bucket", status.Histogram{Buckets: buckets(0, 0)},
			status.Histogram{Count: 100, Sum: 0.05, Max: 1, Buckets: buckets(99, 100)}, 500 * time.Microsecond, time.Millisecond},
		{"the second bucket", status.Histogram{Buckets: buckets(0, 0)},
			status.Histogram{Count: 100, Sum: 0.05, Max: 1, Buckets: buckets(98, 100)}, 500 * time.Microsecond, 2 * time.Millisecond},
		{"beyond all buckets", status.Histogram{Buckets: buckets(0, 0)},
			status.Histogram{Count: 100, Sum: 50, Max: 2, Buckets: buckets(10, 20)}, 500 * time.Millisecond, 2 * time.Second},
		{"only what is new counts", status.Histogram{Count: 1000, Sum: 100, Buckets: buckets(0, 0)},
			status.Histogram{Count: 1010, Sum: 100.01, Max: 5, Buckets: buckets(10, 10)}, time.Millisecond, time.Millisecond},
		{"no more than was measured", status.Histogram{Buckets: buckets(0)},
			status.Histogram{Count: 10, Sum: 0.001, Max: 0.0002, Buckets: buckets(10)}, 100 * time.Microsecond, 200 * time.Microsecond},
	} {
		mean, worst := delay(&c.a, &c.b)
		if mean.Round(time.Microsecond) != c.mean || worst != c.worst {
			t.Errorf("%s: mean %v, worst %v", c.name, mean, worst)
		}
	}
}
