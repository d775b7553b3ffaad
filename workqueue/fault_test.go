package workqueue

import (
	"context"
	"errors"
	"runtime"
	"strings"
	"testing"
	"time"

	"gospread/spread"
)

// stuckHandler tells where a job is, and stays there until it is stopped.
func stuckHandler(at chan<- string, name string) Handler {
	return func(ctx context.Context, t *Task) ([]byte, error) {
		at <- name
		<-ctx.Done()
		return nil, context.Cause(ctx)
	}
}

func TestDaemonOfAWorkerDies(t *testing.T) {
	c := cluster(t, 3)
	at := make(chan string, 10)
	run(t, c.Addr("a"), stuckHandler(at, "a"), nil)
	s := submitter(t, c.Addr("c"), nil)
	waitWorkers(t, s, 1)
	j, err := s.Submit(limited(t), []byte("ab"))
	if err != nil {
		t.Fatal(err)
	}
	<-at
	run(t, c.Addr("b"), reverse, nil)
	waitWorkers(t, s, 2)
	c.Kill("a")
	if got := mustWait(t, j); got != "ba" {
		t.Fatal(got)
	}
	if st := j.Status(); st.State != Done {
		t.Fatalf("%+v", st)
	}
	// The worker comes back, learns that the job is done, and its handler ends.
	c.Restart("a")
	waitWorkers(t, s, 2)
	if st, err := s.Stats(limited(t)); err != nil || st.Ended != 1 || st.Running != 0 {
		t.Fatalf("%+v, %v", st, err)
	}
}

func TestOnlyDaemonRestarts(t *testing.T) {
	c := cluster(t, 1)
	at, release := make(chan string, 10), make(chan struct{})
	run(t, c.Addr("a"), func(ctx context.Context, task *Task) ([]byte, error) {
		at <- "a"
		<-release
		return reverse(ctx, task)
	}, nil)
	s := submitter(t, c.Addr("a"), &SubmitterOptions{retry: 50 * time.Millisecond})
	var jobs []*Job
	for _, p := range []string{"ab", "cd", "ef"} {
		j, err := s.Submit(limited(t), []byte(p))
		if err != nil {
			t.Fatal(err)
		}
		jobs = append(jobs, j)
	}
	<-at
	c.Kill("a")
	close(release) // done while there is no connection
	c.Restart("a")
	for i, want := range []string{"ba", "dc", "fe"} {
		if got := mustWait(t, jobs[i]); got != want {
			t.Fatal(got)
		}
	}
	if n := len(at); n != 2 {
		t.Fatalf("two jobs were to be started after the restart, not %d", n)
	}
}

func TestPartition(t *testing.T) {
	c := cluster(t, 3)
	at, release := make(chan string, 10), make(chan struct{})
	h := func(name string) Handler {
		return func(ctx context.Context, task *Task) ([]byte, error) {
			at <- name
			select {
			case <-release:
				return []byte(name), nil
			case <-ctx.Done():
				return nil, context.Cause(ctx)
			}
		}
	}
	wa := run(t, c.Addr("a"), h("a"), nil)
	s := submitter(t, c.Addr("c"), &SubmitterOptions{poll: 200 * time.Millisecond})
	waitWorkers(t, s, 1)
	j, err := s.Submit(limited(t), nil)
	if err != nil {
		t.Fatal(err)
	}
	if where := <-at; where != "a" {
		t.Fatal(where)
	}
	wb := run(t, c.Addr("b"), h("b"), nil)
	waitWorkers(t, s, 2)
	c.Partition([]string{"a"}, []string{"b", "c"})
	if where := <-at; where != "b" { // the other part takes it over
		t.Fatal(where)
	}
	// The side with a goes on with jobs of its own.
	sa := submitter(t, c.Addr("a"), nil)
	waitWorkers(t, sa, 1)
	ja, err := sa.Submit(limited(t), nil)
	if err != nil {
		t.Fatal(err)
	}
	close(release)
	if got := mustWait(t, j); got != "b" {
		t.Fatal(got)
	}
	if got := mustWait(t, ja); got != "a" {
		t.Fatal(got)
	}
	c.Heal()
	waitWorkers(t, s, 2)
	ra, err1 := sa.Result(limited(t), j.ID())
	rc, err2 := s.Result(limited(t), j.ID())
	if err1 != nil || err2 != nil || string(ra) != string(rc) {
		t.Fatalf("%q %v, %q %v", ra, err1, rc, err2)
	}
	waitEqual(t, wa, wb) // the one that has answered may be ahead of the other
	if x, y := wa.Stats(), wb.Stats(); x != y || x.Ended != 2 {
		t.Fatalf("%+v, %+v", x, y)
	}
}

