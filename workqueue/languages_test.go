package workqueue

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
)

// need skips a test on machines without a language. CI has them all.
func need(t *testing.T, language string) {
	t.Helper()
	if _, err := exec.LookPath(language); err != nil {
		if os.Getenv("SPREAD_CONFORMANCE_ALL") != "" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
}

// command runs a program of the repository in its root.
func command(name string, arg ...string) *exec.Cmd {
	c := exec.Command(name, arg...)
	c.Env = append(os.Environ(), "PYTHONPATH=../clients/python")
	c.Stderr = os.Stderr
	return c
}

// process is a Python worker.
type process struct {
	t     *testing.T
	cmd   *exec.Cmd
	in    io.WriteCloser
	lines *bufio.Scanner
	once  sync.Once
}

func pythonWorker(t *testing.T, addr string) *process {
	t.Helper()
	p := &process{t: t, cmd: command("python3", "testdata/worker.py", addr, "reports")}
	p.in, _ = p.cmd.StdinPipe()
	out, err := p.cmd.StdoutPipe()
	if err == nil {
		err = p.cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	p.lines = bufio.NewScanner(out)
	t.Cleanup(p.kill)
	return p
}

func (p *process) kill() {
	p.once.Do(func() {
		_ = p.cmd.Process.Kill()
		_ = p.cmd.Wait()
	})
}

// line returns the next line that it prints.
func (p *process) line() string {
	p.t.Helper()
	if !p.lines.Scan() {
		p.t.Fatal("the worker has ended: ", p.lines.Err())
	}
	return p.lines.Text()
}

// digest asks for what the worker's table holds.
func (p *process) digest() string {
	p.t.Helper()
	if _, err := fmt.Fprintln(p.in); err != nil {
		p.t.Fatal(err)
	}
	for {
		if l := p.line(); strings.HasPrefix(l, "digest") {
			return l
		}
	}
}

func (r *running) digest() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.core.Settled() {
		return "digest ?"
	}
	return fmt.Sprint("digest ", r.core.Digest(), " ", r.core.Counts().Workers)
}

// waitEqual waits until all workers hold the same table, which is not empty.
func waitEqual(t *testing.T, all ...interface{ digest() string }) {
	t.Helper()
	ctx := limited(t)
	for {
		want := all[0].digest()
		equal := !strings.Contains(want, "?")
		for _, w := range all[1:] {
			equal = w.digest() == want && equal
		}
		if equal {
			return
		}
		if ctx.Err() != nil {
			t.Fatal("the tables differ: ", want)
		}
	}
}

// Workers in Go and in Python do the jobs of one queue, and decide alike whatever
// happens.
func TestGoAndPython(t *testing.T) {
	need(t, "python3")
	c := cluster(t, 3)
	wa := run(t, c.Addr("a"), reverse, &WorkerOptions{Capacity: 2})
	pb, pc := pythonWorker(t, c.Addr("b")), pythonWorker(t, c.Addr("c"))
	s := submitter(t, c.Addr("c"), &SubmitterOptions{})
	waitWorkers(t, s, 3)
	jobs := make(map[string]*Job)
	submit := func(to *Submitter, n int) {
		for range n {
			p := label(len(jobs))
			j, err := to.SubmitAsync(limited(t), []byte(p))
			if err != nil {
				t.Fatal(err)
			}
			jobs[p] = j
		}
	}
	submit(s, 300)
	c.Partition([]string{"a"}, []string{"b", "c"})
	c.WaitForView(limited(t), "a")
	c.WaitForView(limited(t), "b", "c")
	submit(s, 100)
	sa := submitter(t, c.Addr("a"), nil)
	submit(sa, 100)
	c.Heal()
	submit(s, 100)
	pc.kill()
	submit(sa, 100)
	c.Kill("b")
	c.Restart("b")
	submit(s, 100)
	for p, j := range jobs {
		want := reversed([]byte(p))
		if got := mustWait(t, j); got != string(want) {
			t.Fatalf("%s: %q", p, got)
		}
	}
	waitWorkers(t, s, 2)
	waitEqual(t, wa, pb)
	// One that is new gets the table from the others.
	waitEqual(t, wa, pb, pythonWorker(t, c.Addr("a")), run(t, c.Addr("c"), reverse, nil))
}

// A job goes from a Python worker that is killed to one in Go, and the other way.
func TestTakeOverBetweenLanguages(t *testing.T) {
	need(t, "python3")
	c := cluster(t, 2)
	p := pythonWorker(t, c.Addr("a"))
	s := submitter(t, c.Addr("b"), nil)
	j, err := s.Submit(limited(t), []byte("stuck"))
	if err != nil {
		t.Fatal(err)
	}
	if l := p.line(); l != "stuck 1" {
		t.Fatal(l)
	}
	at := make(chan string, 1)
	run(t, c.Addr("b"), stuckHandler(at, "go"), &WorkerOptions{Grace: -1})
	waitWorkers(t, s, 2)
	p.kill()
	<-at
	p = pythonWorker(t, c.Addr("a"))
	waitWorkers(t, s, 2)
	if err := j.Cancel(limited(t)); err != nil {
		t.Fatal(err)
	}
	if _, err := j.Wait(limited(t)); err == nil {
		t.Fatal("it was cancelled")
	}
	_ = p.in.Close() // it leaves
	waitWorkers(t, s, 1)
}

// Submitters in Python and PHP, a worker in Go.
func TestSubmittersInOtherLanguages(t *testing.T) {
	c := cluster(t, 2)
	h := func(_ context.Context, task *Task) ([]byte, error) { return bytes.Repeat(task.Payload, 1<<20), nil }
	run(t, c.Addr("a"), h, nil)
	for language, script := range map[string]string{"python3": "testdata/submit.py", "php": "testdata/submit.php"} {
		t.Run(language, func(t *testing.T) {
			need(t, language)
			out, err := command(language, script, c.Addr("b"), "reports", "a", "b", "c").Output()
			if err != nil {
				t.Fatal(err)
			}
			want := make([]byte, 0, len(out))
			for _, b := range []byte("abc") {
				want = append(want, slices.Repeat([]byte{b}, 1<<20)...)
				want = append(want, '\n')
			}
			if !bytes.Equal(out, want) {
				t.Fatalf("%d bytes are not what was to come", len(out))
			}
		})
	}
}
