package compat

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// patience bounds every wait for an event. It only decides how long a broken
// daemon takes to fail a test; no test passes because it has gone by.
const patience = 20 * time.Second

// setup says how a daemon is configured; the zero value is a stock one.
type setup struct {
	name    string            // of the daemon; "localhost" if empty
	address string            // of the daemon; 127.0.0.1 if empty
	stanza  string            // interface list after the address
	options []string          // further lines of spread.conf
	files   map[string]string // files in the working directory
	dial    string            // address on which start-up is awaited; "unix" for the Unix socket
}

// daemon is one running process under test.
type daemon struct {
	name string
	port int
	dir  string
	set  setup

	cmd    *exec.Cmd
	out    *output
	exited chan struct{} // closed when the process has ended; then err is set
	halted bool          // see halt
	err    error
}

// start runs a daemon until the end of the test, and fails the test if it does
// not serve or does not end well.
func start(t testing.TB, s setup) *daemon {
	t.Helper()
	for range 5 {
		d := prepare(t, s)
		if d.launch(t) {
			t.Cleanup(func() { d.stop(t) })
			return d
		}
		if !strings.Contains(strings.ToLower(d.out.String()), "in use") {
			t.Fatalf("the daemon did not start: %v\n%s", d.err, d.out)
		}
	}
	t.Fatal("no free port for a daemon")
	return nil
}

// prepare writes the files of a daemon that is not started yet.
func prepare(t testing.TB, s setup) *daemon {
	t.Helper()
	d := place(t, s, t.TempDir())
	files := map[string]string{"spread.conf": configuration(t, s.options, d)}
	for name, text := range s.files {
		files[name] = text
	}
	d.write(t, files)
	return d
}

// place gives a daemon its name, port and directory.
func place(t testing.TB, s setup, dir string) *daemon {
	t.Helper()
	if s.name == "" {
		s.name = "localhost"
	}
	if s.address == "" {
		s.address = "127.0.0.1"
	}
	if s.dial == "" {
		s.dial = s.address
	}
	d := &daemon{name: s.name, port: freePort(t), dir: dir, set: s}
	t.Cleanup(func() { // what a daemon leaves behind, by design or because it died
		_ = os.Remove(unixPath(d.port))
		_ = os.Remove(unixPath(d.port) + ".lock")
	})
	if len(d.name) > 19 {
		d.name = d.name[:19]
	}
	return d
}

// configuration is the text of spread.conf for daemons of one directory, each in
// a segment of its own.
func configuration(t testing.TB, options []string, all ...*daemon) string {
	t.Helper()
	lines := append(slices.Clone(options), housekeeping(t, all[0].dir)...)
	for _, d := range all {
		segment := d.set.address
		if strings.Contains(segment, ":") {
			segment = "[" + segment + "]"
		}
		lines = append(lines, fmt.Sprintf("Spread_Segment %s:%d {\n\t%s %s %s\n}", segment, d.port, d.set.name, d.set.address, d.set.stanza))
	}
	return strings.Join(lines, "\n") + "\n"
}

