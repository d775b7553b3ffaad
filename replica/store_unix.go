//go:build unix

package replica

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// lockFile keeps other processes out as long as this one lives.
func lockFile(f *os.File) error { return unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB) }

// syncDir makes a rename in a directory last.
func syncDir(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}
