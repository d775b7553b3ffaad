package daemon

import (
	"slices"
	"sync"
	"time"

	"gospread/spread/internal/session"
	"gospread/spread/internal/status"
)

// How much of the past is kept.
const (
	keptViews  = 100
	keptClosed = 200
)

// history is what operators want to know of the past: memberships with their causes,
// and sessions that ended, with their reasons.
type history struct {
	mu     sync.Mutex
	views  recent[status.View]
	closed recent[status.Closed]
	ended  map[session.Reason]uint64
	ends   uint64
}

// recent keeps the latest of a list.
type recent[T any] struct {
	list []T
	most int
}

func (r *recent[T]) add(x T) {
	if len(r.list) == r.most {
		r.list = slices.Delete(r.list, 0, 1)
	}
	r.list = append(r.list, x)
}

// latest returns a copy, the latest first.
func (r *recent[T]) latest() []T {
	list := slices.Clone(r.list)
	slices.Reverse(list)
	return list
}

func newHistory() *history {
	return &history{views: recent[status.View]{most: keptViews}, closed: recent[status.Closed]{most: keptClosed},
		ended: make(map[session.Reason]uint64)}
}

// installed adds a membership; it is called in a turn of the engine.
func (h *history) installed(v status.View) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.views.add(v)
}

// present is the last membership.
func (h *history) present() (v status.View) {
	if n := len(h.views.list); n > 0 {
		return h.views.list[n-1]
	}
	return v
}

// close adds the end of a session, or a refusal.
func (h *history) close(e *session.End, now time.Time) {
	c := status.Closed{At: now, Name: e.Name, Remote: e.Remote, Reason: e.Reason.String(), Cut: e.Reason.Cut(), Refused: e.Reason.Refusal(),
		Lived: e.Lived.Seconds(), MessagesIn: e.Received, QueuedMessages: e.Messages, QueuedBytes: e.Bytes}
	if e.Err != nil {
		c.Detail = e.Err.Error()
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.closed.add(c)
	h.ended[e.Reason]++
	h.ends++
}

// past is a copy of all that.
func (h *history) past() (views []status.View, closed []status.Closed) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.views.latest(), h.closed.latest()
}

// counted returns how many sessions ended, by reason, and the present membership.
func (h *history) counted() (ended map[string]uint64, present status.View) {
	h.mu.Lock()
	defer h.mu.Unlock()
	ended = make(map[string]uint64, len(h.ended))
	for r, n := range h.ended {
		ended[r.String()] = n
	}
	return ended, h.present()
}

// count is how many sessions ended.
func (h *history) count() uint64 {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.ends
}
