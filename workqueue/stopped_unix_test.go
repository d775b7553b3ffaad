//go:build unix

package workqueue

import (
	"syscall"
	"testing"
	"time"
)

// A worker that is stopped, the first of all, stops nobody else, though nobody comes
// or goes.
func TestStoppedWorker(t *testing.T) {
	need(t, "python3")
	c := cluster(t, 2)
	p := pythonWorker(t, c.Addr("a"))
	s := submitter(t, c.Addr("b"), &SubmitterOptions{retry: 50 * time.Millisecond})
	waitWorkers(t, s, 1)
	run(t, c.Addr("b"), reverse, &WorkerOptions{Patience: 200 * time.Millisecond})
	waitWorkers(t, s, 2)
	if err := p.cmd.Process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	var jobs []*Job
	for i := range 10 {
		j, err := s.SubmitAsync(limited(t), []byte(label(i)))
		if err != nil {
			t.Fatal(err)
		}
		jobs = append(jobs, j)
	}
	for i, j := range jobs {
		want, _ := reverse(t.Context(), &Task{Payload: []byte(label(i))})
		if got := mustWait(t, j); got != string(want) {
			t.Fatal(got)
		}
	}
	waitWorkers(t, s, 1)
	if err := p.cmd.Process.Signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	waitWorkers(t, s, 2)
}
