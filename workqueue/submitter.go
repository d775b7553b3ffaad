package workqueue

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"gospread/spread"
	"gospread/spread/internal/jobtable"
	"gospread/spread/internal/reconnect"
)

// Submitter hands in jobs and gets their results. It keeps its connection alive:
// when that is lost it connects again, and submits again what it waits for. It is
// safe for use by many goroutines at once, and must be closed.
type Submitter struct {
	daemon, group string
	o             SubmitterOptions
	log           *slog.Logger

	life context.Context
	end  context.CancelFunc
	all  sync.WaitGroup
	kick chan struct{} // something is to be sent again

	mu      sync.Mutex
	conn    *spread.Conn // nil while there is none
	lost    error        // why there is none
	jobs    map[string]*Job
	queries map[*query]struct{}
}

// NewSubmitter connects to a daemon, named as for spread.Dial, to submit to a
// queue. o may be nil. An error means that the daemon cannot be reached, or that
// the queue cannot have that name.
func NewSubmitter(ctx context.Context, daemon, queue string, o *SubmitterOptions) (*Submitter, error) {
	group, err := groupOf(queue)
	if err != nil {
		return nil, err
	}
	s := &Submitter{
		daemon: daemon, group: group, o: o.fill(), kick: make(chan struct{}, 1),
		jobs: map[string]*Job{}, queries: map[*query]struct{}{},
	}
	s.log = s.o.Logger.With("queue", queue, "daemon", daemon)
	if s.conn, err = s.dial(ctx); err != nil {
		return nil, err
	}
	s.life, s.end = context.WithCancel(context.Background())
	s.all.Go(s.connections)
	s.all.Go(s.repeat)
	return s, nil
}

func (s *Submitter) dial(ctx context.Context) (*spread.Conn, error) {
	return spread.Dial(ctx, s.daemon, append(slices.Clone(s.o.Dial), spread.WithMembership(false))...)
}

// Close ends the submitter. Jobs that were accepted are done all the same; who
// waits for one gets ErrClosed.
func (s *Submitter) Close() error {
	s.end()
	s.all.Wait()
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, j := range s.jobs {
		s.finish(j, nil, &JobError{ID: j.id, Err: ErrClosed})
	}
	return nil
}

// connections receives, and connects again.
func (s *Submitter) connections() {
	var pauses reconnect.Pauses
	for c := s.conn; ; {
		if c != nil {
			pauses.Connected()
			err := s.receive(c)
			s.setConn(nil, err)
			_ = c.Close()
			if !pauses.Wait(s.life) {
				return
			}
		}
		var err error
		if c, err = s.dial(s.life); err == nil {
			s.log.Info("connected again")
			s.setConn(c, nil)
			continue
		}
		s.setConn(nil, err)
		s.log.Warn("no connection; trying again", "error", err)
		if !pauses.Wait(s.life) {
			return
		}
	}
}

func (s *Submitter) setConn(c *spread.Conn, lost error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.conn, s.lost = c, lost
	if c != nil {
		for _, j := range s.jobs {
			j.again, j.asked, j.tries, j.parts = true, true, 0, nil
		}
		for q := range s.queries {
			q.parts = nil
		}
		s.wake()
	}
}

func (s *Submitter) wake() {
	select {
	case s.kick <- struct{}{}:
	default:
	}
}

func (s *Submitter) receive(c *spread.Conn) error {
	for ev, err := range c.Events(s.life) {
		if err != nil {
			return err
		}
		if m, ok := ev.(*spread.Message); ok && m.Type == jobtable.MessageType {
			if p, ok := jobtable.Parse(m.Data); ok {
				s.message(m.Sender, p)
			}
		}
	}
	return nil
}

// repeat sends again what was not answered.
func (s *Submitter) repeat() {
	t := time.NewTicker(s.o.retry)
	defer t.Stop()
	for {
		select {
		case <-s.life.Done():
			return
		case <-t.C:
		case <-s.kick:
		}
		now := time.Now()
		var due []*jobtable.Message
		s.mu.Lock()
		for _, j := range s.jobs {
			switch silent := now.Sub(j.heard); {
			case j.again || j.asked && silent >= s.o.retry<<min(j.tries, 4):
				j.tries++
				due = append(due, j.message())
			case !j.asked && (silent >= s.o.poll || j.attached && silent >= s.o.retry):
				due = append(due, jobtable.NewMessage("query", nil).Set("id", j.id).SetInt("result", 1))
			default:
				continue
			}
			j.again, j.heard = false, now
		}
		s.mu.Unlock()
		for _, m := range due {
			if s.send(s.life, m) != nil {
				break // what is not sent is silent, and comes again
			}
		}
	}
}

// send multicasts to the workers.
func (s *Submitter) send(ctx context.Context, m *jobtable.Message) error {
	s.mu.Lock()
	c, lost := s.conn, s.lost
	s.mu.Unlock()
	switch {
	case s.life.Err() != nil:
		return ErrClosed
	case c == nil:
		return fmt.Errorf("workqueue: no connection: %w", lost)
	}
	return sendMessage(ctx, c, []string{s.group}, m)
}

// Submit hands in a job, and returns when the workers have accepted it: from then
// on it is done as long as one worker lives. The payload must not be changed while
// the job is not done.
//
// Errors: ErrTooLarge; ErrQueueFull; ErrNoWorkers; that of ctx; ErrClosed. After
// ErrNoWorkers and that of ctx the job may have been taken all the same.
func (s *Submitter) Submit(ctx context.Context, payload []byte, opts ...JobOption) (*Job, error) {
	j, err := s.SubmitAsync(ctx, payload, opts...)
	if err != nil {
		return nil, err
	}
	if err := j.Accepted(ctx); err != nil {
		j.Forget()
		return nil, err
	}
	return j, nil
}

