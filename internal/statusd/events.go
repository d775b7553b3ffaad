package statusd

import (
	"context"
	"net/http"
	"time"
)

const (
	// summaryEvery is how often a stream has a summary.
	summaryEvery = time.Second
	// reportEvery is how often it has a report at most, and reportAtLeast how often it
	// has one although nothing but queues has changed.
	reportEvery   = 2 * time.Second
	reportAtLeast = 10 * time.Second
	// keepAlive is how often it has a comment.
	keepAlive = 15 * time.Second
	// eventTime is how long an event may wait to be taken.
	eventTime = 10 * time.Second
)

// serveEvents sends server-sent events until the peer goes, or does not take them.
func (s *Server) serveEvents(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/event-stream")
	if r.Method == http.MethodHead {
		return
	}
	if !s.streams.take() {
		w.Header().Set("Retry-After", "10")
		http.Error(w, "too many follow the events already; try again later, or ask for /status.json", http.StatusServiceUnavailable)
		return
	}
	defer s.streams.leave()
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	defer context.AfterFunc(s.ending, cancel)()
	t := stream{Server: s, to: w, control: http.NewResponseController(w)}
	// The request has been read; what comes now is the end of the connection.
	_ = t.control.SetReadDeadline(time.Time{}) // else the stream ends early
	tick := time.NewTicker(summaryEvery)
	defer tick.Stop()
	for t.send(ctx) == nil {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// stream is one who follows the events.
type stream struct {
	*Server
	to       http.ResponseWriter
	control  *http.ResponseController
	changes  uint64
	reported time.Time
	comment  time.Time
	pieces   [][]byte // of what is being sent; documents are those of all streams
}

// send sends what is due.
func (t *stream) send(ctx context.Context) error {
	now := time.Now()
	defer func() { clear(t.pieces) }() // a stream that waits holds on to nothing
	t.pieces = t.pieces[:0]
	if t.reported.IsZero() {
		t.add("retry: 2000\n\n")
	}
	if now.Sub(t.comment) >= keepAlive {
		t.comment = now
		t.add(": a summary each second, a report when something has changed\n\n")
	}
	t.event("summary", t.summary(ctx))
	if t.due(ctx, now) {
		t.reported = now
		t.event("report", t.report(ctx))
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := t.control.SetWriteDeadline(now.Add(eventTime)); err != nil {
		return err
	}
	for _, b := range t.pieces {
		if _, err := t.to.Write(b); err != nil {
			return err
		}
	}
	return t.control.Flush()
}

// due tells whether it is time for a report.
func (t *stream) due(ctx context.Context, now time.Time) bool {
	since := now.Sub(t.reported)
	if since < reportEvery {
		return false
	}
	// A change that comes after this look is seen by the next.
	was := t.changes
	t.changes = t.o.Source.Changes(ctx)
	return t.changes != was || since >= reportAtLeast
}

// event adds an event whose data is one line. The line is not copied: it may be
// large, and is the same for many streams, some of which may not take it.
func (t *stream) event(name string, line []byte) {
	t.add("event: " + name + "\ndata: ")
	t.pieces = append(t.pieces, line)
	t.add("\n")
}

func (t *stream) add(text string) { t.pieces = append(t.pieces, []byte(text)) }
