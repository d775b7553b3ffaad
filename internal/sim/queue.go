package sim

import "time"

// kind tells what an event does.
type kind uint8

const (
	callEvent    kind = iota // fn is called
	arriveEvent              // a datagram is there
	refusedEvent             // word that host arg refuses
	timerEvent               // the deadline of the machine
	wakeEvent                // the host has done what kept it busy
	clientEvent              // client arg acts
)

// event is something that happens at a time. Those for a host are void when its
// life is over.
type event struct {
	at   time.Duration
	seq  uint64
	kind kind
	arg  int32
	host *host
	data *datagram
	fn   func()
}

func (e *event) before(o *event) bool { return e.at < o.at || e.at == o.at && e.seq < o.seq }

// queue is a heap of events with four children a node; events at the same time
// keep their order.
type queue struct {
	heap []event
	seq  uint64
}

func (q *queue) push(e event) {
	q.seq++
	e.seq = q.seq
	q.heap = append(q.heap, e)
	i := len(q.heap) - 1
	for i > 0 {
		up := (i - 1) / 4
		if !e.before(&q.heap[up]) {
			break
		}
		q.heap[i] = q.heap[up]
		i = up
	}
	q.heap[i] = e
}

func (q *queue) pop() event {
	first := q.heap[0]
	n := len(q.heap) - 1
	last := q.heap[n]
	q.heap[n] = event{}
	q.heap = q.heap[:n]
	if n == 0 {
		return first
	}
	i := 0
	for {
		least := 4*i + 1
		if least >= n {
			break
		}
		for c := least + 1; c < min(4*i+5, n); c++ {
			if q.heap[c].before(&q.heap[least]) {
				least = c
			}
		}
		if !q.heap[least].before(&last) {
			break
		}
		q.heap[i] = q.heap[least]
		i = least
	}
	q.heap[i] = last
	return first
}
