package statusd

import (
	"context"
	"encoding/json"
	"sync"
	"time"
)

// How old what is sent may be: those who ask at the same time get the same.
const (
	summaryAge = 100 * time.Millisecond
	reportAge  = 250 * time.Millisecond
)

// document is made once for many.
type document struct {
	mu   sync.Mutex
	at   time.Time
	body []byte
}

// get returns the document if it is not older than age, or makes it anew; for that ctx is
// given no more than lookTime.
func (d *document) get(ctx context.Context, age time.Duration, build func(context.Context) []byte) []byte {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.body != nil && time.Since(d.at) < age {
		return d.body
	}
	// What is made is not for this request alone: that it has gone is no reason to stop.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), lookTime)
	defer cancel()
	d.body, d.at = build(ctx), time.Now()
	return d.body
}

func (s *Server) summary(ctx context.Context) []byte {
	return s.summaries.get(ctx, summaryAge, func(ctx context.Context) []byte { return encode(s.o.Source.Summary(ctx)) })
}

func (s *Server) report(ctx context.Context) []byte {
	return s.reports.get(ctx, reportAge, func(ctx context.Context) []byte { return encode(s.o.Source.Report(ctx)) })
}

// encode is the document as one line.
func encode(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		return []byte("{}") // not reached: there is nothing in it that cannot be encoded
	}
	return append(b, '\n')
}
