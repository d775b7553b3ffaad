package conf

import (
	"fmt"
	"io"
)

// ReportLine is one message of the start-up report.
type ReportLine struct {
	Text  string // without newline at the end; a name from the file may hold what it likes
	Level Level
	Flags EventFlags
	// Log is what the logging options say at this point: they affect only what comes after them in the file.
	Log Logging
}

// Visible reports whether the logging options let the line be seen.
func (l ReportLine) Visible() bool { return l.Log.Shows(l.Level, l.Flags) }

// WriteReport writes the visible lines of the start-up report, without time stamps. A daemon that stamps its log walks
// through Report itself.
func (c *Config) WriteReport(w io.Writer) error {
	for _, l := range c.Report {
		if !l.Visible() {
			continue
		}
		if _, err := fmt.Fprintln(w, l.Text); err != nil {
			return fmt.Errorf("writing the configuration report: %w", err)
		}
	}
	return nil
}

// echo adds a message to the report.
func (p *parser) echo(level Level, format string, args ...any) {
	p.cfg.Report = append(p.cfg.Report, ReportLine{
		Text: fmt.Sprintf(format, args...), Level: level, Flags: FlagConfiguration, Log: p.cfg.Options.Log,
	})
}

func (p *parser) echoSegment(s *Segment) {
	p.echo(LevelInfo, "Successfully configured Segment %d [%s]:%d with %d procs:",
		len(p.cfg.Segments)-1, addrText(s.Addrs[0]), s.Port, len(s.Daemons))
	for _, d := range s.Daemons {
		p.echo(LevelInfo, "\t%20s: %s", d.Name, addrText(d.Addr))
	}
}

func (p *parser) echoDangerousMonitor() {
	if p.cfg.Options.DangerousMonitor {
		p.echo(LevelPrint, "ENABLING Dangerous Monitor Commands! Make sure Spread network is secured")
	} else {
		p.echo(LevelPrint, "Disabling Dangerous Monitor Commands!")
	}
}

func (p *parser) echoPortReuse() {
	switch p.cfg.Options.SocketPortReuse {
	case On:
		p.echo(LevelPrint, "Setting SO_REUSEADDR to always on -- make sure Spread daemon host is secured!")
	case Off:
		p.echo(LevelPrint, "Setting SO_REUSEADDR to always off")
	case Auto:
		p.echo(LevelPrint, "Setting SO_REUSEADDR to auto")
	}
}
