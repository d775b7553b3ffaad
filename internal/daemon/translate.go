package daemon

import (
	"fmt"

	"gospread/spread/internal/conf"
	"gospread/spread/internal/group"
	"gospread/spread/internal/ring"
	"gospread/spread/internal/session"
)

// What the configuration says, in the words of the ring, the groups and the sessions.

// ringOptions are what the configuration says of the ring.
func ringOptions(cfg *conf.Config, self *conf.Daemon) ring.Options {
	o := &cfg.Options
	r := ring.Options{Self: ring.DaemonID(self.ID), Digest: cfg.Hash(), Describe: cfg.Text(), Timing: timing(o), Windows: windows(o)}
	r.Peers = ringPeers(cfg)
	return r
}

// windows are those that the file sets; the others adapt.
func windows(o *conf.Options) (w ring.Windows) {
	if o.IsSet(conf.KeyWindow) {
		w.Global = o.Window
	}
	if o.IsSet(conf.KeyPersonalWindow) {
		w.Personal = o.PersonalWindow
	}
	if o.IsSet(conf.KeyAcceleratedWindow) {
		w.Accelerated = o.AcceleratedWindow
	}
	return w
}

func ringPeers(cfg *conf.Config) []ring.Peer {
	var peers []ring.Peer
	for _, c := range cfg.Daemons() {
		peers = append(peers, ring.Peer{ID: ring.DaemonID(c.ID), Segment: c.Segment})
	}
	return peers
}

// timing translates the nine timers of the file (semantics 3.2). They bind what
// they always bound, where the ring has something like it; without them it has
// times of its own.
func timing(o *conf.Options) ring.Timing {
	t := o.Timers
	switch {
	case t.Token > 0:
		return ring.Timing{Loss: t.Token, Beat: min(t.Hurry, t.Token/3), Join: t.Join, Start: t.Seg + t.Gather,
			Gather: t.Seg + t.Gather, Form: t.Form, Probe: t.Lookup}
	case o.WideAreaNetwork && o.IsSet(conf.KeyWideAreaNetwork):
		return ring.WideTiming()
	}
	return ring.Timing{} // follows the round trips
}

func groupDaemons(cfg *conf.Config) []group.Daemon {
	var list []group.Daemon
	for _, c := range cfg.Daemons() {
		list = append(list, group.Daemon{ID: ring.DaemonID(c.ID), Name: c.Name})
	}
	return list
}

// sessionConfig is the configuration as the sessions see it.
func (d *Daemon) sessionConfig(cfg *conf.Config) *session.Config {
	o := &cfg.Options
	most, why := capacity(o)
	return &session.Config{
		DaemonName: d.self.Name,
		Auth:       session.Auth{Allowed: o.Auth.Allowed, Required: o.Auth.Required, IP: d.rules},
		Policy:     d.opts.Policy,
		Limits: session.Limits{
			Bytes:    o.MaxSessionBytes,
			Messages: o.MaxSessionMessages,
			Stall:    o.MaxSessionStall,
			Hold:     o.SenderHold,
		},
		MaxSessions:      most,
		MaxSessionsWhy:   why,
		HandshakeTimeout: o.HandshakeTimeout,
	}
}

// capacity is how many clients the daemon serves at once, and what says so.
func capacity(o *conf.Options) (most int, why string) {
	most = sessionLimit()
	if o.MaxSessions > 0 && o.MaxSessions <= most {
		return o.MaxSessions, "MaxSessions"
	}
	return most, "the limit of file descriptors"
}

// checkCapacity says how many clients can be served if that is few.
func (d *Daemon) checkCapacity(o *conf.Options) error {
	most, why := capacity(o)
	switch {
	case most <= 0:
		return fmt.Errorf("serve clients: %s leaves none for them; raise it (ulimit -n) to at least %d", why, 2*reservedFiles)
	case most < fewSessions && why != "MaxSessions", o.MaxSessions > most:
		d.log.logf(conf.LevelWarning, conf.FlagPrint, "Spread: at most %d clients at once: %s", most, why)
	}
	return nil
}

// Sessions at once where the platform names no limit, and at most anywhere.
const (
	defaultSessions = 1000
	mostSessions    = 1 << 17
	fewSessions     = 500
	// reservedFiles are descriptors that clients cannot have: listeners, log, and
	// what the run-time needs.
	reservedFiles = 64
)