// A submitter that is cut off from all workers gets its result after the merge.
func TestSubmitterCutOff(t *testing.T) {
	c := cluster(t, 2)
	at, release := make(chan string, 10), make(chan struct{})
	w := run(t, c.Addr("a"), func(context.Context, *Task) ([]byte, error) {
		at <- ""
		<-release
		return []byte("done"), nil
	}, nil)
	s := submitter(t, c.Addr("b"), &SubmitterOptions{poll: 50 * time.Millisecond})
	j, err := s.Submit(limited(t), nil)
	if err != nil {
		t.Fatal(err)
	}
	<-at
	c.Partition([]string{"a"}, []string{"b"})
	c.WaitForView(limited(t), "a")
	c.WaitForView(limited(t), "b")
	close(release)
	sa := submitter(t, c.Addr("a"), nil)
	for ctx := limited(t); ; {
		if st, err := sa.Status(ctx, j.ID()); err != nil || st.State == Done {
			break
		}
	}
	c.Heal()
	if got := mustWait(t, j); got != "done" {
		t.Fatal(got)
	}
	if st := w.Stats(); st.Ended != 1 {
		t.Fatalf("%+v", st)
	}
}

// A job that kills its workers is given up after as many as it may have.
func TestPoison(t *testing.T) {
	c := cluster(t, 4)
	at := make(chan string, 10)
	for _, d := range []string{"a", "b", "c"} {
		run(t, c.Addr(d), stuckHandler(at, d), &WorkerOptions{Grace: -1})
	}
	s := submitter(t, c.Addr("d"), nil)
	waitWorkers(t, s, 3)
	j, err := s.Submit(limited(t), nil, WithMaxAttempts(2))
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		c.Kill(<-at)
	}
	if _, err := j.Wait(limited(t)); !errors.Is(err, ErrFailed) || !strings.Contains(err.Error(), "lost, 2 times") {
		t.Fatal(err)
	}
	if len(at) != 0 {
		t.Fatal("the third worker was given the job")
	}
}

func TestWorkerEndsInOrder(t *testing.T) {
	c := cluster(t, 1)
	var n counter
	at, release := make(chan string, 10), make(chan struct{})
	first := run(t, c.Addr("a"), n.handler(func(ctx context.Context, task *Task) ([]byte, error) {
		at <- ""
		<-release
		return []byte("first"), nil
	}), nil)
	s := submitter(t, c.Addr("a"), nil)
	j1, err := s.Submit(limited(t), nil)
	if err != nil {
		t.Fatal(err)
	}
	<-at
	first.end()
	// It takes no more, but finishes what it has.
	for ctx := limited(t); ; {
		if st, err := s.Stats(ctx); err != nil {
			t.Fatal(err)
		} else if st.Capacity == 0 {
			break
		}
	}
	j2, err := s.Submit(limited(t), []byte("ab"))
	if err != nil {
		t.Fatal(err)
	}
	run(t, c.Addr("a"), n.handler(reverse), nil)
	if got := mustWait(t, j2); got != "ba" {
		t.Fatal(got)
	}
	close(release)
	if got := mustWait(t, j1); got != "first" {
		t.Fatal(got)
	}
	first.stop()
	waitWorkers(t, s, 1)
	if n.n[j1.ID()] != 1 || n.n[j2.ID()] != 1 {
		t.Fatal(n.n)
	}
}

