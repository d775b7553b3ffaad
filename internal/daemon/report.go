package daemon

import (
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"gospread/spread/internal/conf"
	"gospread/spread/internal/ring"
)

// banner is the first thing in the log: which program this is.
func (d *Daemon) banner() {
	rule := strings.Repeat("=", 75)
	d.log.log(entry{level: conf.LevelPrint, flags: conf.FlagPrint, form: textForm, text: fmt.Sprintf("/%s\\\n"+
		"| gospread %-65.65s|\n"+
		"| The Spread toolkit, implemented in Go. Licensed under Apache-2.0.%9s|\n"+
		"| Speaks the client protocol of Version 5.00.01%29s|\n"+
		"\\%s/", rule, d.opts.Version, "", "", rule)})
	d.log.log(entry{level: conf.LevelPrint, flags: conf.FlagPrint, form: jsonForm, text: "Spread: starting, gospread " + d.opts.Version,
		fields: []slog.Attr{slog.String("version", d.opts.Version)}})
}

// report logs the start-up report of a configuration, each line under the
// logging options that held where it stands in the file.
func (d *Daemon) report(cfg *conf.Config) {
	d.log.set(cfg.Options.Log) // the format is that of the end of the file
	for i := range cfg.Report {
		line := &cfg.Report[i]
		d.log.logAs(&line.Log, line.Level, line.Flags, line.Text)
	}
}

// keepTime remembers the time of a membership, or at which the ring was sealed, for the
// next life of this daemon; it is called in a turn of the engine.
func (d *Daemon) keepTime(time uint32) {
	if d.opts.Kept != nil {
		d.opts.Kept(time)
	}
	if err := errors.Join(d.unix.keepTime(time), d.service.keepTime(time), d.times.keepTime(time), d.state.keepTime(time)); err != nil {
		d.log.logf(conf.LevelWarning, conf.FlagPrint,
			"Spread: cannot keep the time of a membership: %v; wait a second before a restart", err)
	}
}

// installed reports a daemon membership; it is called in a turn of the engine.
func (d *Daemon) installed(c *ring.Configuration) {
	d.engine.lookout.want(wantPlain) // so that no status shows it with what was before
	if d.opts.Installed != nil {
		d.opts.Installed(c)
	}
	cfg := d.epochs.now()
	change := d.membership.installed(cfg, c)
	d.history.installed(change.view(time.Now()))
	line := change.entry()
	d.log.log(line)
	d.super.describe(strings.TrimPrefix(line.text, "Membership: "))
	d.log.log(entry{level: conf.LevelPrint, flags: conf.FlagMembership | conf.FlagPrint, form: textForm,
		text: membershipReport(cfg, d.self.Name, c)})
	if d.sessions != nil {
		d.sessions.membership(cfg, c)
	}
}

// noted logs what the ring has to say; it is called in a turn of the engine.
func (d *Daemon) noted(n ring.Note) {
	level := conf.LevelInfo
	if n.Kind == ring.NoteMismatch {
		level = conf.LevelError
	}
	name := d.daemonName(n.Daemon)
	text := n.Text(name)
	if n.Kind == ring.NoteMismatch {
		text += ": " + difference(d.epochs.now().Text(), n.Theirs) + "; the two do not see each other until their files are the same and both are reloaded"
	}
	d.membership.noted(n, name)
	e := entry{level: level, flags: conf.FlagMembership | conf.FlagPrint, key: fmt.Sprint("note ", n.Kind, name), text: "Membership: " + text}
	if n.Daemon != 0 {
		e.fields = []slog.Attr{slog.String("daemon", name)}
	}
	d.log.log(e)
}

// daemonName is the name of a daemon of the configuration.
func (d *Daemon) daemonName(id ring.DaemonID) string {
	for _, c := range d.epochs.now().Daemons() {
		if c.ID == uint32(id) {
			return c.Name
		}
	}
	return fmt.Sprint(int32(id))
}

// reportNetwork logs what the link has found.
func (d *Daemon) reportNetwork() {
	if err := d.network.unheard; err != nil {
		d.log.logf(conf.LevelWarning, conf.FlagNetwork|conf.FlagPrint, "Network: monitors cannot reach this daemon: %v", err)
	}
	if d.network.link == nil || d.network.lone {
		return
	}
	for _, w := range d.network.link.Report().Warnings {
		d.log.logf(conf.LevelWarning, conf.FlagNetwork|conf.FlagPrint, "Network: %s", w)
	}
}

// networkNoted logs what the link notes while the daemon runs.
func (d *Daemon) networkNoted(level conf.Level, text string) {
	d.log.logf(level, conf.FlagNetwork|conf.FlagPrint, "Network: %s", text)
}

// membershipReport is the block of 7.3 for a new daemon membership.
func membershipReport(cfg *conf.Config, self string, c *ring.Configuration) string {
	var b strings.Builder
	fmt.Fprintf(&b, "Membership id is ( %d, %d)\n%s\nConfiguration at %s is:\nNum Segments %d\n",
		int32(c.ID.Leader), c.ID.Time, strings.Repeat("-", 20), self, len(cfg.Segments))
	in := make(map[uint32]bool)
	for _, id := range c.Members {
		in[uint32(id)] = true
	}
	for _, s := range cfg.Segments {
		var members []conf.Daemon
		for _, m := range s.Daemons {
			if in[m.ID] {
				members = append(members, m)
			}
		}
		fmt.Fprintf(&b, "\t%d", len(members))
		for _, a := range s.Addrs {
			fmt.Fprintf(&b, "\t[%s]:%d", a, s.Port)
		}
		b.WriteByte('\n')
		for _, m := range members {
			fmt.Fprintf(&b, "\t\t%-20s\t%s\tID: %-16d\n", m.Name, m.Addr, m.ID)
		}
	}
	b.WriteString(strings.Repeat("=", 20) + "\n\n")
	return b.String()
}
