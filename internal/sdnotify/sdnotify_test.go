//go:build unix

package sdnotify

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"
)

func env(pairs map[string]string) func(string) string {
	return func(name string) string { return pairs[name] }
}

// manager stands in for a service manager.
func manager(t *testing.T, name string) func() string {
	t.Helper()
	l, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: name, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return func() string {
		t.Helper()
		l.SetReadDeadline(time.Now().Add(20 * time.Second))
		b := make([]byte, 4096)
		n, err := l.Read(b)
		if err != nil {
			t.Fatal(err)
		}
		return string(b[:n])
	}
}

func TestTell(t *testing.T) {
	names := []string{filepath.Join(t.TempDir(), "notify")}
	if runtime.GOOS == "linux" {
		names = append(names, fmt.Sprintf("@gospread-sdnotify-%d", os.Getpid()))
	}
	for _, name := range names {
		read := manager(t, name)
		c, err := Open(env(map[string]string{"NOTIFY_SOCKET": name}))
		if err != nil {
			t.Fatal(err)
		}
		if err := c.Tell(Ready, Status("three\nlines\rin one")); err != nil {
			t.Fatal(err)
		}
		if got, want := read(), "READY=1\nSTATUS=three lines in one"; got != want {
			t.Errorf("%q, want %q", got, want)
		}
		if err := c.Tell(Reloading(1500 * time.Millisecond)); err != nil {
			t.Fatal(err)
		}
		if got, want := read(), "RELOADING=1\nMONOTONIC_USEC=1500000"; got != want {
			t.Errorf("%q, want %q", got, want)
		}
		if err := c.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestNoManager(t *testing.T) {
	c, err := Open(env(nil))
	if c != nil || err != nil {
		t.Fatalf("%v, %v", c, err)
	}
	if err := c.Tell(Ready); err != nil {
		t.Error(err)
	}
	if err := c.Close(); err != nil {
		t.Error(err)
	}
	for _, name := range []string{"relative", filepath.Join(t.TempDir(), "nobody")} {
		if _, err := Open(env(map[string]string{"NOTIFY_SOCKET": name})); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

// TestManagerThatDoesNotRead: telling ends, with an error.
func TestManagerThatDoesNotRead(t *testing.T) {
	name := filepath.Join(t.TempDir(), "notify")
	manager(t, name)
	c, err := Open(env(map[string]string{"NOTIFY_SOCKET": name}))
	if err != nil {
		t.Fatal(err)
	}
	for range 1 << 16 {
		if err = c.Tell(Watchdog); err != nil {
			return
		}
	}
	t.Error("65536 datagrams that nobody reads were sent")
}

func TestWatchdogEvery(t *testing.T) {
	own := fmt.Sprint(os.Getpid())
	for _, c := range []struct {
		usec, pid string
		want      time.Duration
	}{
		{"", "", 0}, {"30000000", "", 15 * time.Second}, {"30000000", own, 15 * time.Second}, {"30000000", "1", 0},
		{"0", own, 0}, {"1", own, 0}, {"-5", "", 0}, {"x", "", 0}, {"99999999999999999999", "", 0}, {"9223372036854775807", "", 0},
	} {
		if got := WatchdogEvery(env(map[string]string{"WATCHDOG_USEC": c.usec, "WATCHDOG_PID": c.pid})); got != c.want {
			t.Errorf("%q of %q: %v, want %v", c.usec, c.pid, got, c.want)
		}
	}
}

func TestMonotonic(t *testing.T) {
	if a := Monotonic(); runtime.GOOS == "linux" && (a <= 0 || Monotonic() < a) {
		t.Error("the monotonic clock does not run")
	}
}
