package daemon

import (
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"
)

// timeFile remembers the latest membership time of a daemon that has no Unix socket,
// because another one on this host has it: <dir>/<port>.<name>.time.
type timeFile struct {
	file *os.File
	last uint32
}

// openTimeFile opens the file, or makes it, and reads what the last life has left.
func openTimeFile(dir string, port uint16, name string) (*timeFile, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("remember membership times: %w", err)
	}
	defer root.Close()
	f, err := root.OpenFile(fmt.Sprintf("%d.%s.time", port, name), os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return nil, fmt.Errorf("remember membership times: %w", err)
	}
	t := &timeFile{file: f}
	text, err := io.ReadAll(io.LimitReader(f, 64))
	if err == nil {
		t.last = pastTime(string(text))
	}
	return t, nil
}

// pastTime reads a time that was kept; one far ahead of the clock is none of ours.
func pastTime(text string) uint32 {
	t, err := strconv.ParseUint(strings.TrimSpace(text), 10, 32)
	if err != nil || int64(t) >= time.Now().Unix()+3600 {
		return 0
	}
	return uint32(t)
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
