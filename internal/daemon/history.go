package daemon

import (
	"slices"
	"strings"
	"sync"
	"time"

	"gospread/spread/internal/ring"
	"gospread/spread/internal/session"
	"gospread/spread/internal/status"
)

// How much of the past is kept.
const (
	keptViews  = 100
	keptClosed = 200
	// keptNotes is how many of the notes before a membership tell its cause.
	keptNotes = 8
)

// history is what operators want to know of the past: memberships with their causes,
// and sessions that ended, with their reasons.
type history struct {
	mu     sync.Mutex
	notes  []string // since the last membership
	epoch  bool     // another configuration has come into force since then
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

// note remembers what may be the cause of the next membership; it is called in a
// turn of the engine.
func (h *history) note(n ring.Note, text string) {
	if !mayEnd(n) {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.notes) < keptNotes && !slices.Contains(h.notes, text) {
		h.notes = append(h.notes, text)
	}
}

// mayEnd tells whether what is noted may end a membership.
func mayEnd(n ring.Note) bool {
	switch n.Kind {
	case ring.NoteMismatch, ring.NoteSetBack:
		return false
	case ring.NoteOverslept:
		return n.For >= longNap
	}
	return true
}

// longNap is how long this daemon may not have run before others may do without it.
const longNap = 500 * time.Millisecond

// epochBegins: the membership may end because the configuration does not name all
// of it.
func (h *history) epochBegins() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.epoch = true
}

// installed adds a membership; it is called in a turn of the engine.
func (h *history) installed(id ring.ID, members []string, now time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	v := status.View{At: now, ID: id.String(), Members: members}
	before, first := h.present()
	v.Joined, v.Left = without(members, before.Members), without(before.Members, members)
	v.Cause = h.cause(first, v.Joined)
	h.views.add(v)
	h.notes, h.epoch = nil, false
}

// present is the last membership; none: there is none.
func (h *history) present() (v status.View, none bool) {
	if n := len(h.views.list); n > 0 {
		return h.views.list[n-1], false
	}
	return v, true
}

// cause is why a membership came about, in words.
func (h *history) cause(first bool, joined []string) string {
	causes := slices.Clone(h.notes)
	switch {
	case first:
		causes = append(causes, "this daemon has started")
	case len(joined) > 0:
		causes = append(causes, plural(joined)+" found")
	}
	if h.epoch {
		causes = append(causes, "another configuration of daemons is in force")
	}
	if len(causes) == 0 {
		return "another daemon began it"
	}
	return strings.Join(causes, "; ")
}

func plural(daemons []string) string {
	if len(daemons) == 1 {
		return "daemon " + daemons[0] + " was"
	}
	return "daemons " + strings.Join(daemons, ", ") + " were"
}

// without are the elements of a that are not in b.
func without(a, b []string) (rest []string) {
	for _, x := range a {
		if !slices.Contains(b, x) {
			rest = append(rest, x)
		}
	}
	return rest
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
	present, _ = h.present()
	return ended, present
}

// count is how many sessions ended.
func (h *history) count() uint64 {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.ends
}
