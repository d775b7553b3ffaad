package workqueue

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"gospread/spread/internal/jobtable"
)

// State is what has become of a job.
type State string

// The states.
const (
	Waiting   State = "waiting"   // for a worker
	Running   State = "running"   // at a worker
	Done      State = "done"      // and has a result
	Failed    State = "failed"    // for good
	Cancelled State = "cancelled" // as somebody wished
	Unknown   State = "unknown"   // nobody knows it, or any more
	Refused   State = "refused"   // the queue was full
)

// Status is what is known of a job.
type Status struct {
	State    State
	Position int    // how many wait before it
	Percent  int    // how far it is
	Text     string // of the last progress, or why it failed
	On       string // private group of the worker that does it
	Attempt  int    // how often it was given to a worker
	Size     int    // bytes of its result
}

func statusOf(m *jobtable.Message) Status {
	n := func(key string) int { i, _ := m.Int(key, 0); return int(i) }
	return Status{
		State: State(m.Get("state")), Position: n("position"), Percent: n("percent"), Text: text(m),
		On: m.Get("on"), Attempt: n("attempt"), Size: n("size"),
	}
}

// text is what a message says to people. It may have been cut in the middle of a
// character.
func text(m *jobtable.Message) string { return strings.ToValidUTF8(m.Get("text"), "\uFFFD") }

// Job is a job that was submitted.
type Job struct {
	s        *Submitter
	id       string
	o        jobOptions
	attached bool // somebody else has submitted it

	acceptedCh chan struct{}
	done       chan struct{}
	progress   chan Status

	// Guarded by the submitter.
	payload  []byte
	accepted bool
	asked    bool      // it was submitted, on this connection, and nothing was heard
	again    bool      // to be submitted once more, now
	tries    int       // how often it was
	heard    time.Time // when something was heard of it, or it was asked for
	parts    *parts
	status   Status
	result   []byte
	err      error
}

// ID returns the name of the job. Any submitter can ask for it by that name.
func (j *Job) ID() string { return j.id }

// Done is closed when the job has ended; Wait then returns at once.
func (j *Job) Done() <-chan struct{} { return j.done }

// Progress gets what workers tell of the job. Who is slow to receive gets the
// latest only. It is closed when the job has ended.
func (j *Job) Progress() <-chan Status { return j.progress }

// Status returns what is known here, without asking.
func (j *Job) Status() Status {
	j.s.mu.Lock()
	defer j.s.mu.Unlock()
	return j.status
}

// Wait returns the result of the job when it has ended. Errors: a *JobError with
// ErrFailed, ErrCancelled, ErrQueueFull, ErrTooLarge, ErrUnknown or ErrClosed; that of ctx, after
// which Wait may be called again.
func (j *Job) Wait(ctx context.Context) ([]byte, error) {
	select {
	case <-j.done:
		return j.result, j.err
	case <-ctx.Done():
		return nil, fmt.Errorf("workqueue: waiting for job %s: %w", j.id, context.Cause(ctx))
	}
}

// Accepted waits until the workers have the job. Errors as for Submitter.Submit; after
// Submitter.Attach also ErrUnknown.
func (j *Job) Accepted(ctx context.Context) error {
	late := time.NewTimer(j.s.o.NoWorkers)
	defer late.Stop()
	select {
	case <-j.acceptedCh:
		return nil
	default:
	}
	select {
	case <-j.acceptedCh:
		return nil
	case <-j.done:
		select {
		case <-j.acceptedCh:
			return nil
		default:
			return j.err
		}
	case <-ctx.Done():
		return fmt.Errorf("workqueue: submitting job %s: %w", j.id, context.Cause(ctx))
	case <-late.C:
		return j.s.noWorkers("job " + j.id + " was not accepted")
	}
}

// Cancel asks the workers to drop the job. If it is running, the context of its
// handler ends. The job then ends with ErrCancelled, unless it is done before.
func (j *Job) Cancel(ctx context.Context) error {
	_, err := j.s.Cancel(ctx, j.id)
	return err
}

// Forget ends the waiting for a job here; the workers do it all the same. Who
// waits for it gets ErrNotDone.
func (j *Job) Forget() {
	j.s.mu.Lock()
	defer j.s.mu.Unlock()
	j.s.finish(j, nil, &JobError{ID: j.id, Err: ErrNotDone, Text: "it was forgotten here"})
}

// message is the job as it is submitted, or asked for.
func (j *Job) message() *jobtable.Message {
	if j.attached {
		return jobtable.NewMessage("query", nil).Set("id", j.id).SetInt("result", 1)
	}
	m := jobtable.NewMessage("submit", j.payload).Set("id", j.id).SetInt("max", int64(j.o.attempts))
	if j.o.timeout > 0 {
		m.SetInt("limit", max(1, j.o.timeout.Milliseconds()))
	}
	if j.o.quiet {
		m.SetInt("quiet", 1)
	}
	return m
}

// show takes news of a running job.
func (j *Job) show(st Status, m *jobtable.Message) {
	n, _ := m.Int("percent", int64(st.Percent))
	st.Percent, st.Text = int(n), text(m)
	j.status = st
	select {
	case <-j.done: // and progress is closed
		return
	default:
	}
	select {
	case <-j.progress: // it was not received: this is newer
	default:
	}
	j.progress <- st
}

// parts are the pieces of a result, of one sender each.
type parts struct {
	of   map[string][][]byte
	size int
	max  int
}

var errIncomplete = errors.New("pieces of the result are missing")

func (p *parts) add(sender string, m *jobtable.Message, limit int) *parts {
	if p == nil {
		p = &parts{of: map[string][][]byte{}, max: limit}
	}
	n, ok := m.Int("n", -1)
	if n == 0 {
		p.drop(sender)
	}
	have := p.of[sender]
	if !ok || n != int64(len(have)) || p.size > limit {
		return p
	}
	p.of[sender] = append(have, m.Data)
	p.size += len(m.Data)
	return p
}

func (p *parts) drop(sender string) {
	for _, b := range p.of[sender] {
		p.size -= len(b)
	}
	delete(p.of, sender)
}

// result is what a message that ends a result makes of the pieces before it.
func (p *parts) result(sender string, m *jobtable.Message) ([]byte, error) {
	size, _ := m.Int("size", -1)
	n, _ := m.Int("parts", 0)
	switch {
	case n == 0 && int64(len(m.Data)) == size:
		return bytes.Clone(m.Data), nil // it shares memory with other messages
	case n == 0 || p == nil:
		return nil, errIncomplete
	case size > int64(p.max):
		return nil, fmt.Errorf("%w: the result has %d bytes, this submitter takes %d", ErrTooLarge, size, p.max)
	case n != int64(len(p.of[sender])):
		return nil, errIncomplete
	}
	b := slices.Concat(p.of[sender]...)
	p.drop(sender)
	if int64(len(b)) != size {
		return nil, errIncomplete
	}
	return b, nil
}
