package netns

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// patience bounds every wait for an event; nothing passes because it has gone by.
const patience = 30 * time.Second

// nobody is the user and the group that daemons run as. They start as such, since
// a process that becomes another one would no longer be killed with its parent.
const nobody = 65534

// daemon is a node's process.
type daemon struct {
	t     testing.TB
	name  string
	space *space
	log   string // path of its output

	cmd   *exec.Cmd
	ended chan struct{} // closed when the process has ended
	asked bool          // it is to end
}

// start starts the process, and does not wait until it serves.
func (d *daemon) start() {
	d.t.Helper()
	log, err := os.OpenFile(d.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		d.t.Fatal(err)
	}
	defer log.Close()
	argv := append(append([]string{}, target.argv...), "/mnt/spread", "-c", "/mnt/spread.conf", "-n", d.name)
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = "/mnt", log, log
	cmd.Env = append(os.Environ(), "GORACE=atexit_sleep_ms=50") // instead of a second
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Pdeathsig:  syscall.SIGKILL,
		Credential: &syscall.Credential{Uid: nobody, Gid: nobody},
	}
	if err := d.space.run(cmd.Start); err != nil {
		d.t.Fatalf("starting %s: %v", d.name, err)
	}
	ended := make(chan struct{})
	d.cmd, d.ended, d.asked = cmd, ended, false
	go func() {
		_ = cmd.Wait() // stop and unexpected look at the state
		close(ended)
	}()
}

// awaitEnd waits until a process that was sent a signal has ended.
func (d *daemon) awaitEnd(ctx context.Context, s syscall.Signal) {
	d.t.Helper()
	select {
	case <-d.ended:
	case <-ctx.Done():
		d.dump()
		d.t.Fatalf("%s does not end on %v", d.name, s)
	}
}

// dump has a daemon that hangs say what it is at (if it is a Go program), and ends
// it.
func (d *daemon) dump() {
	_ = d.cmd.Process.Signal(syscall.SIGQUIT)
	select {
	case <-d.ended:
	case <-time.After(patience / 10):
		_ = d.cmd.Process.Kill()
		<-d.ended
	}
}

func (d *daemon) signal(s syscall.Signal) {
	d.t.Helper()
	if err := d.cmd.Process.Signal(s); err != nil {
		d.t.Fatalf("sending %v to %s: %v", s, d.name, err)
	}
}

// unexpected says that the daemon has ended without having been asked to, or what
// in its output should not be there; "" if all is well.
func (d *daemon) unexpected() string {
	select {
	case <-d.ended:
		if !d.asked {
			return fmt.Sprintf("%s has ended: %v", d.name, d.cmd.ProcessState)
		}
	default:
	}
	text, err := os.ReadFile(d.log)
	if err != nil {
		return err.Error()
	}
	for _, bad := range []string{"DATA RACE", "panic:", "fatal error:"} {
		if strings.Contains(string(text), bad) {
			return d.name + " says " + bad
		}
	}
	return ""
}

// resident is the memory that the process has, in bytes.
func (d *daemon) resident() int {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", d.cmd.Process.Pid))
	if err != nil {
		return 0
	}
	if f := strings.Fields(string(b)); len(f) > 1 {
		if pages, err := strconv.Atoi(f[1]); err == nil {
			return pages * os.Getpagesize()
		}
	}
	return 0
}

// report shows the end of the daemon's output, and keeps all of it if the artifacts of
// the test are kept.
func (d *daemon) report() {
	const most = 1500
	text, err := os.ReadFile(d.log)
	if err != nil {
		d.t.Log(err)
		return
	}
	d.t.Logf("%s said\n%s", d.name, text[max(0, len(text)-most):])
	_ = os.WriteFile(filepath.Join(d.t.ArtifactDir(), d.name+".log"), text, 0o644) // an aid, no more
}

// install puts the program where all spaces see it.
func install(t testing.TB, dir string) {
	t.Helper()
	from, err := os.Open(target.binary)
	if err != nil {
		t.Fatal(err)
	}
	defer from.Close()
	to, err := os.OpenFile(filepath.Join(dir, "spread"), os.O_CREATE|os.O_WRONLY, 0o755)
	if err != nil {
		t.Fatal(err)
	}
	_, err = io.Copy(to, from)
	if closing := to.Close(); err == nil {
		err = closing
	}
	if err != nil {
		t.Fatal(err)
	}
}
