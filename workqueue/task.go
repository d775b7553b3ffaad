package workqueue

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strconv"
	"sync"
	"time"

	"gospread/spread"
	"gospread/spread/internal/jobtable"
)

// progressEvery is how often the progress of a job is told at most.
const progressEvery = 100 * time.Millisecond

// Task is a job in the hands of a handler.
type Task struct {
	ID      string
	Payload []byte // must not be changed

	attempt int64
	w       *Worker
	cancel  context.CancelCauseFunc

	mu      sync.Mutex
	last    time.Time
	pending func() // the progress that was told too early
	ended   bool
}

// Attempt is 1 the first time that the job is given to a worker.
func (t *Task) Attempt() int { return int(t.attempt) }

// Progress tells submitters how far the work is, from 0 to 100 percent, with a
// line of text or "". It is cheap: of many calls in a short time only the last is
// told.
func (t *Task) Progress(percent int, text string) {
	tell := func() {
		t.w.do(func() []jobtable.Effect { return t.w.core.Progress(t.ID, t.attempt, int64(percent), text) })
	}
	t.mu.Lock()
	wait := time.Until(t.last.Add(progressEvery))
	switch {
	case t.pending != nil:
		t.pending = tell
		t.mu.Unlock()
		return
	case wait > 0:
		t.pending = tell
		t.mu.Unlock()
		time.AfterFunc(wait, t.tell)
		return
	}
	t.last = time.Now()
	t.mu.Unlock()
	tell()
}

func (t *Task) tell() {
	t.mu.Lock()
	f := t.pending
	t.pending, t.last = nil, time.Now()
	if t.ended {
		f = nil
	}
	t.mu.Unlock()
	if f != nil {
		f()
	}
}

// stopped is the cause of a context that was ended by the queue.
type stopped struct{ reason string }

func (s *stopped) Error() string { return s.reason }

// start runs a handler. The worker is locked.
func (w *Worker) start(e jobtable.Start) {
	ctx, cancel := context.WithCancelCause(w.kill)
	t := &Task{ID: e.ID, Payload: e.Payload, attempt: e.Attempt, w: w, cancel: cancel}
	w.tasks[e.ID] = t
	w.called++
	w.running.Go(func() {
		defer cancel(nil)
		inTime := w.limit(t, e.Limit, "has waited for a handler that does not end")
		select {
		case w.slots <- struct{}{}:
			defer func() { <-w.slots }()
			if inTime() {
				inTime = w.limit(t, e.Limit, "takes")
				result, err := w.call(ctx, t)
				inTime()
				w.finish(t, outcome(ctx, result, err))
				return
			}
			<-ctx.Done()
		case <-ctx.Done():
			inTime()
		}
		w.finish(t, outcome(ctx, nil, context.Cause(ctx)))
	})
}

// limit ends an attempt that takes longer than so many milliseconds, 0: any, until
// stop is called, which tells whether that was in time. The wait for a handler that keeps its slot
// is bounded alike, and does not count as part of the work.
func (w *Worker) limit(t *Task, ms int64, what string) (stop func() bool) {
	if ms == 0 {
		return func() bool { return true }
	}
	limit := time.Duration(min(ms, math.MaxInt64/int64(time.Millisecond))) * time.Millisecond
	return time.AfterFunc(limit, func() {
		err := fmt.Errorf("it %s longer than %v", what, limit)
		w.late(t, jobtable.Outcome{Failed: true, Retry: true, Error: err.Error()}) // before the handler does
		t.cancel(err)
	}).Stop
}

// call runs the handler, whose panic is an error of the job only.
func (w *Worker) call(ctx context.Context, t *Task) (result []byte, err error) {
	defer func() {
		if p := recover(); p != nil {
			w.o.Logger.Error("the handler panicked", "queue", w.queue, "job", t.ID, "panic", p)
			err = fmt.Errorf("the handler panicked: %v", p)
		}
	}()
	return w.handler(ctx, t)
}

func outcome(ctx context.Context, result []byte, err error) jobtable.Outcome {
	if err == nil {
		return jobtable.Outcome{Result: result}
	}
	var again *retryError
	var byQueue *stopped
	return jobtable.Outcome{
		Failed: true, Error: err.Error(), Retry: errors.As(err, &again),
		Cancelled: errors.As(context.Cause(ctx), &byQueue),
	}
}

// finish tells the core that a handler has returned; only the first end of a task
// counts.
func (w *Worker) finish(t *Task, o jobtable.Outcome) {
	w.end(t, func() []jobtable.Effect {
		w.called--
		if w.kill.Err() != nil {
			return nil
		}
		return w.core.Finish(t.ID, t.attempt, o)
	})
}

// late tells the core that a handler takes too long. It may go on: first of all the
// others learn that it keeps its slot.
func (w *Worker) late(t *Task, o jobtable.Outcome) {
	w.end(t, func() []jobtable.Effect {
		effects := w.offer(w.called - w.core.Running() + 1)
		return append(effects, w.core.Finish(t.ID, t.attempt, o)...)
	})
}

func (w *Worker) end(t *Task, act func() []jobtable.Effect) {
	t.mu.Lock()
	t.ended = true
	t.mu.Unlock()
	w.do(func() []jobtable.Effect {
		if w.tasks[t.ID] == t {
			delete(w.tasks, t.ID)
		}
		return act()
	})
}

// viewName names a view in the messages of the queue.
func viewName(id spread.ViewID) string {
	return strconv.Itoa(int(id.Daemon)) + "." + strconv.Itoa(int(id.Time)) + "." + strconv.Itoa(int(id.Index))
}
