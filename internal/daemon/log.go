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

// logger writes the daemon's log in lines of `[<stamp> ]<message>` (configuration
// and tools 8.1). Nobody who logs ever waits for the log to be read: lines go to
// a goroutine that writes them at once, and are dropped and counted when it
// cannot keep up.
type logger struct {
	now func() time.Time

	mu      sync.Mutex
	wake    *sync.Cond
	options conf.Logging
	out     io.Writer
	file    *os.File // when the configuration names one
	dir     *os.Root // where file is, also after a change of root
	name    string   // of file, in dir
	lines   []byte   // not yet written
	lost    int      // lines dropped since the last that was written
	ending  bool
	ended   chan struct{} // closed when the writer has ended
}

const (
	// logBacklog is how many bytes of log may wait to be written.
	logBacklog = 1 << 20
	// logPatience is how long the end of the daemon waits for its log.
	logPatience = time.Second
)

func newLogger(out io.Writer, now func() time.Time) *logger {
	l := &logger{out: out, now: now, options: conf.Default().Options.Log, ended: make(chan struct{})}
	l.wake = sync.NewCond(&l.mu)
	go l.write()
	return l
}

// logf logs a message if the options let its level and types be seen. Every line
// of it gets the stamp.
func (l *logger) logf(level conf.Level, flags conf.EventFlags, format string, args ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.add(&l.options, level, flags, fmt.Sprintf(format, args...))
}

// logAs logs a message under options of its own.
func (l *logger) logAs(o *conf.Logging, level conf.Level, flags conf.EventFlags, text string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.add(o, level, flags, text)
}

// print logs what cannot be hidden.
func (l *logger) print(format string, args ...any) {
	l.logf(conf.LevelPrint, conf.FlagPrint, format, args...)
}

func (l *logger) add(o *conf.Logging, level conf.Level, flags conf.EventFlags, text string) {
	if !o.Shows(level, flags) {
		return
	}
	if len(l.lines)+len(text) > logBacklog {
		l.lost++
		return
	}
	for line := range strings.SplitSeq(strings.TrimSuffix(text, "\n"), "\n") {
		if o.Stamp.On() {
			l.lines = append(o.Stamp.Append(l.lines, l.now()), ' ')
		}
		l.lines = append(append(l.lines, line...), '\n')
	}
	l.wake.Signal()
}

// write is the goroutine that writes the lines, until close.
func (l *logger) write() {
	defer close(l.ended)
	var lines []byte
	l.mu.Lock()
	defer l.mu.Unlock()
	for {
		for len(l.lines) == 0 && !l.ending {
			l.wake.Wait()
		}
		if len(l.lines) == 0 {
			return
		}
		lines, l.lines = l.lines, lines[:0]
		if l.lost > 0 {
			lines = fmt.Appendf(lines, "%d lines of the log were lost: it was not read fast enough\n", l.lost)
			l.lost = 0
		}
		out := l.out
		l.mu.Unlock()
		// A log that cannot be written has nowhere to say so.
		_, _ = out.Write(lines)
		l.mu.Lock()
	}
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
	f, err := l.dir.OpenFile(l.name, os.O_APPEND|os.O_CREATE|os.O_WRONLY|openNoWait, 0o644)
	if err != nil {
		return err
	}
	// The old file is closed by the collector, after what is being written.
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

// close writes what waits, for a bounded time, and ends the log.
func (l *logger) close() {
	l.mu.Lock()
	l.ending = true
	l.wake.Signal()
	l.mu.Unlock()
	patience := time.NewTimer(logPatience)
	defer patience.Stop()
	select {
	case <-l.ended:
	case <-patience.C:
		return // the writer is stuck in a write; the end of the process ends it
	}
	if l.file != nil {
		l.file.Close()
		l.dir.Close()
	}
}
