package daemon

import (
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"runtime/debug"
	"sync"
	"time"

	"gospread/spread/internal/conf"
)

// logger writes the daemon's log, as text (configuration and tools 8.1) or as JSON.
// Nobody who logs ever waits for the log to be read: lines go to a goroutine that
// writes them at once, and are dropped and counted when it cannot keep up.
type logger struct {
	now func() time.Time

	mu      sync.Mutex
	wake    *sync.Cond
	options conf.Logging
	held    []heldEntry // see hold
	holding bool
	limiter limiter
	waiting []logChunk // not yet written
	size    int        // of waiting, in bytes
	lost    int        // lines dropped since the last that was written
	ending  bool
	ended   chan struct{} // closed when the writer has ended

	out     io.Writer
	journal bool     // out is the journal of systemd
	crashes bool     // what the run-time says at a crash goes to file too
	file    *os.File // when the configuration names one
	dir     *os.Root // where file is, also after a change of root
	name    string   // of file, in dir
}

// entry is one thing that the log says.
type entry struct {
	level conf.Level
	// told is the level that the log tells, if not the one by which the entry is seen.
	told  conf.Level
	flags conf.EventFlags
	// key is the same for entries of which many may come in a short time; those
	// beyond some are counted instead of written. Empty: all are written.
	key string
	// text says what, who and why. It is the whole of the entry in a log of text, and
	// may have several lines there.
	text string
	// fields repeat what is in text for programs that read a log of JSON.
	fields []slog.Attr
	form   entryForm
}

// tells is the level that the log tells.
func (e *entry) tells() conf.Level {
	if e.told != 0 {
		return e.told
	}
	return e.level
}

// entryForm tells which logs an entry is for.
type entryForm uint8

const (
	anyForm  entryForm = iota
	textForm           // said by another entry in a log of JSON
	jsonForm           // and the other way round
)

func (f entryForm) suits(format conf.LogFormat) bool {
	return f == anyForm || (f == textForm) == (format == conf.LogText)
}

// logChunk is what waits to be written to one place.
type logChunk struct {
	to    io.Writer
	lines []byte
}

// heldEntry waits until the format of the log is known.
type heldEntry struct {
	entry
	at time.Time
}

const (
	// logBacklog is how many bytes of log may wait to be written.
	logBacklog = 1 << 20
	// logHeld is how many entries wait for the configuration at most.
	logHeld = 100
	// logPatience is how long the end of the daemon waits for its log.
	logPatience = time.Second
)

func newLogger(out io.Writer, now func() time.Time) *logger {
	l := &logger{out: out, now: now, options: conf.Default().Options.Log, ended: make(chan struct{})}
	l.wake = sync.NewCond(&l.mu)
	l.limiter.due = l.reportRepeated
	go l.write()
	return l
}

// log logs an entry if the options let its level and types be seen.
func (l *logger) log(e entry) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.add(&l.options, &e)
}

// logf logs a message that may come in numbers.
func (l *logger) logf(level conf.Level, flags conf.EventFlags, format string, args ...any) {
	l.log(entry{level: level, flags: flags, key: format, text: fmt.Sprintf(format, args...)})
}

// logAs logs a message under options of its own.
func (l *logger) logAs(o *conf.Logging, level conf.Level, flags conf.EventFlags, text string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	own := *o
	own.Format = l.options.Format // one log has one format
	l.add(&own, &entry{level: level, flags: flags, text: text})
}

// print logs what cannot be hidden.
func (l *logger) print(format string, args ...any) {
	l.log(entry{level: conf.LevelPrint, flags: conf.FlagPrint, text: fmt.Sprintf(format, args...)})
}

// kept logs what cannot be hidden and is an error after which the daemon goes on as
// before.
func (l *logger) kept(format string, args ...any) {
	l.log(entry{level: conf.LevelPrint, told: conf.LevelError, flags: conf.FlagPrint, text: fmt.Sprintf(format, args...)})
}