// write writes files into the directory of the daemon, which may give up root.
func (d *daemon) write(t testing.TB, files map[string]string) {
	t.Helper()
	if err := os.Chmod(d.dir, 0o755); err != nil {
		t.Fatal(err)
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(d.dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// housekeeping gives the lines that let a daemon run here: an identity to
// assume if we are root, and for the original the shortest waits that it takes.
func housekeeping(t testing.TB, dir string) []string {
	var lines []string
	if os.Geteuid() == 0 {
		u, err := user.Lookup("nobody")
		if err != nil {
			t.Skipf("running as root needs the user nobody: %v", err)
		}
		g, err := user.LookupGroupId(u.Gid)
		if err != nil {
			t.Skipf("running as root needs a group for nobody: %v", err)
		}
		lines = append(lines, "RuntimeDir = "+strconv.Quote(dir), "DaemonUser = nobody", "DaemonGroup = "+g.Name)
	}
	if target.original {
		lines = append(lines, "TokenTimeout = 1250", "HurryTimeout = 100", "AliveTimeout = 10", "JoinTimeout = 10",
			"RepTimeout = 25", "SegTimeout = 20", "GatherTimeout = 40", "FormTimeout = 1250", "LookupTimeout = 30000")
	}
	return lines
}

// launch starts the process and waits until it serves; false if it ended first.
func (d *daemon) launch(t testing.TB) bool {
	t.Helper()
	argv := append(append([]string{}, target.argv...), "-c", "spread.conf", "-n", d.name)
	d.out = new(output)
	d.cmd = exec.Command(argv[0], argv[1:]...)
	d.cmd.Dir, d.cmd.Stdout, d.cmd.Stderr = d.dir, d.out, d.out
	if raceDetector {
		d.cmd.Env = append(os.Environ(), "GORACE=atexit_sleep_ms=50") // instead of a second for each daemon
	}
	d.exited = make(chan struct{})
	if err := d.cmd.Start(); err != nil {
		t.Fatalf("starting %s: %v", argv[0], err)
	}
	go func() {
		d.err = d.cmd.Wait()
		close(d.exited)
	}()
	poll := time.NewTicker(5 * time.Millisecond)
	defer poll.Stop()
	limit := time.After(patience)
	for {
		select {
		case <-d.exited:
			return false
		case <-limit:
			t.Fatalf("the daemon does not serve after %v\n%s", patience, d.out)
		case <-poll.C:
			if d.probe() {
				return true
			}
		}
	}
}

// probe reports whether the daemon takes a connection, and leaves none behind:
// it waits until the daemon has closed its side.
func (d *daemon) probe() bool {
	c, err := net.DialTimeout(d.where(d.set.dial), d.endpoint(d.set.dial), patience)
	if err != nil {
		return false
	}
	defer func() { _ = c.Close() }()
	_ = c.SetDeadline(time.Now().Add(patience))
	if half, ok := c.(interface{ CloseWrite() error }); ok {
		_ = half.CloseWrite()
	}
	_, _ = io.Copy(io.Discard, c)
	return true
}

// where and endpoint give network and address of the daemon on a host, or of
// its Unix socket for the host "unix".
func (d *daemon) where(host string) string {
	if host == "unix" {
		return "unix"
	}
	return "tcp"
}

func (d *daemon) endpoint(host string) string {
	if host == "unix" {
		return unixPath(d.port)
	}
	return net.JoinHostPort(host, strconv.Itoa(d.port))
}

func unixPath(port int) string { return "/tmp/" + strconv.Itoa(port) }

// stop ends the daemon and complains if it was gone, crashed or raced.
func (d *daemon) stop(t testing.TB) {
	t.Helper()
	select {
	case <-d.exited:
		t.Errorf("the daemon ended during the test: %v", d.err)
	default:
		if runtime.GOOS == "windows" {
			_ = d.cmd.Process.Kill()
		} else {
			_ = d.cmd.Process.Signal(syscall.SIGTERM)
		}
	}
	select {
	case <-d.exited:
		if d.err != nil && runtime.GOOS != "windows" {
			t.Errorf("the daemon ended with %v", d.err)
		}
	case <-time.After(patience):
		_ = d.cmd.Process.Kill()
		t.Errorf("the daemon did not end on SIGTERM")
	}
	text := d.out.String()
	if strings.Contains(text, "DATA RACE") || strings.Contains(text, "panic:") {
		t.Errorf("the daemon raced or panicked")
	}
	if t.Failed() {
		t.Logf("the daemon said:\n%s", text)
	}
}

// output collects what a daemon prints.
type output struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (o *output) Write(b []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.Write(b)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.String()
}

var ports struct {
	sync.Mutex
	taken map[int]bool
}

// freePort picks a port below the ephemeral range whose TCP socket, two UDP
// sockets and Unix socket nobody holds.
func freePort(t testing.TB) int {
	ports.Lock()
	defer ports.Unlock()
	if ports.taken == nil {
		ports.taken = make(map[int]bool)
	}
	for range 1000 {
		p := 10000 + 2*rand.IntN(11000)
		if !ports.taken[p] && isFree(p) {
			ports.taken[p] = true
			return p
		}
	}
	t.Fatal("no free port")
	return 0
}

func isFree(port int) bool {
	if _, err := os.Lstat(unixPath(port)); err == nil {
		return false
	}
	l, err := net.Listen("tcp", ":"+strconv.Itoa(port))
	if err != nil {
		return false
	}
	_ = l.Close()
	for _, p := range []int{port, port + 1} {
		u, err := net.ListenPacket("udp", ":"+strconv.Itoa(p))
		if err != nil {
			return false
		}
		_ = u.Close()
	}
	return true
}
