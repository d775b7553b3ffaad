package workqueue

import (
	"bytes"
	"context"
	"errors"
	"math"
	"strings"
	"testing"
	"time"
)

func TestJobsAreDone(t *testing.T) {
	c := cluster(t, 2)
	run(t, c.Addr("a"), reverse, nil)
	run(t, c.Addr("b"), reverse, nil)
	s := submitter(t, c.Addr("b"), nil)
	for i := range 50 {
		j, err := s.Submit(limited(t), []byte(label(i)))
		if err != nil {
			t.Fatal(err)
		}
		want := reversed([]byte(label(i)))
		if got := mustWait(t, j); got != string(want) {
			t.Fatalf("job %d: %q", i, got)
		}
	}
}

func TestThousandsOnce(t *testing.T) {
	c := cluster(t, 2)
	var n counter
	for _, d := range []string{"a", "b", "a"} {
		run(t, c.Addr(d), n.handler(reverse), &WorkerOptions{Capacity: 4})
	}
	s := submitter(t, c.Addr("a"), nil)
	waitWorkers(t, s, 3)
	start := time.Now()
	var jobs []*Job
	for i := range 5000 {
		j, err := s.SubmitAsync(limited(t), []byte(label(i)))
		if err != nil {
			t.Fatal(err)
		}
		jobs = append(jobs, j)
		if i == 2500 { // joins under load
			run(t, c.Addr("b"), n.handler(reverse), &WorkerOptions{Capacity: 4})
		}
	}
	for _, j := range jobs {
		mustWait(t, j)
	}
	t.Logf("%.0f jobs a second", float64(len(jobs))/time.Since(start).Seconds())
	for _, j := range jobs {
		if n.n[j.ID()] != 1 {
			t.Errorf("job %s was done %d times", j.ID(), n.n[j.ID()])
		}
	}
}

