package e2e

import (
	"errors"
	"fmt"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// namespaces are what a process needs to be alone with its ports and files.
var namespaces = &syscall.SysProcAttr{Unshareflags: syscall.CLONE_NEWNET | syscall.CLONE_NEWNS}

// settleAlone readies the namespaces of this process: the loopback interface, an
// empty /tmp with a copy of the programs, and no installed configuration.
func settleAlone(dir string) error {
	if err := loopbackUp(); err != nil {
		return fmt.Errorf("loopback interface: %w", err)
	}
	from, err := os.OpenRoot(dir) // which may be in /tmp
	if err != nil {
		return err
	}
	defer from.Close()
	for _, path := range []string{"/tmp", "/usr/local/etc"} {
		if err := unix.Mount("tmpfs", path, "tmpfs", 0, "mode=1777"); err != nil && !errors.Is(err, unix.ENOENT) {
			return fmt.Errorf("mount on %s: %w", path, err)
		}
	}
	if _, err := os.Stat(dir); err == nil {
		return nil
	}
	return os.CopyFS(dir, from.FS())
}

func loopbackUp() error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	lo, err := unix.NewIfreq("lo")
	if err != nil {
		return err
	}
	lo.SetUint16(unix.IFF_UP)
	return unix.IoctlIfreq(fd, unix.SIOCSIFFLAGS, lo)
}
