//go:build unix

package daemon

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// unixSocket is the daemon's Unix socket for clients, <dir>/<port>, and the lock
// file beside it. The lock keeps two daemons that share directory and port from
// stealing the socket from each other; the time of the lock file keeps the time
// of the last membership, so that a daemon that restarts within a second does
// not use a membership id again.
type unixSocket struct {
	net.Listener
	path string
	dir  *os.Root // reaches the socket also after a change of root
	lock *os.File // nil if it could not be had

	closing sync.Once
	closed  error
}

// errSocketTaken: another daemon serves clients at the path.
var errSocketTaken = errors.New("another daemon serves its clients there")

// listenUnix opens the socket. A file left by a daemon that is gone is replaced;
// one of a living daemon is left alone (errSocketTaken).
func listenUnix(dir string, port uint16) (*unixSocket, error) {
	path := filepath.Join(dir, strconv.Itoa(int(port)))
	u := &unixSocket{path: path}
	lock, err := lockFile(path + ".lock")
	switch {
	case errors.Is(err, unix.EWOULDBLOCK):
		return nil, fmt.Errorf("%s: %w", path, errSocketTaken)
	case err == nil:
		u.lock = lock
	}
	if err := u.listen(dir); err != nil {
		u.unlock()
		return nil, err
	}
	return u, nil
}

func (u *unixSocket) listen(dir string) error {
	if c, err := net.DialTimeout("unix", u.path, time.Second); err == nil {
		c.Close()
		return fmt.Errorf("%s: %w", u.path, errSocketTaken)
	}
	if info, err := os.Lstat(u.path); err == nil && info.Mode().Type() != fs.ModeSocket {
		return fmt.Errorf("%s exists and is no socket; remove it", u.path)
	}
	if err := os.Remove(u.path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove the socket that an earlier daemon left: %w; remove it as its owner", err)
	}
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: u.path, Net: "unix"})
	if err != nil {
		return fmt.Errorf("serve clients at %s: %w", u.path, err)
	}
	l.SetUnlinkOnClose(false)
	u.Listener = l
	if err := os.Chmod(u.path, 0o666); err != nil {
		l.Close()
		return fmt.Errorf("open %s to all users: %w", u.path, err)
	}
	if u.dir, err = os.OpenRoot(dir); err != nil {
		l.Close()
		return fmt.Errorf("keep %s: %w", dir, err)
	}
	return nil
}

func lockFile(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|unix.O_NOFOLLOW, 0o644)
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

func (u *unixSocket) unlock() {
	if u.lock != nil {
		u.lock.Close()
	}
}

// give makes the user the owner, so that the daemon may remove the socket after
// it has become that user.
func (u *unixSocket) give(uid, gid int) error {
	if err := os.Chown(u.path, uid, gid); err != nil {
		return err
	}
	if u.lock != nil {
		return u.lock.Chown(uid, gid)
	}
	return nil
}

// lastTime is the latest membership time of the daemon that served here before,
// in seconds since 1970; 0 if it is not known.
func (u *unixSocket) lastTime() uint32 {
	if u == nil || u.lock == nil {
		return 0
	}
	info, err := u.lock.Stat()
	if err != nil || info.Size() == 0 {
		return 0
	}
	return uint32(info.ModTime().Unix())
}

// keepTime remembers a membership time for the next daemon.
func (u *unixSocket) keepTime(seconds uint32) {
	if u == nil || u.lock == nil {
		return
	}
	// Without the time the next daemon goes by the clock alone.
	_, _ = u.lock.WriteAt([]byte("gospread\n"), 0)
	t := []unix.Timeval{{Sec: int64(seconds)}, {Sec: int64(seconds)}}
	_ = unix.Futimes(int(u.lock.Fd()), t)
}

// Close stops serving and removes the socket, but not the lock file: removing
// that would let two daemons lock different files of one name.
func (u *unixSocket) Close() error {
	u.closing.Do(func() {
		u.closed = u.Listener.Close()
		_ = u.dir.Remove(filepath.Base(u.path)) // the next daemon replaces it
		_ = u.dir.Close()
		u.unlock()
	})
	return u.closed
}