func TestLargeResult(t *testing.T) {
	c := cluster(t, 2)
	big := bytes.Repeat([]byte("0123456789"), 300_000)
	run(t, c.Addr("a"), func(context.Context, *Task) ([]byte, error) { return big, nil }, &WorkerOptions{Limits: Limits{Result: 4 << 20}})
	s := submitter(t, c.Addr("b"), nil)
	j, err := s.Submit(limited(t), nil)
	if err != nil {
		t.Fatal(err)
	}
	if got := mustWait(t, j); got != string(big) {
		t.Fatalf("the result has %d bytes and is not the one of %d", len(got), len(big))
	}
	// Another submitter, later, as a page that is loaded again.
	other := submitter(t, c.Addr("a"), nil)
	if got, err := other.Result(limited(t), j.ID()); err != nil || !bytes.Equal(got, big) {
		t.Fatalf("asked for, it has %d bytes: %v", len(got), err)
	}
	if a, err := other.Attach(limited(t), j.ID()); err != nil || mustWait(t, a) != string(big) {
		t.Fatal(err)
	}
	small := submitter(t, c.Addr("a"), &SubmitterOptions{MaxResult: 1000})
	if _, err := small.Result(limited(t), j.ID()); !errors.Is(err, ErrTooLarge) {
		t.Fatal(err)
	}
	big = append(big, make([]byte, 2<<20)...)
	j, err = s.Submit(limited(t), nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := j.Wait(limited(t)); !errors.Is(err, ErrFailed) || !strings.Contains(err.Error(), "5097152 bytes") {
		t.Fatal(err)
	}
}

func TestOutcomes(t *testing.T) {
	c := cluster(t, 1)
	run(t, c.Addr("a"), func(ctx context.Context, task *Task) ([]byte, error) {
		switch string(task.Payload) {
		case "fail":
			return nil, errors.New("no\nway")
		case "panic":
			panic("oh")
		case "retry":
			if task.Attempt() < 3 {
				return nil, Retry(errors.New("later"))
			}
			return []byte("third time"), nil
		case "slow":
			<-ctx.Done()
			return nil, ctx.Err()
		}
		return nil, nil
	}, &WorkerOptions{Capacity: 4})
	s := submitter(t, c.Addr("a"), nil)
	for _, x := range []struct {
		payload, want string
		kind          error
		opts          []JobOption
	}{
		{"fail", "no way", ErrFailed, nil},
		{"panic", "panicked: oh", ErrFailed, nil},
		{"retry", "third time", nil, nil},
		{"retry", "later", ErrFailed, []JobOption{WithMaxAttempts(2)}},
		{"slow", "longer than 20ms", ErrFailed, []JobOption{WithTimeout(20 * time.Millisecond)}},
		{"", "", nil, nil},
	} {
		j, err := s.Submit(limited(t), []byte(x.payload), x.opts...)
		if err != nil {
			t.Fatal(err)
		}
		b, err := j.Wait(limited(t))
		if !errors.Is(err, x.kind) || err != nil && !strings.Contains(err.Error(), x.want) || err == nil && string(b) != x.want {
			t.Errorf("%q: %q, %v", x.payload, b, err)
		}
	}
}

func TestProgressAndCancel(t *testing.T) {
	c := cluster(t, 1)
	run(t, c.Addr("a"), func(ctx context.Context, task *Task) ([]byte, error) {
		task.Progress(30, "reading")
		<-ctx.Done()
		return nil, context.Cause(ctx)
	}, nil)
	s := submitter(t, c.Addr("a"), nil)
	j, err := s.Submit(limited(t), nil)
	if err != nil {
		t.Fatal(err)
	}
	for st := range j.Progress() {
		if st.Percent == 30 {
			break
		}
	}
	st, err := s.Status(limited(t), j.ID())
	if err != nil || st.State != Running || st.Percent != 30 || st.Text != "reading" || st.Attempt != 1 || !strings.HasSuffix(st.On, "#a") {
		t.Fatalf("%+v, %v", st, err)
	}
	second, err := s.Submit(limited(t), nil)
	if err != nil {
		t.Fatal(err)
	}
	if st, err := s.Status(limited(t), second.ID()); err != nil || st.State != Waiting || st.Position != 0 {
		t.Fatalf("%+v, %v", st, err)
	}
	if _, err := s.Result(limited(t), second.ID()); !errors.Is(err, ErrNotDone) {
		t.Fatal(err)
	}
	for _, x := range []*Job{second, j} {
		if err := x.Cancel(limited(t)); err != nil {
			t.Fatal(err)
		}
		if _, err := x.Wait(limited(t)); !errors.Is(err, ErrCancelled) {
			t.Fatal(err)
		}
	}
	if st, err := s.Status(limited(t), "nobody-knows"); err != nil || st.State != Unknown {
		t.Fatalf("%+v, %v", st, err)
	}
	if st, err := s.Stats(limited(t)); err != nil || st != (Stats{Workers: 1, Capacity: 1, Ended: 2}) {
		t.Fatalf("%+v, %v", st, err)
	}
}

func TestQueueFull(t *testing.T) {
	c := cluster(t, 1)
	release := make(chan struct{})
	run(t, c.Addr("a"), func(context.Context, *Task) ([]byte, error) { <-release; return nil, nil }, &WorkerOptions{Limits: Limits{Jobs: 3, Bytes: 100}})
	s := submitter(t, c.Addr("a"), nil)
	var jobs []*Job
	for range 2 {
		j, err := s.Submit(limited(t), []byte("x"))
		if err != nil {
			t.Fatal(err)
		}
		jobs = append(jobs, j)
	}
	if _, err := s.Submit(limited(t), make([]byte, 99)); !errors.Is(err, ErrQueueFull) || !strings.Contains(err.Error(), "limit is 100") {
		t.Fatal(err)
	}
	j, err := s.Submit(limited(t), nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Submit(limited(t), nil); !errors.Is(err, ErrQueueFull) || !strings.Contains(err.Error(), "3 jobs") {
		t.Fatal(err)
	}
	close(release)
	for _, j := range append(jobs, j) {
		mustWait(t, j)
	}
	if _, err := s.Submit(limited(t), nil); err != nil {
		t.Fatal(err)
	}
}

func TestNoWorkers(t *testing.T) {
	c := cluster(t, 1)
	s := submitter(t, c.Addr("a"), &SubmitterOptions{NoWorkers: 100 * time.Millisecond, Outstanding: 2, retry: 20 * time.Millisecond})
	if _, err := s.Submit(limited(t), nil); !errors.Is(err, ErrNoWorkers) || !strings.Contains(err.Error(), "wq-reports") {
		t.Fatal(err)
	}
	if _, err := s.Status(limited(t), "x"); !errors.Is(err, ErrNoWorkers) {
		t.Fatal(err)
	}
	// What was submitted before there is anybody is done when somebody comes.
	j, err := s.SubmitAsync(limited(t), []byte("ab"), WithID("early"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.SubmitAsync(limited(t), nil, WithID("early")); err == nil {
		t.Fatal("the same name twice")
	}
	if _, err := s.SubmitAsync(limited(t), nil); err != nil {
		t.Fatal(err)
	}
	if _, err := s.SubmitAsync(limited(t), nil); !errors.Is(err, ErrQueueFull) {
		t.Fatal(err)
	}
	run(t, c.Addr("a"), reverse, nil)
	if got := mustWait(t, j); got != "ba" {
		t.Fatal(got)
	}
	s = submitter(t, c.Addr("a"), nil) // one with time
	if _, err := s.Submit(limited(t), make([]byte, MaxPayload+1)); !errors.Is(err, ErrTooLarge) {
		t.Fatal(err)
	}
	if _, err := s.Submit(limited(t), make([]byte, MaxPayload)); err != nil {
		t.Fatal(err)
	}
}

func TestWithoutResult(t *testing.T) {
	c := cluster(t, 1)
	run(t, c.Addr("a"), reverse, nil)
	s := submitter(t, c.Addr("a"), nil)
	j, err := s.Submit(limited(t), []byte("ab"), WithoutResult(), WithID("page"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := j.Wait(limited(t)); !errors.Is(err, ErrNotDone) {
		t.Fatal(err)
	}
	ctx := limited(t)
	for {
		b, err := s.Result(ctx, "page")
		if err == nil && string(b) == "ba" {
			break
		}
		if !errors.Is(err, ErrNotDone) {
			t.Fatalf("%q, %v", b, err)
		}
	}
	if _, err := s.Result(ctx, "other"); !errors.Is(err, ErrUnknown) {
		t.Fatal(err)
	}
	if _, err := s.Attach(ctx, "what is this"); err == nil {
		t.Fatal("attached to what cannot be")
	}
	j, err = s.Attach(ctx, "other")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := j.Wait(ctx); !errors.Is(err, ErrUnknown) {
		t.Fatal(err)
	}
	if err := j.Accepted(ctx); !errors.Is(err, ErrUnknown) {
		t.Fatal(err)
	}
}

// Who wants no limit says so with the largest numbers.
func TestLargestNumbers(t *testing.T) {
	c := cluster(t, 1)
	most := Limits{Jobs: math.MaxInt, Bytes: math.MaxInt, Kept: math.MaxInt, KeptBytes: math.MaxInt, Result: math.MaxInt}
	run(t, c.Addr("a"), reverse, &WorkerOptions{Limits: most, Capacity: 1000})
	s := submitter(t, c.Addr("a"), nil)
	j, err := s.Submit(limited(t), []byte("ab"), WithMaxAttempts(math.MaxInt), WithTimeout(math.MaxInt64))
	if err != nil {
		t.Fatal(err)
	}
	if got := mustWait(t, j); got != "ba" {
		t.Fatal(got)
	}
}
