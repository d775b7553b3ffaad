package reports_test

import (
	"bufio"
	"bytes"
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// needs skips where the example cannot run, or fails if it must.
func needs(t *testing.T) {
	t.Helper()
	if testing.Short() {
		t.Skip("not with -short")
	}
	if said, err := exec.Command("python3", "demo.py", "--check").CombinedOutput(); err != nil {
		if os.Getenv("SPREAD_CONFORMANCE_ALL") != "" {
			t.Fatalf("%v: %s", err, said)
		}
		t.Skipf("%v: %s", err, said)
	}
}

var binaries string // a directory

func TestMain(m *testing.M) {
	flag.Parse()
	os.Exit(func() int {
		var err error
		if binaries, err = os.MkdirTemp("", "reports-test"); err != nil {
			panic(err)
		}
		defer os.RemoveAll(binaries)
		return m.Run()
	}())
}

// daemon builds the program once for all.
var daemon = sync.OnceValues(func() (string, error) {
	file := filepath.Join(binaries, "spread")
	build := exec.Command("go", "build", "-buildvcs=false", "-o", file, "gospread/spread/cmd/spread")
	if said, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("%w: %s", err, said)
	}
	return file, os.Chmod(binaries, 0o755)
})

// demo is a running demo.py.
type demo struct {
	t       *testing.T
	cmd     *exec.Cmd
	in      io.WriteCloser
	work    string
	ended   chan struct{}
	changed chan struct{} // has a token when it has said something

	mu   sync.Mutex
	said bytes.Buffer
}

// start runs demo.py, perhaps as another user.
func start(t *testing.T, as []string, args ...string) *demo {
	t.Helper()
	file, err := daemon()
	if err != nil {
		t.Fatal(err)
	}
	argv := append(as, "python3", "demo.py", "--spread", file)
	d := &demo{t: t, ended: make(chan struct{}), changed: make(chan struct{}, 1)}
	d.cmd = exec.Command(argv[0], append(argv[1:], args...)...)
	d.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	d.in, err = d.cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := d.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	d.cmd.Stderr = d.cmd.Stdout
	if err := d.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go d.read(out)
	t.Cleanup(func() {
		d.end(syscall.SIGTERM)
		if t.Failed() {
			t.Logf("the demo said:\n%s", d.text())
		}
	})
	d.work = d.says(`Starting in (\S+);`)
	return d
}

func (d *demo) read(out io.Reader) {
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		d.mu.Lock()
		d.said.WriteString(lines.Text() + "\n")
		d.mu.Unlock()
		d.tick()
	}
	_ = d.cmd.Wait() // its state says it all
	close(d.ended)
	d.tick()
}

func (d *demo) tick() {
	select {
	case d.changed <- struct{}{}:
	default:
	}
}

func (d *demo) text() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.said.String()
}

// says waits for a line, and returns what is in the last match's parentheses.
func (d *demo) says(pattern string) string {
	d.t.Helper()
	return d.saysAfter(0, pattern)
}

// saysAfter does not look at what was said before.
func (d *demo) saysAfter(before int, pattern string) string {
	d.t.Helper()
	re := regexp.MustCompile(pattern)
	ctx, cancel := context.WithTimeout(d.t.Context(), 2*patience)
	defer cancel()
	for {
		if all := re.FindAllStringSubmatch(d.text()[before:], -1); all != nil {
			last := all[len(all)-1]
			return last[len(last)-1]
		}
		select {
		case <-d.changed:
		case <-ctx.Done():
			d.t.Fatalf("the demo has not said %q", pattern)
		}
		select {
		case <-d.ended:
			if !re.MatchString(d.text()[before:]) {
				d.t.Fatalf("the demo has ended (%v) without saying %q", d.cmd.ProcessState, pattern)
			}
		default:
		}
	}
}

// kill ends programs of the demo without a warning, and waits until that is known.
func (d *demo) kill(names ...string) {
	d.t.Helper()
	before := len(d.text())
	for _, name := range names {
		d.signal(name, syscall.SIGKILL)
	}
	for _, name := range names {
		d.saysAfter(before, name+` has ended, with signal 9`)
	}
}

func (d *demo) signal(name string, sign syscall.Signal) {
	d.t.Helper()
	pid, err := strconv.Atoi(d.says(`(?m)^\s*` + name + ` .*pid (\d+)`))
	if err == nil {
		err = syscall.Kill(pid, sign)
	}
	if err != nil {
		d.t.Fatalf("sending %v to %s: %v", sign, name, err)
	}
}

// restart starts a program that was killed.
func (d *demo) restart(name string) {
	d.t.Helper()
	before := len(d.text())
	if _, err := fmt.Fprintf(d.in, "start %s\n", name); err != nil {
		d.t.Fatal(err)
	}
	d.saysAfter(before, name+` is running, pid (\d+)`)
}

// end stops the demo, and looks that nothing is left of it.
func (d *demo) end(sign syscall.Signal) {
	d.t.Helper()
	select {
	case <-d.ended:
	default:
		_ = d.cmd.Process.Signal(sign) // it may have ended just now
	}
	select {
	case <-d.ended:
	case <-time.After(patience):
		d.t.Errorf("the demo does not end")
		return
	}
	if d.work == "" {
		return
	}
	if _, err := os.Stat(d.work); !os.IsNotExist(err) {
		d.t.Errorf("the demo has left %s behind (%v)", d.work, err)
	}
	if left := living(d.work); left != "" {
		d.t.Errorf("the demo has left processes behind:\n%s", left)
	}
}

// living lists the processes that were started in a directory.
func living(work string) string {
	var b strings.Builder
	files, _ := filepath.Glob("/proc/[0-9]*/environ")
	for _, file := range files {
		env, err := os.ReadFile(file)
		if err != nil || !bytes.Contains(env, []byte("WORK="+work)) {
			continue
		}
		if command, err := os.ReadFile(filepath.Join(filepath.Dir(file), "cmdline")); err == nil && len(command) > 0 {
			fmt.Fprintf(&b, "%s %s\n", filepath.Dir(file), bytes.ReplaceAll(command, []byte{0}, []byte{' '}))
		}
	}
	return b.String()
}
