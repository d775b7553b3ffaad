package spcheck

import (
	"cmp"
	"math"
	"slices"

	"gospread/spread/internal/clientproto"
	check "gospread/spread/internal/evscheck"
)

// Counts is what has been seen.
type Counts struct {
	Sent           int64 `json:"sent"`
	SentBytes      int64 `json:"sent_bytes"`
	Delivered      int64 `json:"delivered"`
	DeliveredBytes int64 `json:"delivered_bytes"`
	Views          int64 `json:"views"`
	NetworkViews   int64 `json:"network_views"` // of them, those that the network caused
	Signals        int64 `json:"signals"`
	SelfLeaves     int64 `json:"self_leaves"`
}

func (c *Counts) add(o *Counts) {
	c.Sent += o.Sent
	c.SentBytes += o.SentBytes
	c.Delivered += o.Delivered
	c.DeliveredBytes += o.DeliveredBytes
	c.Views += o.Views
	c.NetworkViews += o.NetworkViews
	c.Signals += o.Signals
	c.SelfLeaves += o.SelfLeaves
}

// Result is what the check of a round, or of several, has found.
type Result struct {
	Counts
	// Connections is how many there were; clients that connect again count again.
	Connections int
	// Compared tells how much was held against something else.
	Compared check.Counts
	// Violations are the broken guarantees, of each rule the first ones; More is
	// how many others there were.
	Violations []check.Violation
	More       int
	// Trace are the traces, as text, of a round with violations.
	Trace []byte
}

// Check ends a round and has its traces checked. What only holds at rest is
// checked if Settle succeeded.
func (l *Load) Check() *Result {
	l.mu.Lock()
	record, settled := l.record, l.settled
	l.traffic = false
	l.notify()
	l.mu.Unlock()
	run, res := record.close()
	run.Quiet = settled
	if l.o.ReusedIDs {
		run.LossInExchange = true
		tolerate(run)
	}
	run.Daemons = daemonOrder(run.Conns)
	rep := check.Check(run)
	res.Violations, res.More, res.Compared = rep.Violations, rep.Dropped, rep.Counts
	if len(res.Violations) > 0 {
		res.Trace = dump(run, res.Violations)
	}
	return res
}

// close takes the traces out of a record, which takes no more.
func (r *record) close() (*check.Run, *Result) {
	r.mu.Lock()
	defer r.mu.Unlock()
	run := &check.Run{Loose: math.MaxInt} // what is one packet, each daemon sees its own way
	res := &Result{Connections: len(r.journals)}
	var all []*journal
	for _, j := range r.journals {
		all = append(all, j)
	}
	slices.SortFunc(all, func(a, b *journal) int { return cmp.Compare(a.serial, b.serial) })
	for _, j := range all {
		j.mu.Lock()
		j.closed = true
		res.Counts.add(&j.stats)
		run.Conns = append(run.Conns, &check.Conn{Name: j.name, Views: j.views, Ended: j.ended, Events: j.events})
		j.mu.Unlock()
	}
	run.Interrupted = res.NetworkViews+res.Signals > 0
	return run, res
}

// daemonOrder finds the order of daemons from the member lists: they have
// configuration order (semantics C5). Where lists contradict each other, some
// order comes out, and the check says whose list does not follow it.
func daemonOrder(conns []*check.Conn) []string {
	after := map[string]map[string]bool{}
	seen := map[*clientproto.Name]bool{}
	for _, c := range conns {
		for _, e := range c.Events {
			if e.Kind == check.View && len(e.View.Members) > 0 && !seen[&e.View.Members[0]] {
				seen[&e.View.Members[0]] = true
				precede(after, e.View.Members)
			}
		}
	}
	return sorted(after)
}

// precede notes that daemons stand one behind the other.
func precede(after map[string]map[string]bool, members []clientproto.Name) {
	last := ""
	for i := range members {
		_, d, _ := members[i].SplitPrivate()
		daemon := string(d)
		if after[daemon] == nil {
			after[daemon] = map[string]bool{}
		}
		if daemon != last && last != "" {
			after[last][daemon] = true
		}
		last = daemon
	}
}

// sorted puts each daemon behind those that it stands behind, if that is possible.
func sorted(after map[string]map[string]bool) []string {
	before := map[string]int{}
	for d, next := range after {
		before[d] += 0
		for n := range next {
			before[n]++
		}
	}
	var order []string
	for len(before) > 0 {
		var best string
		for d, n := range before {
			if best == "" || n < before[best] || n == before[best] && d < best {
				best = d
			}
		}
		order = append(order, best)
		delete(before, best)
		for n := range after[best] {
			if _, waiting := before[n]; waiting {
				before[n]--
			}
		}
	}
	return order
}
