package workqueue

import (
	"errors"
	"fmt"
)

// What goes wrong. Errors of this package wrap one of these, or one of package
// spread where the connection is the matter.
var (
	// ErrNoWorkers: nobody has answered in time; no worker of the queue may be
	// connected. Whether the job was taken is not known; to submit it again under
	// the same id does no harm.
	ErrNoWorkers = errors.New("no worker answers")
	// ErrQueueFull: there are as many jobs as the queue, or this submitter, takes.
	ErrQueueFull = errors.New("the queue is full")
	// ErrFailed: the job has failed for good.
	ErrFailed = errors.New("the job has failed")
	// ErrCancelled: the job was cancelled.
	ErrCancelled = errors.New("the job was cancelled")
	// ErrUnknown: no worker knows the job, or any more.
	ErrUnknown = errors.New("the job is not known")
	// ErrNotDone: there is no result yet.
	ErrNotDone = errors.New("the job is not done yet")
	// ErrTooLarge: the payload has more than MaxPayload bytes, or the result more
	// than the submitter takes.
	ErrTooLarge = errors.New("too large")
	// ErrClosed: the submitter was closed.
	ErrClosed = errors.New("the submitter is closed")
)

// JobError tells what became of a job.
type JobError struct {
	ID       string
	Attempts int
	Text     string // what the worker or the queue says
	Err      error  // one of the errors above
}

// Error says which job, and why.
func (e *JobError) Error() string {
	s := fmt.Sprintf("workqueue: job %s: %v", e.ID, e.Err)
	if e.Text != "" {
		s += ": " + e.Text
	}
	return s
}

// Unwrap gives errors.Is the kind of the error.
func (e *JobError) Unwrap() error { return e.Err }

// Retry wraps an error of a handler to ask for another attempt, perhaps by another
// worker. Other errors end the job.
func Retry(err error) error {
	if err == nil {
		return nil
	}
	return &retryError{err}
}

type retryError struct{ error }

func (e *retryError) Unwrap() error { return e.error }
