package netns

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// space is a network namespace and a mount namespace of a thread, which lives as
// long as the space and starts all processes in it. In the mount namespace /mnt is
// the directory of the test, and /tmp is empty.
type space struct {
	tid int
	do  chan func()
}

// newSpace makes a space that ends with the test.
func newSpace(t testing.TB, dir string) *space {
	t.Helper()
	s := &space{do: make(chan func())}
	ready := make(chan error)
	go func() {
		runtime.LockOSThread() // for good: the thread ends with the goroutine
		s.tid = unix.Gettid()
		err := isolate(dir)
		ready <- err
		if err == nil {
			for f := range s.do {
				f()
			}
		}
	}()
	if err := <-ready; err != nil {
		t.Fatalf("making a namespace: %v", err)
	}
	t.Cleanup(func() { close(s.do) })
	s.ip(t, "link set lo up")
	return s
}

// isolate moves the calling thread.
func isolate(dir string) error {
	if err := unix.Unshare(unix.CLONE_FS | unix.CLONE_NEWNS | unix.CLONE_NEWNET); err != nil {
		return fmt.Errorf("unshare: %w", err)
	}
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("mount / private: %w", err)
	}
	if err := unix.Mount(dir, "/mnt", "", unix.MS_BIND, ""); err != nil {
		return fmt.Errorf("bind %s: %w", dir, err)
	}
	if err := unix.Mount("tmpfs", "/tmp", "tmpfs", 0, "mode=1777"); err != nil {
		return fmt.Errorf("mount /tmp: %w", err)
	}
	return nil
}

// run calls f on the thread of the space.
func (s *space) run(f func() error) error {
	done := make(chan error)
	s.do <- func() { done <- f() }
	return <-done
}

// ip runs the program of that name, with each line as arguments.
func (s *space) ip(t testing.TB, lines ...string) {
	t.Helper()
	for _, line := range lines {
		err := s.run(func() error {
			out, err := exec.Command("ip", strings.Fields(line)...).CombinedOutput()
			if err != nil {
				return fmt.Errorf("ip %s: %w: %s", line, err, out)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

// needRoot skips a test that cannot work here.
func needRoot(t testing.TB) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("network namespaces need root")
	}
	if _, err := exec.LookPath("ip"); err != nil {
		t.Skip("network namespaces need the program ip (iproute2)")
	}
}
