package daemon

import (
	"time"

	"gospread/spread/internal/conf"
	"gospread/spread/internal/session"
)

// observer logs what happens to sessions: one line each.
type observer struct{ *Daemon }

const sessionFlags = conf.FlagSession | conf.FlagPrint

// SessionOpened implements session.Observer.
func (o observer) SessionOpened(s *session.Session) {
	o.log.logf(conf.LevelInfo, conf.FlagSession, "Session %s opened", s)
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
	o.log.logf(level, sessionFlags, "Session %s", e)
	if o.sessions != nil && !e.Reason.Refusal() {
		o.sessions.disconnect(e)
	}
}

// AcceptFailed implements session.Observer.
func (o observer) AcceptFailed(err error) {
	o.log.logf(conf.LevelError, sessionFlags, "Session: %v", err)
}
