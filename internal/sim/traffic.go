package sim

import (
	"math/rand/v2"
	"time"
)

// Traffic is what clients do.
type Traffic struct {
	Clients int           // at each daemon
	Groups  int           // that they know
	Every   time.Duration // mean time between actions of a client; 0: no traffic
	Burst   int           // most messages in one action
	Large   float64       // share of messages above 1,400 bytes, up to 100,000
	Safe    float64       // share of SAFE messages; the rest is mixed
	Churn   float64       // share of joins, leaves, connects and disconnects
	Slow    float64       // share of clients that read late
	Pauses  bool          // there are times without any traffic
	// Most is how many bytes may be sent in all, a quarter of them at once; 0: no
	// limit.
	Most int
}

func chooseTraffic(r *rand.Rand, p *Plan) Traffic {
	t := Traffic{
		Clients: 1 + r.IntN(3),
		Groups:  1 + r.IntN(4),
		Burst:   pick(r, 1, 1, 3, 20),
		Large:   pick(r, 0, 0.02, 0.1),
		Safe:    pick(r, 0.1, 0.3, 0.9),
		Churn:   pick(r, 0.01, 0.1, 0.4),
		Slow:    pick(r, 0, 0.3),
		Pauses:  r.IntN(2) == 0,
	}
	// Messages a second of all clients, on average.
	rate := pick(r, 3.0, 10, 30, 60, 200)
	each := rate / float64(p.Daemons*t.Clients) / (float64(1+t.Burst) / 2)
	t.Every = time.Duration(float64(time.Second) / each)
	return t
}

// heavy makes bursts of it, larger than what may be under way.
func (t *Traffic) heavy(r *rand.Rand, p *Plan) {
	t.Burst = pick(r, 100, 400)
	t.Large = pick(r, 0.05, 0.5)
	t.Every = pick(r, 50*time.Millisecond, 200*time.Millisecond, time.Second)
	t.Most = pick(r, 1, 4, 16) << 20
}

// bounded is the length of one of the longest messages, which alone must not take longer
// than all may.
func (t *Traffic) bounded(n int) int {
	if t.Most == 0 {
		return n
	}
	return min(n, t.Most)
}

// load is how much clients have sent lately.
type load struct {
	level float64 // bytes, as those in a leaking bucket
	at    time.Duration
}

// mostMessages is how many messages a run has at most: the counter in their headers,
// by which the shortest are told apart, must not come round.
const mostMessages = 60_000

// room tells whether the plan lets clients send more now.
func (l *load) room(w *World) bool {
	if w.sent.count >= mostMessages {
		return false
	}
	most := float64(w.Plan.Traffic.Most)
	if most == 0 {
		return true
	}
	l.level = max(0, l.level-most*float64(w.now-l.at)/float64(w.Plan.Duration))
	l.at = w.now
	return l.level < most/4
}
