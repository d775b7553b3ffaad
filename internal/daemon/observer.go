package daemon

import (
	"fmt"
	"log/slog"
	"time"

	"gospread/spread/internal/conf"
	"gospread/spread/internal/session"
)

// observer logs what happens to sessions: one line each.
type observer struct{ *Daemon }

const sessionFlags = conf.FlagSession | conf.FlagPrint

// SessionOpened implements session.Observer.
func (o observer) SessionOpened(s *session.Session) {
	o.log.log(entry{level: conf.LevelInfo, flags: conf.FlagSession, key: "session opened", text: fmt.Sprintf("Session %s opened", s),
		fields: []slog.Attr{slog.String("session", s.Private.String()), slog.String("remote", s.Remote())}})
	if o.sessions != nil {
		o.sessions.connect(s)
	}
}

// SessionEnded implements session.Observer.
func (o observer) SessionEnded(e *session.End) {
	o.history.close(e, time.Now())
	level := conf.LevelWarning
	switch e.Reason {
	case session.ClientDisconnected, session.ClientClosed, session.DaemonStopped:
		level = conf.LevelInfo
	}
	fields := []slog.Attr{slog.String("remote", e.Remote), slog.String("reason", e.Reason.String())}
	if e.Name != "" {
		fields = append(fields, slog.String("session", e.Name))
	}
	if !e.Reason.Refusal() {
		fields = append(fields, slog.Int("waiting_messages", e.Messages), slog.Int("waiting_bytes", e.Bytes))
	}
	if e.Err != nil {
		fields = append(fields, slog.String("error", e.Err.Error()))
	}
	fields = append(fields, slog.Float64("seconds", float64(e.Lived.Milliseconds())/1000))
	o.log.log(entry{level: level, flags: sessionFlags, key: "session: " + e.Reason.String(), text: fmt.Sprintf("Session %s", e), fields: fields})
	if o.sessions != nil && !e.Reason.Refusal() {
		o.sessions.disconnect(e)
	}
}

// AcceptFailed implements session.Observer.
func (o observer) AcceptFailed(err error) {
	o.log.logf(conf.LevelError, sessionFlags, "Session: %v", err)
}
