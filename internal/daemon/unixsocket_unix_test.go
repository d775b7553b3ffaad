//go:build unix

package daemon

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// TestSocketOfAnotherIsLeftAlone: a daemon that ends does not remove what another has
// put in the place of its socket.
func TestSocketOfAnotherIsLeftAlone(t *testing.T) {
	dir := t.TempDir()
	old, err := listenUnix(dir, 1234)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := listenUnix(dir, 1234); !errors.Is(err, errSocketTaken) {
		t.Errorf("a second one: %v", err)
	}
	if err := os.Remove(old.path); err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("unix", old.path)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if err := old.Close(); err != nil {
		t.Fatal(err)
	}
	if !serves(old.path) {
		t.Error("the socket of the other one is gone")
	}
}

// TestPipeInTheWay: what others have put in the place of the files for the time of the
// last membership does not keep a daemon from starting.
func TestPipeInTheWay(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"1234.lock", "1234.a.time"} {
		if err := unix.Mkfifo(filepath.Join(dir, name), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	done := make(chan error, 1)
	go func() {
		u, err := listenUnix(dir, 1234)
		if err == nil {
			err = u.Close()
		}
		if _, pipe := openTimeFile(dir, false, 1234, "a"); pipe == nil {
			err = errors.New("the time of the last membership is kept in a pipe")
		}
		done <- err
	}()
	select {
	case err := <-done:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(10 * time.Second):
		t.Error("it waits")
	}
}

// TestServiceSocket: there is a second socket where the directory is there, and
// clients are served on it; without the directory the daemon runs all the same.
func TestServiceSocket(t *testing.T) {
	dir := t.TempDir()
	d := startDaemon(t, "", Options{ServiceDir: dir})
	conn, err := net.Dial("unix", d.service.path)
	if err != nil {
		t.Fatal(err)
	}
	handshake(t, conn, "a", false)
	if err := d.stop(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Lstat(d.service.path); err == nil {
		t.Error("it is still there")
	}
	d = startDaemon(t, "", Options{ServiceDir: dir + "/missing"})
	if d.service != nil {
		t.Error("a socket in a directory that is not there")
	}
}

// TestJournalIsToldTheLevel: lines for the journal begin with it, others do not.
func TestJournalIsToldTheLevel(t *testing.T) {
	if isJournal(os.Stdout, "1:1") || isJournal(newLogBuffer(), "1:1") || isJournal(os.Stdout, "") {
		t.Error("standard output is taken for the journal")
	}
	out := newLogBuffer()
	l := newLogger(out, time.Now)
	l.journal = true
	l.print("an\nentry")
	l.failed("an error")
	l.close()
	if got := out.String(); got != "<6>an\n<6>entry\n<2>an error\n" {
		t.Errorf("%q", got)
	}
}
