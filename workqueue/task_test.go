package workqueue

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"gospread/spread/internal/jobtable"
)

// begin gives a worker that is not connected a job.
func begin(w *Worker, id string, limit time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.start(jobtable.Start{ID: id, Attempt: 1, Limit: limit.Milliseconds()})
}

// The time that a job may take begins with its handler. So long it waits for one that
// does not end, too, and not longer.
func TestLimitBeginsWithHandler(t *testing.T) {
	for _, first := range []time.Duration{80 * time.Millisecond, time.Hour} {
		t.Run(first.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var second error
				called := false
				w, err := NewWorker("4803", "q", func(ctx context.Context, task *Task) ([]byte, error) {
					if task.ID == "first" {
						<-time.After(first)
						return nil, nil
					}
					called = true
					<-time.After(80 * time.Millisecond)
					second = ctx.Err()
					return nil, nil
				}, nil)
				if err != nil {
					t.Fatal(err)
				}
				start := time.Now()
				begin(w, "first", 0)
				synctest.Wait()
				begin(w, "second", 100*time.Millisecond)
				<-time.After(100*time.Millisecond + 1)
				synctest.Wait()
				hangs := first > time.Second
				if called == hangs || hangs && w.called != 1 {
					t.Fatalf("called: %v; %d run or wait", called, w.called)
				}
				w.running.Wait()
				if second != nil {
					t.Fatalf("after %v: %v", time.Since(start), second)
				}
			})
		})
	}
}
