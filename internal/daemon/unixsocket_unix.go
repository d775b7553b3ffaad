//go:build unix

package daemon

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// unixSocket is the daemon's Unix socket for clients, <dir>/<port>, and the lock
// file beside it. The lock keeps two daemons that start at once from stealing the
// socket from each other. The file holds the time of the last membership, so that
// a daemon that restarts within a second does not use a membership id again.
type unixSocket struct {
	net.Listener
	path string
	made fs.FileInfo // what was made at path
	dir  *os.Root    // reaches the socket also after a change of root
	lock *os.File    // nil if it could not be had
	last uint32      // from the lock file: see lastTime

	closing sync.Once
	closed  error
}

// errSocketTaken: the path cannot be had, because another daemon serves clients
// there or what an earlier one left belongs to another user.
var errSocketTaken = errors.New("another daemon serves its clients there")

// lockPatience is how long another daemon may take to start before its lock,
// without a socket that answers, counts for nothing.
const lockPatience = time.Second

// listenUnix opens the socket. A file left by a daemon that is gone is replaced;
// one of a living daemon is left alone (errSocketTaken).
func listenUnix(dir string, port uint16) (*unixSocket, error) {
	u := &unixSocket{path: filepath.Join(dir, strconv.Itoa(int(port)))}
	deadline := time.Now().Add(lockPatience)
	for {
		if serves(u.path) {
			return nil, fmt.Errorf("%s: %w", u.path, errSocketTaken)
		}
		err := u.takeLock()
		if !errors.Is(err, unix.EWOULDBLOCK) || time.Now().After(deadline) {
			break
		}
		time.Sleep(lockPatience / 20)
	}
	if err := u.listen(dir); err != nil {
		u.unlock()
		return nil, err
	}
	return u, nil
}

// writableDir tells whether the directory is there and files can be made in it.
func writableDir(dir string) bool {
	info, err := os.Stat(dir)
	return err == nil && info.IsDir() && unix.Access(dir, unix.W_OK|unix.X_OK) == nil
}

// serves tells whether somebody answers at the path.
func serves(path string) bool {
	c, err := net.DialTimeout("unix", path, time.Second)
	if err == nil {
		c.Close()
	}
	return err == nil
}

// takeLock takes the lock and reads what the last daemon left in it.
func (u *unixSocket) takeLock() error {
	// Others may have put anything there: a pipe must not make us wait.
	const careful = unix.O_NOFOLLOW | unix.O_NONBLOCK
	f, err := os.OpenFile(u.path+".lock", os.O_RDWR|os.O_CREATE|careful, 0o644)
	if errors.Is(err, fs.ErrPermission) {
		f, err = os.OpenFile(u.path+".lock", os.O_RDONLY|careful, 0)
	}
	if err != nil {
		return err
	}
	if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() {
		f.Close()
		return cmp.Or(err, fs.ErrInvalid)
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		f.Close()
		return err
	}
	u.lock = f
	text, err := io.ReadAll(io.LimitReader(f, 64))
	if err != nil {
		return err
	}
	u.last = pastTime(string(text))
	return nil
}

func (u *unixSocket) listen(dir string) error {
	if info, err := os.Lstat(u.path); err == nil && info.Mode().Type() != fs.ModeSocket {
		if owner, ok := info.Sys().(*syscall.Stat_t); ok && int(owner.Uid) != os.Geteuid() {
			// Where everybody may write, nobody shall keep a daemon from starting by that.
			return fmt.Errorf("%s is of another user (%d), and no socket; remove it: %w", u.path, owner.Uid, errSocketTaken)
		}
		return fmt.Errorf("%s exists and is no socket; remove it", u.path)
	}
	switch err := os.Remove(u.path); {
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("%s was left by a daemon of another user, who must remove it: %w", u.path, errSocketTaken)
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("remove the socket that an earlier daemon left: %w", err)
	}
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: u.path, Net: "unix"})
	if err != nil {
		return fmt.Errorf("serve clients at %s: %w", u.path, err)
	}
	l.SetUnlinkOnClose(false)
	u.Listener = l
	if u.made, err = os.Lstat(u.path); err != nil {
		l.Close()
		return fmt.Errorf("find the socket just made: %w", err)
	}
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
	if u == nil {
		return 0
	}
	return u.last
}

// keepTime remembers a membership time for the next daemon.
func (u *unixSocket) keepTime(seconds uint32) error {
	if u == nil || u.lock == nil {
		return nil
	}
	_, err := u.lock.WriteAt(fmt.Appendf(nil, "%-10d\n", seconds), 0)
	return err
}

// Close stops serving and removes the socket, if it is still its own, but not the
// lock file: removing that would let two daemons lock different files of one name.
func (u *unixSocket) Close() error {
	u.closing.Do(func() {
		u.closed = u.Listener.Close()
		name := filepath.Base(u.path)
		if is, err := u.dir.Lstat(name); err == nil && os.SameFile(is, u.made) {
			_ = u.dir.Remove(name) // what stays, the next daemon replaces
		}
		_ = u.dir.Close()
		u.unlock()
	})
	return u.closed
}
