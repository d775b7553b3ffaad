package workqueue

import (
	"context"
	"errors"
	"fmt"
	"time"

	"gospread/spread/internal/jobtable"
)

// query is a question to the workers.
type query struct {
	id     string // of the job; "" for the queue
	result bool
	limit  int
	parts  *parts
	heard  time.Time  // of a piece of the result
	answer chan reply // one
}

type reply struct {
	m      *jobtable.Message
	result []byte
	err    error
}

// message looks whether a message is the answer. The submitter is locked.
func (q *query) message(sender string, m *jobtable.Message) {
	var r reply
	switch {
	case q.id == "" && m.Verb == "queue":
	case m.Verb == "part" && q.result:
		q.parts, q.heard = q.parts.add(sender, m, q.limit), time.Now()
		return
	case m.Verb == "status" && q.id != "" && m.Get("state") != string(Refused):
		if q.result && m.Get("state") == string(Done) {
			if m.Get("result") != "1" {
				return
			}
			if r.result, r.err = q.parts.result(sender, m); errors.Is(r.err, errIncomplete) {
				return
			}
		}
	default:
		return
	}
	r.m = m
	select {
	case q.answer <- r:
	default:
	}
}

// ask asks until there is an answer.
func (s *Submitter) ask(ctx context.Context, q *query, m *jobtable.Message) (reply, error) {
	q.answer, q.limit = make(chan reply, 1), s.o.MaxResult
	s.mu.Lock()
	s.queries[q] = struct{}{}
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		delete(s.queries, q)
		s.mu.Unlock()
	}()
	late := time.NewTimer(s.o.NoWorkers)
	defer late.Stop()
	again := time.NewTicker(s.o.retry)
	defer again.Stop()
	for {
		if s.silence(q) >= s.o.retry {
			if err := s.send(ctx, m); errors.Is(err, ErrClosed) {
				return reply{}, err
			}
		}
		select {
		case r := <-q.answer:
			return r, r.err
		case <-ctx.Done():
			return reply{}, fmt.Errorf("workqueue: asking the workers: %w", context.Cause(ctx))
		case <-late.C:
			left := s.o.NoWorkers - s.silence(q)
			if left <= 0 {
				return reply{}, s.noWorkers("a question was not answered")
			}
			late.Reset(left)
		case <-s.life.Done():
			return reply{}, ErrClosed
		case <-again.C:
		}
	}
}

// silence is how long no piece of a result has come; very long if none has.
func (s *Submitter) silence(q *query) time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	return time.Since(q.heard)
}

func (s *Submitter) noWorkers(what string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.conn == nil {
		return fmt.Errorf("workqueue: %s within %v: %w; there is no connection to a daemon: %w", what, s.o.NoWorkers, ErrNoWorkers, s.lost)
	}
	return fmt.Errorf("workqueue: %s within %v: %w; is anybody in group %s?", what, s.o.NoWorkers, ErrNoWorkers, s.group)
}

func about(verb, id string) (*jobtable.Message, error) {
	if !jobtable.ValidID(id) {
		return nil, fmt.Errorf("workqueue: %q cannot name a job: 1 to 64 letters, digits, and . _ -", id)
	}
	return jobtable.NewMessage(verb, nil).Set("id", id), nil
}

// Status asks the workers for a job that anybody has submitted. A job that nobody
// knows has the state Unknown. Errors: ErrNoWorkers, that of ctx, ErrClosed.
func (s *Submitter) Status(ctx context.Context, id string) (Status, error) {
	m, err := about("query", id)
	if err != nil {
		return Status{}, err
	}
	r, err := s.ask(ctx, &query{id: id}, m)
	if err != nil {
		return Status{}, err
	}
	return statusOf(r.m), nil
}

// Result asks the workers for the result of a job that anybody has submitted.
// Errors: a *JobError with ErrUnknown, ErrNotDone, ErrFailed, ErrCancelled or
// ErrTooLarge; those of Status.
func (s *Submitter) Result(ctx context.Context, id string) ([]byte, error) {
	m, err := about("query", id)
	if err != nil {
		return nil, err
	}
	r, err := s.ask(ctx, &query{id: id, result: true}, m.SetInt("result", 1))
	if err != nil {
		return nil, err
	}
	st := statusOf(r.m)
	e := &JobError{ID: id, Attempts: st.Attempt, Text: st.Text}
	switch st.State {
	case Done:
		return r.result, nil
	case Failed:
		e.Err = ErrFailed
	case Cancelled:
		e.Err = ErrCancelled
	case Unknown:
		e.Err = ErrUnknown
	default:
		e.Err = ErrNotDone
	}
	return nil, e
}

// Cancel asks the workers to drop a job, and returns what has become of it: one
// that runs goes on until its handler has noticed. Errors as for Status.
func (s *Submitter) Cancel(ctx context.Context, id string) (Status, error) {
	m, err := about("cancel", id)
	if err != nil {
		return Status{}, err
	}
	r, err := s.ask(ctx, &query{id: id}, m)
	if err != nil {
		return Status{}, err
	}
	return statusOf(r.m), nil
}

// Stats asks the workers about the queue. Errors as for Status.
func (s *Submitter) Stats(ctx context.Context) (Stats, error) {
	r, err := s.ask(ctx, &query{}, jobtable.NewMessage("info", nil))
	if err != nil {
		return Stats{}, err
	}
	n := func(key string) int { i, _ := r.m.Int(key, 0); return int(i) }
	return Stats{n("workers"), n("capacity"), n("waiting"), n("running"), n("ended")}, nil
}