// failed logs what cannot be hidden and ends the daemon.
func (l *logger) failed(format string, args ...any) {
	l.log(entry{level: conf.LevelFatal, flags: conf.FlagPrint, text: fmt.Sprintf(format, args...)})
}

func (l *logger) add(o *conf.Logging, e *entry) {
	if l.holding && len(l.held) == logHeld {
		l.release(l.options.Format)
	}
	switch {
	case l.holding:
		l.held = append(l.held, heldEntry{*e, l.now()})
	case !o.Shows(e.level, e.flags), !e.form.suits(o.Format):
	case l.limiter.admits(e, l.now()):
		l.render(o, e, l.now())
	}
}

// render queues the lines of an entry.
func (l *logger) render(o *conf.Logging, e *entry, at time.Time) {
	if l.size+len(e.text) > logBacklog {
		l.lost++
		return
	}
	n := len(l.waiting)
	if n == 0 || l.waiting[n-1].to != l.out {
		l.waiting = append(l.waiting, logChunk{to: l.out})
		n++
	}
	c := &l.waiting[n-1]
	before := len(c.lines)
	c.lines = appendEntry(c.lines, l.prefix(e), o, e, at)
	l.size += len(c.lines) - before
	l.wake.Signal()
}

// prefix is what stands before each line of an entry.
func (l *logger) prefix(e *entry) string {
	if !l.journal || l.file != nil {
		return ""
	}
	return journalPrefix(e.tells())
}

// reportRepeated says what was counted instead of written, when it is time to.
func (l *logger) reportRepeated() {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.now()
	l.limiter.report(now, false, func(e *entry) { l.render(&l.options, e, now) })
}

// write is the goroutine that writes the lines, until close.
func (l *logger) write() {
	defer close(l.ended)
	l.mu.Lock()
	defer l.mu.Unlock()
	for {
		for len(l.waiting) == 0 && !l.ending {
			l.wake.Wait()
		}
		if len(l.waiting) == 0 {
			return
		}
		if l.lost > 0 {
			text := fmt.Sprintf("%d lines of the log were lost: it was not read fast enough", l.lost)
			last := &l.waiting[len(l.waiting)-1]
			e := &entry{level: conf.LevelWarning, text: text}
			last.lines = appendEntry(last.lines, l.prefix(e), &l.options, e, l.now())
			l.lost = 0
		}
		chunks := l.waiting
		l.waiting, l.size = nil, 0
		l.mu.Unlock()
		for _, c := range chunks {
			// A log that cannot be written has nowhere to say so.
			_, _ = c.to.Write(c.lines)
		}
		l.mu.Lock()
	}
}

// hold keeps back what is logged until configure tells the format, or the end comes,
// or there are logHeld entries.
func (l *logger) hold() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.holding = true
}

// release writes what was held back, under the options that held when it was
// logged, and in the format of now.
func (l *logger) release(format conf.LogFormat) {
	held := l.held
	l.held, l.holding = nil, false
	was := l.options
	was.Format = format
	for i := range held {
		e := &held[i].entry
		if was.Shows(e.level, e.flags) && e.form.suits(format) {
			l.render(&was, e, held[i].at)
		}
	}
}

// configure applies the logging options. The file of EventLogFile is opened at
// the first call and never changed by later ones. What was logged before goes where
// the log went before.
func (l *logger) configure(o conf.Logging) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.release(o.Format)
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
	if l.crashes {
		return debug.SetCrashOutput(f, debug.CrashOptions{})
	}
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

// panicked logs a panic, which is about to end the process, and all that waits.
func (l *logger) panicked(value any, stack []byte) {
	l.failed("Spread: internal error, please report it: %v\n%s", value, stack)
	l.close()
}

// close writes what waits, for a bounded time, and ends the log.
func (l *logger) close() {
	l.mu.Lock()
	if l.holding {
		l.release(l.options.Format)
	}
	now := l.now()
	l.limiter.report(now, true, func(e *entry) { l.render(&l.options, e, now) })
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