// SubmitAsync hands in a job and does not wait until it is accepted; see
// [Job.Accepted]. Errors as for Submit.
func (s *Submitter) SubmitAsync(ctx context.Context, payload []byte, opts ...JobOption) (*Job, error) {
	o := jobOptions{attempts: 3}
	for _, f := range opts {
		f(&o)
	}
	if o.id == "" {
		o.id = rand.Text()
	}
	switch {
	case !jobtable.ValidID(o.id):
		return nil, fmt.Errorf("workqueue: %q cannot name a job: 1 to 64 letters, digits, and . _ -", o.id)
	case o.attempts < 1 || o.timeout < 0:
		return nil, &JobError{ID: o.id, Err: errors.New("attempts below one, or a time below zero")}
	case len(payload) > MaxPayload:
		return nil, &JobError{ID: o.id, Err: ErrTooLarge, Text: fmt.Sprintf("the payload has %d bytes, at most %d are allowed", len(payload), MaxPayload)}
	}
	return s.enter(ctx, &Job{id: o.id, o: o, payload: payload})
}

// Attach returns a job that anybody has submitted, to wait for it here; one that
// no worker knows ends with ErrUnknown. It is asked for every second, as progress and
// result go to who has submitted it last. Errors: ErrQueueFull, if this submitter waits
// for too many jobs; that of ctx; ErrClosed.
func (s *Submitter) Attach(ctx context.Context, id string) (*Job, error) {
	if _, err := about("query", id); err != nil {
		return nil, err
	}
	return s.enter(ctx, &Job{id: id, attached: true})
}

// enter lets a job be waited for, and asks the workers for it the first time.
func (s *Submitter) enter(ctx context.Context, j *Job) (*Job, error) {
	j.s, j.asked, j.heard = s, true, time.Now()
	j.acceptedCh, j.done, j.progress = make(chan struct{}), make(chan struct{}), make(chan Status, 1)
	if err := s.admit(j); err != nil {
		return nil, err
	}
	if err := s.send(ctx, j.message()); err != nil {
		if ctx.Err() != nil || s.life.Err() != nil {
			j.Forget()
			return nil, err
		}
		s.log.Debug("submitting when there is a connection again", "job", j.id, "error", err)
	}
	return j, nil
}

func (s *Submitter) admit(j *Job) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.life.Err() != nil:
		return &JobError{ID: j.id, Err: ErrClosed}
	case s.jobs[j.id] != nil:
		return &JobError{ID: j.id, Err: errors.New("this submitter already waits for a job of that name")}
	case len(s.jobs) >= s.o.Outstanding:
		return &JobError{ID: j.id, Err: ErrQueueFull, Text: fmt.Sprintf("this submitter waits for %d jobs", len(s.jobs))}
	}
	s.jobs[j.id] = j
	return nil
}

// message hands a message to who waits for it.
func (s *Submitter) message(sender string, m *jobtable.Message) {
	s.mu.Lock()
	defer s.mu.Unlock()
	id := m.Get("id")
	for q := range s.queries {
		if q.id == id {
			q.message(sender, m)
		}
	}
	j := s.jobs[id]
	if j == nil {
		return
	}
	j.heard = time.Now()
	switch m.Verb {
	case "part":
		j.parts = j.parts.add(sender, m, s.o.MaxResult)
	case "done":
		s.result(j, sender, m)
	case "progress":
		s.accept(j)
		st := j.status
		st.State, st.On = Running, sender
		j.show(st, m)
	case "status":
		s.status(j, sender, m)
	}
}

func (s *Submitter) status(j *Job, sender string, m *jobtable.Message) {
	st := statusOf(m)
	j.status = st
	fail := func(err error) {
		s.finish(j, nil, &JobError{ID: j.id, Attempts: st.Attempt, Text: st.Text, Err: err})
	}
	switch st.State {
	case Refused:
		fail(ErrQueueFull)
	case Failed:
		fail(ErrFailed)
	case Cancelled:
		fail(ErrCancelled)
	case Unknown:
		if j.attached {
			fail(ErrUnknown)
			return
		}
		j.again, j.asked = true, true
		s.wake()
	case Done:
		if s.accept(j); m.Get("result") == "1" {
			s.result(j, sender, m)
		}
	default:
		s.accept(j)
		j.show(st, m)
	}
}

// accept notes that the queue has the job.
func (s *Submitter) accept(j *Job) {
	j.asked, j.tries = false, 0
	if !j.accepted {
		j.accepted = true
		close(j.acceptedCh)
		if j.o.quiet {
			s.finish(j, nil, &JobError{ID: j.id, Err: ErrNotDone, Text: "it was submitted without waiting for its result"})
		}
	}
}

// result ends a job with its result, if that is whole.
func (s *Submitter) result(j *Job, sender string, m *jobtable.Message) {
	b, err := j.parts.result(sender, m)
	switch {
	case errors.Is(err, errIncomplete):
		s.accept(j)
		j.heard = time.Time{} // a query at once
		s.wake()
	case err != nil:
		s.finish(j, nil, &JobError{ID: j.id, Err: err})
	default:
		s.accept(j)
		j.status.State, j.status.Percent = Done, 100
		s.finish(j, b, nil)
	}
}

// finish ends a job on this side.
func (s *Submitter) finish(j *Job, result []byte, err error) {
	select {
	case <-j.done:
		return
	default:
	}
	j.result, j.err = result, err
	j.parts, j.payload = nil, nil
	close(j.done)
	close(j.progress)
	if s.jobs[j.id] == j {
		delete(s.jobs, j.id)
	}
}
