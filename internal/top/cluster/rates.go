package cluster

import (
	"time"

	"gospread/spread/internal/status"
)

// Rates are what happened between the last two answers of a daemon. Those without
// another unit are per second.
type Rates struct {
	// Known is false after a single answer, a restart, or a miss; all else is 0 then.
	Known bool
	// In came from clients, Out went to them: messages and bytes.
	In, Out, BytesIn, BytesOut float64
	// Delivered are messages in the order, Retransmitted packets sent once more.
	Delivered, Retransmitted float64
	// Dropped are datagrams between daemons, Held senders held back.
	Dropped, Held float64
	// CPU is the part of one processor in use.
	CPU float64
	// Token is the mean time of a rotation, TokenWorst what 99 % took at most, and
	// Delivery the same of deliveries; 0 if there were none.
	Token, TokenWorst, Delivery, DeliveryWorst time.Duration
}

// between computes the rates from two answers of the same process. Without a first
// one, or if no time has passed, they are not known.
func between(a, b *status.Summary) Rates {
	if a == nil {
		return Rates{}
	}
	dt := b.Time.Sub(a.Time).Seconds()
	if dt <= 0 {
		return Rates{}
	}
	per := func(x, y uint64) float64 { return float64(grown(x, y)) / dt }
	r := Rates{
		Known:         true,
		In:            per(a.Clients.MessagesIn, b.Clients.MessagesIn),
		Out:           per(a.Clients.MessagesOut, b.Clients.MessagesOut),
		BytesIn:       per(a.Clients.BytesIn, b.Clients.BytesIn),
		BytesOut:      per(a.Clients.BytesOut, b.Clients.BytesOut),
		Delivered:     per(a.Ring.Messages, b.Ring.Messages),
		Retransmitted: per(a.Ring.Retransmissions, b.Ring.Retransmissions),
		Dropped:       per(sum(a.Network.Dropped), sum(b.Network.Dropped)),
		Held:          per(a.Clients.Held, b.Clients.Held),
		CPU:           max(0, b.Process.CPU-a.Process.CPU) / dt,
	}
	r.Token, r.TokenWorst = delay(&a.Ring.TokenRotation, &b.Ring.TokenRotation)
	r.Delivery, r.DeliveryWorst = delay(&a.Ring.Delivery, &b.Ring.Delivery)
	return r
}

func grown(a, b uint64) uint64 {
	if b < a {
		return 0
	}
	return b - a
}

func sum(counts map[string]uint64) (n uint64) {
	for _, c := range counts {
		n += c
	}
	return n
}

// delay is the mean of the durations that b has and a has not, and the bound below
// which 99 % of them are. Without buckets that say so it is that of all in b.
func delay(a, b *status.Histogram) (mean, worst time.Duration) {
	n := grown(a.Count, b.Count)
	if n == 0 {
		return 0, 0
	}
	mean = seconds(max(0, b.Sum-a.Sum) / float64(n))
	if len(b.Buckets) == 0 || len(a.Buckets) != len(b.Buckets) {
		return mean, seconds(b.P99)
	}
	for i, bucket := range b.Buckets {
		if inside := grown(a.Buckets[i].Count, bucket.Count); inside*100 >= n*99 {
			return mean, seconds(min(bucket.Le, b.Max))
		}
	}
	return mean, seconds(b.Max)
}

// seconds bounds what it converts: answers may hold any number.
func seconds(s float64) time.Duration {
	const most = 1e9 // seconds
	if !(s > 0) {
		return 0
	}
	return time.Duration(min(s, most) * float64(time.Second))
}
