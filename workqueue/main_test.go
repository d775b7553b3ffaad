package workqueue

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"gospread/spread/spreadtest"
)

// limited is a context that ends a test that hangs.
func limited(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	return ctx
}

// running is a worker that runs, and a way to end it.
type running struct {
	*Worker
	t    *testing.T
	end  context.CancelFunc
	done chan error
}

func run(t *testing.T, addr string, h Handler, o *WorkerOptions) *running {
	t.Helper()
	w, err := NewWorker(addr, "reports", h, o)
	if err != nil {
		t.Fatal(err)
	}
	ctx, end := context.WithCancel(context.Background())
	r := &running{Worker: w, t: t, end: end, done: make(chan error, 1)}
	go func() { r.done <- w.Run(ctx) }()
	t.Cleanup(r.stop)
	return r
}

// stop ends a worker in order.
func (r *running) stop() {
	r.t.Helper()
	r.end()
	select {
	case err, ok := <-r.done:
		if ok && err != nil {
			r.t.Error(err)
		}
		if ok {
			close(r.done)
		}
	case <-time.After(20 * time.Second):
		r.t.Error("the worker does not end")
	}
}

func submitter(t *testing.T, addr string, o *SubmitterOptions) *Submitter {
	t.Helper()
	s, err := NewSubmitter(t.Context(), addr, "reports", o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// waitWorkers waits until so many workers are together.
func waitWorkers(t *testing.T, s *Submitter, n int) {
	t.Helper()
	ctx := limited(t)
	for {
		st, err := s.Stats(ctx)
		if err == nil && st.Workers == n {
			return
		}
		if ctx.Err() != nil {
			t.Fatalf("there are not %d workers: %+v, %v", n, st, err)
		}
	}
}

func reverse(_ context.Context, t *Task) ([]byte, error) { return reversed(t.Payload), nil }

func reversed(b []byte) []byte {
	b = bytes.Clone(b)
	slices.Reverse(b)
	return b
}

// counter counts how often each job is done.
type counter struct {
	mu sync.Mutex
	n  map[string]int
}

func (c *counter) handler(h Handler) Handler {
	return func(ctx context.Context, t *Task) ([]byte, error) {
		c.mu.Lock()
		if c.n == nil {
			c.n = map[string]int{}
		}
		c.n[t.ID]++
		c.mu.Unlock()
		return h(ctx, t)
	}
}

func cluster(t *testing.T, n int) *spreadtest.Cluster {
	t.Helper()
	return spreadtest.New(t, n)
}

func mustWait(t *testing.T, j *Job) string {
	t.Helper()
	b, err := j.Wait(limited(t))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func label(i int) string { return fmt.Sprintf("job-%d", i) }
