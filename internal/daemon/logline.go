package daemon

import (
	"context"
	"log/slog"
	"strings"
	"time"

	"gospread/spread/internal/conf"
)

// appendEntry appends the lines of an entry, each with the prefix: in text, lines of
// `[<stamp> ]<message>`, each with the stamp; in JSON, one object.
func appendEntry(b []byte, prefix string, o *conf.Logging, e *entry, at time.Time) []byte {
	if o.Format == conf.LogJSON {
		return appendJSON(append(b, prefix...), e, at)
	}
	for line := range strings.SplitSeq(strings.TrimSuffix(e.text, "\n"), "\n") {
		b = append(b, prefix...)
		if o.Stamp.On() {
			b = append(o.Stamp.Append(b, at), ' ')
		}
		b = append(append(b, line...), '\n')
	}
	return b
}

// journalPrefix tells the journal of systemd the level of a line; the journal takes it
// off (sd-daemon(3)).
func journalPrefix(l conf.Level) string {
	switch l {
	case conf.LevelDebug:
		return "<7>"
	case conf.LevelInfo, conf.LevelPrint:
		return "<6>"
	case conf.LevelWarning:
		return "<4>"
	case conf.LevelError:
		return "<3>"
	}
	return "<2>"
}

// jsonTime is RFC 3339 with milliseconds.
const jsonTime = "2006-01-02T15:04:05.000Z07:00"

// appendJSON appends an entry as an object with time, level, msg, component and its
// fields.
func appendJSON(b []byte, e *entry, at time.Time) []byte {
	w := lineWriter{b}
	h := slog.NewJSONHandler(&w, &slog.HandlerOptions{Level: slog.LevelDebug, ReplaceAttr: func(groups []string, a slog.Attr) slog.Attr {
		switch {
		case len(groups) > 0:
		case a.Key == slog.TimeKey:
			return slog.String(slog.TimeKey, at.Format(jsonTime))
		case a.Key == slog.LevelKey:
			return slog.String(slog.LevelKey, levelName(e.tells()))
		}
		return a
	}})
	r := slog.NewRecord(at, slog.LevelInfo, strings.TrimSpace(e.text), 0)
	r.AddAttrs(slog.String("component", component(e.flags)))
	r.AddAttrs(e.fields...)
	_ = h.Handle(context.Background(), r) // the writer never fails
	return w.b
}

// lineWriter appends to a slice.
type lineWriter struct{ b []byte }

func (w *lineWriter) Write(p []byte) (int, error) {
	w.b = append(w.b, p...)
	return len(p), nil
}

// levelName is the level in a log of JSON. What cannot be hidden is no level there.
func levelName(l conf.Level) string {
	switch l {
	case conf.LevelDebug:
		return "DEBUG"
	case conf.LevelPrint:
		return conf.LevelInfo.String()
	}
	return l.String()
}

// components are the types of events that say which part of the daemon speaks. PRINT
// and EXIT do not.
var components = []struct {
	flag conf.EventFlags
	name string
}{
	{conf.FlagSession, "session"}, {conf.FlagMembership, "membership"}, {conf.FlagNetwork, "network"},
	{conf.FlagConfiguration, "configuration"}, {conf.FlagGroups, "groups"}, {conf.FlagFlowControl, "flow_control"},
	{conf.FlagStatus, "monitor"}, {conf.FlagSecurity, "security"},
}

func component(flags conf.EventFlags) string {
	for _, c := range components {
		if flags&c.flag != 0 {
			return c.name
		}
	}
	return "daemon"
}
