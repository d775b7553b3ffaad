package daemon

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"gospread/spread/internal/conf"
)

// logger writes the daemon's log: one message, one write, never held back.
// The line format is `[<stamp> ]<message>` (configuration and tools 8.1).
type logger struct {
	mu      sync.Mutex
	out     io.Writer
	file    *os.File // when the configuration names one
	dir     *os.Root // where file is, also after a change of root
	name    string   // of file, in dir
	options conf.Logging
	now     func() time.Time
	buf     []byte
}

func newLogger(out io.Writer, now func() time.Time) *logger {
	return &logger{out: out, now: now, options: conf.Default().Options.Log}
}

// logf writes a message if its level and types are to be shown. Every line of
// it gets the stamp.
func (l *logger) logf(level conf.Level, flags conf.EventFlags, format string, args ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.options.Shows(level, flags) {
		return
	}
	text := strings.TrimSuffix(fmt.Sprintf(format, args...), "\n")
	l.buf = l.buf[:0]
	for line := range strings.SplitSeq(text, "\n") {
		if l.options.Stamp.On() {
			l.buf = append(l.options.Stamp.Append(l.buf, l.now()), ' ')
		}
		l.buf = append(append(l.buf, line...), '\n')
	}
	// A log that cannot be written has nowhere to say so.
	_, _ = l.out.Write(l.buf)
}

// print writes what cannot be hidden.
func (l *logger) print(format string, args ...any) {
	l.logf(conf.LevelPrint, conf.FlagPrint, format, args...)
}

// configure applies the logging options. The file of EventLogFile is opened at
// the first call and never changed by later ones.
func (l *logger) configure(o conf.Logging) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.options = o
	if o.File == "" || l.dir != nil {
		return nil
	}
	dir, err := os.OpenRoot(filepath.Dir(o.File))
	if err != nil {
		return fmt.Errorf("open the log file %s: %w; create the directory or change EventLogFile", o.File, err)
	}
	l.dir, l.name = dir, filepath.Base(o.File)
	if err := l.openFile(); err != nil {
		return fmt.Errorf("open the log file %s: %w; make it writable or change EventLogFile", o.File, err)
	}
	return nil
}

// set replaces the logging options; the file stays.
func (l *logger) set(o conf.Logging) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.options = o
}

func (l *logger) openFile() error {
	f, err := l.dir.OpenFile(l.name, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	if l.file != nil {
		l.file.Close()
	}
	l.file, l.out = f, f
	return nil
}

// reopen opens the log file anew, after it has been moved away. Without a log
// file it does nothing.
func (l *logger) reopen() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.dir == nil {
		return nil
	}
	if err := l.openFile(); err != nil {
		return fmt.Errorf("reopen the log file %s: %w; going on with the old one", l.name, err)
	}
	return nil
}

func (l *logger) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.file != nil {
		l.file.Close()
		l.dir.Close()
	}
}