// Somebody in the group who is no worker holds the queue up once, and not for
// longer than the workers' patience.
func TestStrangerInTheGroup(t *testing.T) {
	c := cluster(t, 1)
	stranger := c.Dial("a")
	if err := stranger.Join(t.Context(), "wq-reports"); err != nil {
		t.Fatal(err)
	}
	if _, err := stranger.Receive(limited(t)); err != nil { // its view
		t.Fatal(err)
	}
	s := submitter(t, c.Addr("a"), nil)
	if _, err := s.SubmitAsync(limited(t), []byte("xy")); err != nil {
		t.Fatal(err)
	}
	if ev, err := stranger.Receive(limited(t)); err != nil || ev.(*spread.Message).Service != spread.Safe {
		t.Fatalf("%+v, %v", ev, err)
	}
	go func() {
		for range stranger.Events(t.Context()) {
		}
	}()
	if err := stranger.Multicast(t.Context(), spread.Agreed, "wq-reports", []byte("hello?")); err != nil {
		t.Fatal(err)
	}
	o := &WorkerOptions{Patience: 100 * time.Millisecond}
	run(t, c.Addr("a"), reverse, o)
	waitWorkers(t, s, 1)
	run(t, c.Addr("a"), reverse, &WorkerOptions{Patience: time.Hour}) // learns from the other that nobody is waited for
	waitWorkers(t, s, 2)
	j, err := s.Submit(limited(t), []byte("ab"))
	if err != nil {
		t.Fatal(err)
	}
	if got := mustWait(t, j); got != "ba" {
		t.Fatal(got)
	}
}

