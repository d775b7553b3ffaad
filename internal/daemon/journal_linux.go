package daemon

import (
	"fmt"
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// isJournal tells whether what is written there goes to the journal of systemd, which
// names the device and inode of its socket in JOURNAL_STREAM.
func isJournal(out io.Writer, stream string) bool {
	f, ok := out.(*os.File)
	if !ok || stream == "" {
		return false
	}
	var s unix.Stat_t
	if err := unix.Fstat(int(f.Fd()), &s); err != nil {
		return false
	}
	return fmt.Sprintf("%d:%d", s.Dev, s.Ino) == stream
}
