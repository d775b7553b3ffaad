package seal

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"runtime"
)

// ReadKeys reads a key file, after a look at who else may. It can be called again
// for a reload, with the rights that the process then has.
func ReadKeys(path string) (*Keys, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("read the ring keys: %w%s", err, remedy(err))
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("read the ring keys: %w", err)
	}
	if err := CheckMode(path, info.Mode()); err != nil {
		return nil, err
	}
	text, err := io.ReadAll(io.LimitReader(f, MaxKeyFile+1))
	defer clear(text)
	if err != nil {
		return nil, fmt.Errorf("read the ring keys: %w", err)
	}
	return ParseKeys(text, path)
}

func remedy(err error) string {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "; " + howToMake
	case errors.Is(err, fs.ErrPermission):
		return "; the user that the daemon runs as must be able to read it, at each reload too"
	}
	return ""
}

// CheckMode refuses a key file that users other than its owner and group may read,
// or than its owner may write. Systems without such modes are not checked.
func CheckMode(path string, mode fs.FileMode) error {
	return checkMode(path, mode, runtime.GOOS != "windows")
}

func checkMode(path string, mode fs.FileMode, modes bool) error {
	switch {
	case !mode.IsRegular():
		return fmt.Errorf("%s: the ring keys must be in a regular file", path)
	case modes && mode.Perm()&0o027 != 0:
		return fmt.Errorf("%s: the ring keys can be read or changed by others (mode %04o); chmod 600 %s, and make new keys if somebody may have read them", path, mode.Perm(), path)
	}
	return nil
}
