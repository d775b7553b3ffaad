package daemon

import (
	"context"
	"errors"
	"os"
	"os/signal"

	"gospread/spread/internal/conf"
)

// waitForEnd serves the signals until one of them, or ctx, ends the daemon.
func (d *Daemon) waitForEnd(ctx context.Context) {
	if !d.opts.Signals {
		<-ctx.Done()
		return
	}
	stop, reload, reopen := notify(stopSignals), notify(reloadSignals), notify(reopenSignals)
	for {
		select {
		case <-ctx.Done():
			return
		case s := <-stop:
			d.log.logf(conf.LevelInfo, conf.FlagPrint, "Spread: stopping on signal %v", s)
			return
		case <-reload:
			d.reload()
		case <-reopen:
			if err := d.log.reopen(); err != nil {
				d.log.print("Spread: %v", err)
			}
		}
	}
}

func notify(signals []os.Signal) <-chan os.Signal {
	c := make(chan os.Signal, 1)
	if len(signals) > 0 {
		signal.Notify(c, signals...)
	}
	return c
}

// reload reads the configuration again and applies what may change while the
// daemon runs. A file that is not acceptable changes nothing.
func (d *Daemon) reload() {
	d.log.print("Spread: reloading the configuration")
	old := d.config.Load()
	cfg, err := d.source.reload()
	if err == nil {
		err = d.apply(old, cfg)
	}
	if err != nil {
		d.log.print("Spread: the configuration stays as it was: %v", err)
	}
}

func (d *Daemon) apply(old, cfg *conf.Config) error {
	if why := conf.OwnEntryChanged(old, cfg, d.self.Name); why != "" {
		return errors.New(why)
	}
	live, refused := conf.Changed(old, cfg, d.self.Name)
	rules, err := d.authRules(cfg)
	if err != nil {
		return err
	}
	d.config.Store(cfg)
	d.report(cfg)
	d.server.SetConfig(d.sessionConfig(cfg, rules))
	d.engine.setDaemons(groupDaemons(cfg))
	for _, text := range live {
		d.log.print("Spread: changed: %s", text)
	}
	for _, text := range refused {
		d.log.print("Spread: not changed: %s", text)
	}
	if len(live)+len(refused) == 0 {
		d.log.print("Spread: the configuration is unchanged")
	}
	return nil
}
