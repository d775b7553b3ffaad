package daemon

import (
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"strings"
	"sync"
	"time"

	"gospread/spread/internal/conf"
	"gospread/spread/internal/ring"
	"gospread/spread/internal/seal"
)

// sealRing makes what seals this daemon's datagrams to others, from the key file
// if the configuration names one.
func (d *Daemon) sealRing(cfg *conf.Config, incarnation uint32) error {
	file := cfg.Options.RingKeyFile
	if file == "" {
		d.warnUnsealed(cfg)
		d.network.sealer.Store(seal.Plain())
		return nil
	}
	keys, err := seal.ReadKeys(file)
	if err != nil {
		return fmt.Errorf("read the keys of the ring: %w", err)
	}
	s, err := seal.New(keys, d.self.ID, incarnation)
	if err != nil {
		return fmt.Errorf("seal the ring: %w", err)
	}
	d.network.sealer.Store(s)
	d.reportKeys(keys)
	return nil
}

func (d *Daemon) reportKeys(keys *seal.Keys) {
	names := keys.Names()
	text := "Network: the ring is sealed: key " + names[0] + " seals"
	if len(names) > 1 {
		text += "; " + strings.Join(names[1:], ", ") + " opens too"
	}
	d.log.logf(conf.LevelInfo, conf.FlagNetwork|conf.FlagPrint, "%s", text)
}

// reloadKeys reads the keys again: the file may have changed even if its name has
// not. Keys that cannot be read leave those that there are.
func (d *Daemon) reloadKeys(cfg *conf.Config) error {
	s := d.network.sealer.Load()
	if s.Keyed() != (cfg.Options.RingKeyFile != "") {
		incarnation := max(uint32(time.Now().Unix()), d.incarnation+1)
		// Else a restart within the second would begin another life with it, which is refused.
		d.engine.turn(func() { d.engine.keep(incarnation) })
		if err := d.sealRing(cfg, incarnation); err != nil {
			return err
		}
		d.incarnation = incarnation
		d.engine.turn(func() { d.engine.ring.SetDatagram(d.network.datagram()) })
		return nil
	}
	if !s.Keyed() {
		return nil
	}
	keys, err := seal.ReadKeys(cfg.Options.RingKeyFile)
	if err != nil {
		return fmt.Errorf("read the keys of the ring: %w", err)
	}
	if err := s.SetKeys(keys); err != nil {
		return fmt.Errorf("change the keys of the ring: %w", err)
	}
	d.reportKeys(keys)
	return nil
}

// warnUnsealed says that the ring can be read and forged, where it leaves this
// machine.
func (d *Daemon) warnUnsealed(cfg *conf.Config) {
	for _, c := range cfg.Daemons() {
		if c.Addr != d.self.Addr && !(c.Addr.IsLoopback() && d.self.Addr.IsLoopback()) {
			d.log.logf(conf.LevelWarning, conf.FlagNetwork|conf.FlagPrint, "Network: the ring is not sealed: daemons run on several machines and "+
				"RingKeyFile is not set. Whoever can send datagrams to ports %d and %d of this machine can read, forge and disturb messages. "+
				"To seal it: (umask 077; openssl rand -hex 32 > /etc/spread.key), give the file to the user that the daemon runs as, "+
				"copy it to all machines, and set RingKeyFile = /etc/spread.key", d.self.Port, d.self.Port+1)
			return
		}
	}
}

// rejections logs datagrams that could not be opened, each reason once in a while for
// each daemon, and for all who are none.
type rejections struct {
	mu   sync.Mutex
	last map[rejection]time.Time
}

// rejection is a daemon (0: a stranger) and why its datagrams are refused.
type rejection struct {
	id  uint32
	err error
}

const rejectionEvery = 10 * time.Second

// rejected is told of each datagram that could not be opened.
func (d *Daemon) rejected(id uint32, from netip.AddrPort, err error) {
	if errors.Is(err, seal.ErrOwn) || errors.Is(err, seal.ErrReplay) {
		return
	}
	what := rejection{id, err}
	r := &d.rejections
	r.mu.Lock()
	now := time.Now()
	due := now.Sub(r.last[what]) >= rejectionEvery
	if due {
		if r.last == nil {
			r.last = make(map[rejection]time.Time)
		}
		r.last[what] = now
	}
	r.mu.Unlock()
	if !due {
		return
	}
	e := entry{level: conf.LevelWarning, flags: conf.FlagNetwork | conf.FlagPrint, key: "refused datagram",
		fields: []slog.Attr{slog.String("remote", from.String()), slog.String("reason", err.Error())}}
	who := from.String()
	if id != 0 {
		name := d.daemonName(ring.DaemonID(id))
		who = fmt.Sprintf("daemon %s at %v", name, from)
		e.fields = append(e.fields, slog.String("daemon", name))
	}
	e.text = fmt.Sprintf("Network: a datagram from %s is refused: %v", who, err)
	d.log.log(e)
}
