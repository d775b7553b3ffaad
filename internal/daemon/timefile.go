package daemon

import (
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"

	"gospread/spread/internal/ring"
)

// timeFile remembers the latest membership time of a daemon in a file of its own,
// <dir>/<port>.<name>.time: where it has no Unix socket, because another daemon on
// this host has that, and in the state directory.
type timeFile struct {
	file *os.File
	last uint32
}

// openTimeFile opens the file, or makes it, and reads what the last life has left. In
// a directory where everybody may write, a time far ahead of the clock is not
// believed; in the daemon's own it is, as the clock may have been set back.
func openTimeFile(dir string, own bool, port uint16, name string) (*timeFile, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("remember membership times: %w", err)
	}
	defer root.Close()
	f, err := root.OpenFile(fmt.Sprintf("%d.%s.time", port, name), os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return nil, fmt.Errorf("remember membership times: %w", err)
	}
	if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() {
		f.Close()
		return nil, fmt.Errorf("remember membership times: %s is no plain file; remove it", f.Name())
	}
	t := &timeFile{file: f}
	text, err := io.ReadAll(io.LimitReader(f, 64))
	switch {
	case err != nil:
	case own:
		t.last = keptTime(string(text))
	default:
		t.last = pastTime(string(text))
	}
	return t, nil
}

// keptTime reads a time that was kept; 0 if there is none.
func keptTime(text string) uint32 {
	t, err := strconv.ParseUint(strings.TrimSpace(text), 10, 32)
	if err != nil || t >= ring.LastTime {
		return 0
	}
	return uint32(t)
}

// pastTime is keptTime where one far ahead of the clock is none of ours.
func pastTime(text string) uint32 {
	t := keptTime(text)
	if int64(t) >= time.Now().Unix()+3600 {
		return 0
	}
	return t
}

// lastTime is what the last life has left, 0 if it is not known.
func (t *timeFile) lastTime() uint32 {
	if t == nil {
		return 0
	}
	return t.last
}

func (t *timeFile) keepTime(seconds uint32) error {
	if t == nil {
		return nil
	}
	_, err := t.file.WriteAt(fmt.Appendf(nil, "%-10d\n", seconds), 0)
	return err
}

func (t *timeFile) close() {
	if t != nil {
		_ = t.file.Close() // what was written is in the kernel
	}
}
