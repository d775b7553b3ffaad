//go:build unix

package e2e

import (
	"bytes"
	"errors"
	"io"
	"os/exec"
	"regexp"
	"sync"
	"syscall"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// patience bounds every wait for an event; nothing passes because it has gone by.
const patience = 30 * time.Second

// process is a program that runs beside the script.
type process struct {
	cmd      *exec.Cmd
	stdin    io.WriteCloser
	out, err output
	expected int           // how much of out was expected
	ended    chan struct{} // closed when it has ended and all output is here
}

// output collects what a process prints.
type output struct {
	mu      sync.Mutex
	b       []byte
	changed chan struct{} // closed with the next output
}

func (o *output) Write(b []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.b = append(o.b, b...)
	if o.changed != nil {
		close(o.changed)
		o.changed = nil
	}
	return len(b), nil
}

// from returns the output behind an offset, and what is closed when there is more.
func (o *output) from(offset int) ([]byte, <-chan struct{}) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.changed == nil {
		o.changed = make(chan struct{})
	}
	return bytes.Clone(o.b[offset:]), o.changed
}

type (
	processesKey struct{}
	processes    map[string]*process
)

// kill ends what still runs at the end of a script.
func (ps processes) kill() {
	for _, p := range ps {
		_ = p.cmd.Process.Kill()
		<-p.ended
	}
}

func find(ts *testscript.TestScript, name string) *process {
	p := ts.Value(processesKey{}).(processes)[name]
	if p == nil {
		ts.Fatalf("no process is called %s", name)
	}
	return p
}

// start NAME PROGRAM ARGUMENT... runs a program beside the script.
func start(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: start NAME PROGRAM ARGUMENT...")
	}
	ps := ts.Value(processesKey{}).(processes)
	if old := ps[args[0]]; old != nil {
		select {
		case <-old.ended:
		default:
			ts.Fatalf("%s is still running", args[0])
		}
	}
	p := &process{cmd: exec.Command(args[1], args[2:]...), ended: make(chan struct{})}
	p.cmd.Dir, p.cmd.Stdout, p.cmd.Stderr = ts.MkAbs("."), &p.out, &p.err
	stdin, err := p.cmd.StdinPipe()
	ts.Check(err)
	p.stdin = stdin
	ts.Check(p.cmd.Start())
	ps[args[0]] = p
	go func() {
		_ = p.cmd.Wait() // exit looks at the status
		close(p.ended)
	}()
}

// expect NAME REGEXP waits until a process has printed something that matches,
// behind what was expected before. ^ and $ are those of a line.
func expect(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: expect NAME REGEXP")
	}
	p := find(ts, args[0])
	re, err := regexp.Compile("(?m)" + args[1])
	ts.Check(err)
	limit := time.After(patience)
	for over := false; ; {
		rest, changed := p.out.from(p.expected)
		if m := re.FindIndex(rest); m != nil {
			p.expected += m[1]
			return
		}
		if over {
			stderr, _ := p.err.from(0)
			ts.Fatalf("%s has ended (%v) without it; it goes on with\n%s\nand says\n%s", args[0], p.cmd.ProcessState, rest, stderr)
		}
		select {
		case <-changed:
		case <-p.ended:
			over = true // look once more at all of it
		case <-limit:
			ts.Fatalf("%s goes on with\n%s", args[0], rest)
		}
	}
}

// send NAME LINE... types lines.
func send(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 1 {
		ts.Fatalf("usage: send NAME LINE...")
	}
	p := find(ts, args[0])
	for _, line := range args[1:] {
		_, err := io.WriteString(p.stdin, line+"\n")
		ts.Check(err)
	}
}

// eof NAME ends the input.
func eof(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: eof NAME")
	}
	ts.Check(find(ts, args[0]).stdin.Close())
}

// signal NAME SIGNAL sends a signal.
func signal(ts *testscript.TestScript, neg bool, args []string) {
	signals := map[string]syscall.Signal{
		"HUP": syscall.SIGHUP, "INT": syscall.SIGINT, "TERM": syscall.SIGTERM, "KILL": syscall.SIGKILL,
		"QUIT": syscall.SIGQUIT, "USR1": syscall.SIGUSR1, "STOP": syscall.SIGSTOP, "CONT": syscall.SIGCONT,
	}
	if neg || len(args) != 2 || signals[args[1]] == 0 {
		ts.Fatalf("usage: signal NAME SIGNAL")
	}
	ts.Check(find(ts, args[0]).cmd.Process.Signal(signals[args[1]]))
}

// exit NAME CODE waits for the end of a process, and makes its output that of
// the last command.
func exit(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: exit NAME CODE")
	}
	p := find(ts, args[0])
	select {
	case <-p.ended:
	case <-time.After(patience):
		rest, _ := p.out.from(p.expected)
		ts.Fatalf("%s does not end; it goes on with\n%s", args[0], rest)
	}
	stdout, _ := p.out.from(0)
	stderr, _ := p.err.from(0)
	_, _ = ts.Stdout().Write(stdout)
	_, _ = ts.Stderr().Write(stderr)
	checkCode(ts, args[1], p.cmd.ProcessState.ExitCode(), stdout, stderr)
}

// exits CODE PROGRAM ARGUMENT... runs a program to its end; the output is that
// of the last command.
func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE PROGRAM ARGUMENT...")
	}
	code := 0
	var failed *exec.ExitError
	if err := ts.Exec(args[1], args[2:]...); errors.As(err, &failed) {
		code = failed.ExitCode()
	} else {
		ts.Check(err)
	}
	checkCode(ts, args[0], code, nil, nil)
}
