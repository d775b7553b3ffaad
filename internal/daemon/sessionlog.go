package daemon

import (
	"fmt"
	"net"
	"os"
	"strings"
	"sync"
	"time"

	"gospread/spread/internal/conf"
	"gospread/spread/internal/ring"
	"gospread/spread/internal/session"
)

// sessionLog is the log of -l y (configuration and tools 8.3), in a file named
// after the daemon in the working directory. Times are seconds since 1970.
// Descriptors mean nothing here; the session's handle stands in their place.
type sessionLog struct {
	mu   sync.Mutex
	file *os.File
	now  func() time.Time
}

func openSessionLog(name string, now func() time.Time) (*sessionLog, error) {
	f, err := os.OpenFile(name, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, fmt.Errorf("open the session log %s in the working directory: %w; run without -l y or make the directory writable", name, err)
	}
	l := &sessionLog{file: f, now: now}
	l.write("B %13d", now().Unix())
	return l, nil
}

func (l *sessionLog) write(format string, args ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	fmt.Fprintf(l.file, format+"\n", args...)
}

// membership records which of the configured daemons are present, by index.
func (l *sessionLog) membership(cfg *conf.Config, c *ring.Configuration) {
	present := make(map[uint32]bool)
	for _, id := range c.Members {
		present[uint32(id)] = true
	}
	var b strings.Builder
	for _, d := range cfg.Daemons() {
		if present[d.ID] {
			fmt.Fprintf(&b, " %2d", d.Index)
		} else {
			b.WriteString(" --")
		}
	}
	l.write("M %13d %13d %11d >%s", l.now().Unix(), c.ID.Time, 0, b.String())
}

func (l *sessionLog) connect(s *session.Session) {
	l.write("C %13d %11d %3d %-16s %-10s", l.now().Unix(), s.Received(), s.Handle, host(s.Remote()), s.User)
}

func (l *sessionLog) disconnect(e *session.End) {
	l.write("D %13d %11d %3d %-46s %-10s %d", l.now().Unix(), e.Received, e.Handle, host(e.Remote), e.User, e.Messages)
}

func host(remote string) string {
	if h, _, err := net.SplitHostPort(remote); err == nil {
		return h
	}
	return remote
}

func (l *sessionLog) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.file.Close()
}
