package daemon

import (
	"net/netip"
	"time"
)

// bucket permits so many things in a second, and some at once.
type bucket struct {
	rate, most, level float64
	last              time.Time
}

func newBucket(rate, most float64, now time.Time) bucket { return bucket{rate, most, most, now} }

// take permits one more, or does not.
func (b *bucket) take(now time.Time) bool {
	if d := now.Sub(b.last); d > 0 {
		b.level = min(b.most, b.level+d.Seconds()*b.rate)
		b.last = now
	}
	if b.level < 1 {
		return false
	}
	b.level--
	return true
}

// answered keeps the last answers, so that a request that is repeated because its
// answer was lost is answered again and not obeyed again.
type answered struct {
	most int
	list []answer // a ring once it is full; next is the oldest
	next int
}

func (r *answered) find(from netip.AddrPort, id uint64) (answer, bool) {
	if i := r.index(from, id); i >= 0 {
		return r.list[i], true
	}
	return answer{}, false
}

func (r *answered) index(from netip.AddrPort, id uint64) int {
	for i := range r.list {
		if r.list[i].id == id && r.list[i].to == from {
			return i
		}
	}
	return -1
}

// keep notes an answer, in the place of what was noted for its request before.
func (r *answered) keep(a answer) {
	switch i := r.index(a.to, a.id); {
	case i >= 0:
		r.list[i] = a
	case len(r.list) < r.most:
		r.list = append(r.list, a)
	default:
		r.list[r.next] = a
		r.next = (r.next + 1) % r.most
	}
}
