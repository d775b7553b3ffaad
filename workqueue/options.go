package workqueue

import (
	"errors"
	"fmt"
	"log/slog"
	"time"

	"gospread/spread"
	"gospread/spread/internal/jobtable"
)

// MaxPayload is the most that a job can carry, in bytes. A larger one is stored
// elsewhere, and its place is the payload.
const MaxPayload = jobtable.PartSize

// Limits bound what the workers of a queue keep. Each worker says what it wants,
// and among those that are together the least holds. Zero means the default. Never
// more than 250,000 jobs of each kind, and 1 GiB, hold.
type Limits struct {
	Jobs      int // waiting and running; 10,000
	Bytes     int // of their payloads; 64 MiB
	Kept      int // ended jobs whose results can be asked for; 10,000
	KeptBytes int // of their results; 64 MiB
	Result    int // bytes of one result; 16 MiB; KeptBytes bounds it too
}

func (l Limits) core() (jobtable.Limits, error) {
	or := func(n, def int) int64 {
		if n == 0 {
			n = def
		}
		return int64(n)
	}
	c := jobtable.Limits{
		Jobs: or(l.Jobs, 10_000), Bytes: or(l.Bytes, 64<<20), Kept: or(l.Kept, 10_000),
		KeptBytes: or(l.KeptBytes, 64<<20), Result: or(l.Result, 16<<20),
	}
	if min(c.Jobs, c.Bytes, c.Kept, c.KeptBytes, c.Result) < 0 {
		return c, errors.New("workqueue: a limit below zero")
	}
	return c, nil
}

// WorkerOptions change how a worker works. The zero value is good.
type WorkerOptions struct {
	// Capacity is how many jobs the worker does at a time; 0 means one.
	Capacity int
	Limits   Limits
	// Grace is how long Run waits for running handlers when its context ends; 0
	// means 10 seconds, less than zero not at all. The jobs of those that are not
	// done then go to other workers.
	Grace time.Duration
	// Patience is how long the members of a new view are waited for before the
	// others go on without them; 0 means 5 seconds.
	Patience time.Duration
	// Dial are options for the connection.
	Dial []spread.Option
	// Logger gets what an operator wants to know; nil: nobody.
	Logger *slog.Logger
}

func (o *WorkerOptions) fill() (WorkerOptions, error) {
	var c WorkerOptions
	if o != nil {
		c = *o
	}
	if c.Capacity == 0 {
		c.Capacity = 1
	}
	if c.Capacity < 0 {
		return c, fmt.Errorf("workqueue: a capacity of %d", c.Capacity)
	}
	if c.Grace == 0 {
		c.Grace = 10 * time.Second
	}
	if c.Patience == 0 {
		c.Patience = 5 * time.Second
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	return c, nil
}

// SubmitterOptions change how a submitter works. The zero value is good.
type SubmitterOptions struct {
	// NoWorkers is how long Submit and the queries wait for an answer before they
	// fail with ErrNoWorkers; 0 means 15 seconds.
	NoWorkers time.Duration
	// Outstanding bounds the jobs that have not ended; 0 means 10,000. More than
	// these are refused with ErrQueueFull.
	Outstanding int
	// MaxResult is the largest result in bytes that is accepted; 0 means 256 MiB.
	MaxResult int
	// Dial are options for the connection.
	Dial []spread.Option
	// Logger gets what an operator wants to know; nil: nobody.
	Logger *slog.Logger

	retry, poll time.Duration // for tests
}

func (o *SubmitterOptions) fill() SubmitterOptions {
	var c SubmitterOptions
	if o != nil {
		c = *o
	}
	for _, d := range []struct {
		to  *time.Duration
		def time.Duration
	}{{&c.NoWorkers, 15 * time.Second}, {&c.retry, time.Second}, {&c.poll, 10 * time.Second}} {
		if *d.to <= 0 {
			*d.to = d.def
		}
	}
	if c.Outstanding <= 0 {
		c.Outstanding = 10_000
	}
	if c.MaxResult <= 0 {
		c.MaxResult = 256 << 20
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	return c
}

// JobOption changes how a job is treated.
type JobOption func(*jobOptions)

type jobOptions struct {
	id       string
	attempts int
	timeout  time.Duration
	quiet    bool
}

// WithID names the job, by 1 to 64 letters, digits, and ". _ -". A job that is
// submitted again under the same name is the same job as long as the queue
// remembers it. Without this option the name is random.
func WithID(id string) JobOption { return func(o *jobOptions) { o.id = id } }

// WithMaxAttempts sets how often the job is given to a worker, if workers are lost
// with it or handlers ask for another try (see [Retry]); by default 3 times.
func WithMaxAttempts(n int) JobOption { return func(o *jobOptions) { o.attempts = n } }

// WithTimeout bounds how long an attempt may take, to the millisecond. One that
// takes longer has failed and is tried again, up to the number of attempts.
func WithTimeout(d time.Duration) JobOption { return func(o *jobOptions) { o.timeout = d } }

// WithoutResult says that the submitter does not wait for the end: once the job is
// accepted it is forgotten here. Its result can be asked for with
// [Submitter.Result], as long as the queue keeps it.
func WithoutResult() JobOption { return func(o *jobOptions) { o.quiet = true } }

func groupOf(queue string) (string, error) {
	if !jobtable.ValidQueue(queue) {
		return "", fmt.Errorf("workqueue: %q cannot name a queue: 1 to 28 characters from $ to ~, without blanks", queue)
	}
	return jobtable.GroupPrefix + queue, nil
}