func TestRefusals(t *testing.T) {
	if _, err := NewWorker("4803", "a b", reverse, nil); err == nil {
		t.Error("a queue with a blank")
	}
	if _, err := NewWorker("4803", "q", nil, nil); err == nil {
		t.Error("no handler")
	}
	if _, err := NewWorker("4803", "q", reverse, &WorkerOptions{Capacity: -1}); err == nil {
		t.Error("negative capacity")
	}
	if _, err := NewWorker("4803", "q", reverse, &WorkerOptions{Limits: Limits{Jobs: -1}}); err == nil {
		t.Error("negative limit")
	}
	if _, err := NewSubmitter(t.Context(), "1@127.0.0.1", "q", nil); !errors.Is(err, spread.ErrCouldNotConnect) {
		t.Error(err)
	}
	w, err := NewWorker("4803@no such host", "q", reverse, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Run(t.Context()); !errors.Is(err, spread.ErrIllegalSpread) {
		t.Error(err)
	}
}

// A worker without a connection and without jobs has nothing to wait for.
func TestEndWithoutDaemon(t *testing.T) {
	c := cluster(t, 1)
	w := run(t, c.Addr("a"), reverse, &WorkerOptions{Grace: time.Hour})
	waitWorkers(t, submitter(t, c.Addr("a"), nil), 1)
	c.Kill("a")
	w.stop()
}

// The last worker tells all it has to tell before it goes.
func TestLastWords(t *testing.T) {
	c := cluster(t, 1)
	for range 20 {
		at := make(chan string, 1)
		w := run(t, c.Addr("a"), stuckHandler(at, "a"), nil)
		s := submitter(t, c.Addr("a"), nil)
		j, err := s.Submit(limited(t), nil)
		if err != nil {
			t.Fatal(err)
		}
		<-at
		w.end()
		if err := j.Cancel(limited(t)); err != nil {
			t.Fatal(err)
		}
		if _, err := j.Wait(limited(t)); !errors.Is(err, ErrCancelled) {
			t.Fatal(err)
		}
		w.stop()
	}
}

// A handler that does not look at its context keeps its slot: what comes later goes to
// other workers, and the worker ends all the same.
func TestHandlerThatDoesNotEnd(t *testing.T) {
	c := cluster(t, 1)
	hang := make(chan struct{})
	t.Cleanup(func() { close(hang) })
	h := func(ctx context.Context, task *Task) ([]byte, error) {
		if string(task.Payload) == "hang" {
			<-hang
		}
		return reverse(ctx, task)
	}
	run(t, c.Addr("a"), h, &WorkerOptions{Grace: -1})
	s := submitter(t, c.Addr("a"), nil)
	waitWorkers(t, s, 1)
	run(t, c.Addr("a"), h, &WorkerOptions{Grace: -1})
	waitWorkers(t, s, 2)
	j, err := s.Submit(limited(t), []byte("hang"), WithTimeout(50*time.Millisecond), WithMaxAttempts(1))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := j.Wait(limited(t)); !errors.Is(err, ErrFailed) {
		t.Fatal(err)
	}
	for i := range 4 {
		j, err := s.Submit(limited(t), []byte(label(i)))
		if err != nil {
			t.Fatal(err)
		}
		mustWait(t, j)
	}
	if st, err := s.Stats(limited(t)); err != nil || st.Capacity != 1 {
		t.Fatalf("%+v, %v", st, err)
	}
}

// A handler that ends late gives its slot back.
func TestHandlerThatEndsLate(t *testing.T) {
	c := cluster(t, 1)
	hang := make(chan struct{})
	h := func(ctx context.Context, task *Task) ([]byte, error) {
		if task.Attempt() == 1 && string(task.Payload) == "hang" {
			<-hang
			return nil, errors.New("late")
		}
		return reverse(ctx, task)
	}
	run(t, c.Addr("a"), h, nil)
	s := submitter(t, c.Addr("a"), nil)
	j, err := s.Submit(limited(t), []byte("hang"), WithTimeout(50*time.Millisecond))
	if err != nil {
		t.Fatal(err)
	}
	for st := (Stats{}); st.Running != 0 || st.Waiting != 1; {
		if st, err = s.Stats(limited(t)); err != nil {
			t.Fatal(err)
		}
	}
	close(hang)
	if got := mustWait(t, j); got != "gnah" {
		t.Fatal(got)
	}
	if st, err := s.Stats(limited(t)); err != nil || st.Capacity != 1 {
		t.Fatalf("%+v, %v", st, err)
	}
}

// What has ended leaves nothing behind that runs.
func TestNothingGoesOn(t *testing.T) {
	c := cluster(t, 1)
	ours := func() string {
		b := make([]byte, 1<<20)
		return string(b[:runtime.Stack(b, true)])
	}
	goesOn := func() bool {
		s := ours()
		return strings.Contains(s, "workqueue.(*Worker)") || strings.Contains(s, "workqueue.(*Submitter)") || strings.Contains(s, "workqueue.(*Task)")
	}
	w := run(t, c.Addr("a"), func(ctx context.Context, task *Task) ([]byte, error) {
		task.Progress(1, "a")
		task.Progress(2, "b") // is told later, or not any more
		if string(task.Payload) == "stuck" {
			<-ctx.Done()
		}
		return reverse(ctx, task)
	}, &WorkerOptions{Capacity: 2, Grace: -1})
	s := submitter(t, c.Addr("a"), nil)
	for _, p := range []string{"ab", "stuck"} {
		j, err := s.Submit(limited(t), []byte(p), WithTimeout(time.Hour))
		if err != nil {
			t.Fatal(err)
		}
		if p == "ab" {
			mustWait(t, j)
		}
	}
	c.Kill("a") // and connect again
	c.Restart("a")
	waitWorkers(t, s, 1)
	if !goesOn() {
		t.Fatal("it does not see those that run")
	}
	w.stop()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	for ctx := limited(t); goesOn(); runtime.Gosched() {
		if ctx.Err() != nil {
			t.Fatal(ours())
		}
	}
}
