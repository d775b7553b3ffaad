//go:build unix

package e2e

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"gospread/spread"
)

// service is a daemon under a service manager, which this test plays.
type service struct {
	t    *testing.T
	dir  string // for its files and sockets
	port int
	told *net.UnixConn
	cmd  *exec.Cmd
	log  output
}

func newService(t *testing.T) *service {
	t.Helper()
	// A path of a socket must be short, and a daemon that has given up root must
	// reach it.
	dir, err := os.MkdirTemp("", "svc")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	s := &service{t: t, dir: dir}
	for s.port == 0 {
		if port := 30000 + 2*rand.IntN(2000); isFree(port) {
			s.port = port
		}
	}
	config := fmt.Sprintf("Spread_Segment 127.0.0.255:%d { d 127.0.0.1 { 127.0.0.1 } }\n", s.port)
	if err := os.WriteFile(filepath.Join(dir, "spread.conf"), []byte(config), 0o644); err != nil {
		t.Fatal(err)
	}
	run := filepath.Join(dir, "run")
	for _, d := range []string{dir, run} {
		if err := os.MkdirAll(d, 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(d, 0o777); err != nil {
			t.Fatal(err)
		}
	}
	name := filepath.Join(dir, "notify")
	if s.told, err = net.ListenUnixgram("unixgram", &net.UnixAddr{Name: name, Net: "unixgram"}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.told.Close() })
	return s
}

// start starts the daemon, as systemd would.
func (s *service) start() {
	s.t.Helper()
	s.cmd = exec.CommandContext(s.t.Context(), "spread", "-c", "spread.conf")
	s.cmd.Dir, s.cmd.Stdout, s.cmd.Stderr = s.dir, &s.log, &s.log
	s.cmd.Env = append(os.Environ(), "NOTIFY_SOCKET="+filepath.Join(s.dir, "notify"), "WATCHDOG_USEC=200000",
		"RUNTIME_DIRECTORY="+filepath.Join(s.dir, "run")+":/elsewhere")
	if err := s.cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
}

// expect returns when the daemon has told something that begins so, and shows what it
// told before.
func (s *service) expect(line string) (before []string) {
	s.t.Helper()
	b := make([]byte, 4096)
	for {
		_ = s.told.SetReadDeadline(time.Now().Add(patience))
		n, err := s.told.Read(b)
		if err != nil {
			text, _ := s.log.from(0)
			s.t.Fatalf("waiting for %s: %v; told before: %q\n%s", line, err, before, text)
		}
		got := string(b[:n])
		if strings.HasPrefix(got, line) {
			return before
		}
		before = append(before, got)
	}
}

func (s *service) signal(sig os.Signal) {
	s.t.Helper()
	if err := s.cmd.Process.Signal(sig); err != nil {
		s.t.Fatal(err)
	}
}

// connect connects over the socket in the runtime directory, and nowhere else.
func (s *service) connect(name string) *spread.Conn {
	s.t.Helper()
	c, err := s.dial(name)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { _ = c.Close() })
	if got := c.RemoteAddr(); got.Network() != "unix" || filepath.Dir(got.String()) != filepath.Join(s.dir, "run") {
		s.t.Errorf("connected to %v", got)
	}
	return c
}

func (s *service) dial(name string) (*spread.Conn, error) {
	ctx, cancel := context.WithTimeout(s.t.Context(), patience)
	defer cancel()
	return spread.Dial(ctx, fmt.Sprint(s.port), spread.WithName(name), spread.WithSocketDir(filepath.Join(s.dir, "run")))
}

// TestService: what a service manager is told, from the start to the end.
func TestService(t *testing.T) {
	s := newService(t)
	s.start()
	for _, line := range s.expect("READY=1") {
		if !strings.HasPrefix(line, "STATUS=") {
			t.Errorf("before it is ready: %q", line)
		}
	}
	s.connect("early") // it is ready
	s.expect("WATCHDOG=1")
	s.expect("WATCHDOG=1")
	s.signal(syscall.SIGHUP)
	s.expect("RELOADING=1\nMONOTONIC_USEC=")
	s.expect("READY=1")
	s.signal(syscall.SIGTERM)
	s.expect("STOPPING=1")
	if err := s.cmd.Wait(); err != nil {
		t.Error(err)
	}
}

// TestServiceRestart: whether the old process is asked to end, or killed, and although
// the new one may begin before the old one has ended, clients reach the new one as
// soon as it is ready, at the same path.
func TestServiceRestart(t *testing.T) {
	s := newService(t)
	s.start()
	s.expect("READY=1")
	for i, sig := range []os.Signal{syscall.SIGTERM, syscall.SIGKILL, syscall.SIGTERM} {
		s.connect(fmt.Sprint("c", i))
		old := s.cmd
		s.signal(sig)
		if sig == syscall.SIGKILL {
			_ = old.Wait()
		} else if err := old.Wait(); err != nil {
			t.Error(err)
		}
		s.start()
		s.expect("READY=1")
		s.connect(fmt.Sprint("d", i))
	}
	// One that is started beside it does not take its socket away.
	second := exec.CommandContext(t.Context(), "spread", "-c", "spread.conf")
	second.Dir = s.dir
	second.Env = append(os.Environ(), "RUNTIME_DIRECTORY="+filepath.Join(s.dir, "run"))
	if out, err := second.CombinedOutput(); err == nil {
		t.Errorf("a second daemon ran:\n%s", out)
	}
	s.connect("still")
	s.signal(syscall.SIGTERM)
	if err := s.cmd.Wait(); err != nil {
		t.Error(err)
	}
	if _, err := s.dial("late"); err == nil {
		t.Error("somebody answers")
	}
}
