package spflooder

import (
	"context"
	"errors"
	"io"
	"sync"
	"time"

	"gospread/spread/internal/tool"
)

// ErrInterrupted is the error of a flood whose context ended before it did.
var ErrInterrupted = errors.New("interrupted")

// Run floods as the options say, prints on stdout, and returns the first error,
// which has been printed there. If ctx ends, what was measured until then is
// reported and the error is ErrInterrupted.
func Run(ctx context.Context, o Options, stdout io.Writer) error {
	r := newReport(&o, stdout)
	r.connecting()
	clk := &clock{start: time.Now()}
	clients, err := connectAll(ctx, &o, r, clk)
	defer func() {
		for _, c := range clients {
			_ = c.conn.Close()
		}
	}()
	var errs []error
	switch {
	case err == nil:
		r.starting()
		errs = flood(ctx, clients, r)
	case ctx.Err() != nil:
		errs = []error{ErrInterrupted}
	default:
		errs = []error{err}
	}
	s := summarize(&o, clients, clk.now(), errs)
	return r.finish(s, stdout, errs)
}

func connectAll(ctx context.Context, o *Options, r *report, clk *clock) ([]*client, error) {
	var clients []*client
	for n := range o.Clients {
		c, err := connect(ctx, o, n, r, clk)
		if err != nil {
			return clients, err
		}
		clients = append(clients, c)
	}
	clk.start = time.Now()
	return clients, nil
}

// flood runs all clients to their end; the first that fails ends it for all.
func flood(ctx context.Context, clients []*client, r *report) []error {
	stopProgress := r.progress()
	defer stopProgress()
	all, cancel := context.WithCancel(ctx)
	defer cancel()
	results := make([]error, len(clients))
	var wg sync.WaitGroup
	for i, c := range clients {
		wg.Go(func() {
			if results[i] = c.run(all); results[i] != nil {
				cancel()
			}
		})
	}
	wg.Wait()
	var errs []error
	for _, err := range results {
		if err != nil && !isOver(err) {
			errs = append(errs, err)
		}
	}
	if len(errs) == 0 && ctx.Err() != nil {
		errs = append(errs, ErrInterrupted)
	}
	return errs
}

// finish prints the end: the lines of the original first.
func (r *report) finish(s *summary, stdout io.Writer, errs []error) error {
	for _, err := range errs {
		if !errors.Is(err, ErrInterrupted) {
			r.printf("%s", tool.ErrorLine(err))
		}
	}
	if len(errs) == 0 {
		r.completed()
	}
	if !r.o.NoSummary {
		r.printf("%s", s.text())
	}
	if r.o.JSON {
		errs = append(errs, s.writeJSON(stdout))
	}
	return errors.Join(append(errs, r.err)...)
}
