package daemon

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"slices"
	"strings"
	"sync"
	"time"

	"gospread/spread/internal/conf"
	"gospread/spread/internal/sdnotify"
)

// signals are those the daemon listens to, from before it serves anybody.
type signals struct{ stop, reload, reopen chan os.Signal }

// catch starts listening to the process's signals.
func catch() *signals {
	ignoreBrokenPipe()
	s := &signals{make(chan os.Signal, 1), make(chan os.Signal, 1), make(chan os.Signal, 1)}
	for c, list := range map[chan os.Signal][]os.Signal{s.stop: stopSignals, s.reload: reloadSignals, s.reopen: reopenSignals} {
		if len(list) > 0 {
			signal.Notify(c, list...)
		}
	}
	return s
}

// release gives the signals back.
func (s *signals) release() {
	for _, c := range []chan os.Signal{s.stop, s.reload, s.reopen} {
		signal.Stop(c)
	}
}

// whileStarting returns a context that ends when a signal says stop; the signal is
// kept for waitForEnd. The function returned ends the watch.
func (s *signals) whileStarting(ctx context.Context) (context.Context, func()) {
	ctx, cancel := context.WithCancel(ctx)
	var watch sync.WaitGroup
	watch.Go(func() {
		select {
		case sig := <-s.stop:
			select {
			case s.stop <- sig:
			default: // another one has come
			}
			cancel()
		case <-ctx.Done():
		}
	})
	return ctx, func() {
		cancel()
		watch.Wait()
	}
}

// waitForEnd serves the signals until one of them, or ctx, ends the daemon. A
// second signal to stop finds the process with its default, and ends it.
func (d *Daemon) waitForEnd(ctx context.Context, sig *signals) {
	ctx, cancel := context.WithCancel(ctx)
	var reloading sync.WaitGroup
	defer reloading.Wait()
	defer cancel()
	// Name lookups may take long; a stop does not wait for them.
	reloading.Go(func() { d.reloadWhen(ctx) })
	for {
		select {
		case <-ctx.Done():
			return
		case s := <-sig.stop:
			signal.Stop(sig.stop)
			d.log.logf(conf.LevelInfo, conf.FlagPrint, "Spread: stopping on signal %v", s)
			return
		case <-d.monitors.stop:
			return
		case <-sig.reload:
			d.reloads.ask(nil)
		case <-sig.reopen:
			if err := d.log.reopen(); err != nil {
				d.log.kept("Spread: %v", err)
			}
		}
	}
}

// reloadWhen reloads as often as it is wanted, until ctx ends.
func (d *Daemon) reloadWhen(ctx context.Context) {
	remind := time.NewTimer(0)
	remind.Stop()
	defer remind.Stop()
	for {
		select {
		case <-d.reloads.wanted:
			askers := d.reloads.take()
			text, err := d.reload(ctx)
			for _, done := range askers {
				done(text, err)
			}
			remind.Reset(offerPatience)
		case <-remind.C:
			if d.reportWaiting() {
				remind.Reset(offerEvery)
			}
		case <-ctx.Done():
			return
		}
	}
}

// reload reads the configuration again and applies what may change while the
// daemon runs. A file that is not acceptable changes nothing. It returns what has
// changed, in words.
func (d *Daemon) reload(ctx context.Context) (text string, err error) {
	d.super.say(sdnotify.Reloading(sdnotify.Monotonic()))
	defer d.super.say(sdnotify.Ready)
	d.log.print("Spread: reloading the configuration")
	old := d.config.Load()
	cfg, err := d.source.reload(ctx)
	if ctx.Err() != nil {
		return "", fmt.Errorf("the daemon stops: %w", ctx.Err())
	}
	if err == nil {
		text, err = d.apply(ctx, old, cfg)
	}
	if err != nil {
		d.log.kept("Spread: the configuration stays as it was: %v", err)
	}
	return text, err
}

func (d *Daemon) apply(ctx context.Context, old, cfg *conf.Config) (string, error) {
	if why := conf.OwnEntryChanged(d.started, cfg, d.self.Name); why != "" {
		return "", errors.New(why)
	}
	live, _ := conf.Changed(old, cfg, d.self.Name)
	_, refused := conf.Changed(d.started, cfg, d.self.Name)
	if err := d.readRules(cfg); err != nil {
		return "", err
	}
	d.config.Store(cfg)
	d.report(cfg)
	d.server.SetConfig(d.sessionConfig(cfg))
	if err := d.reloadKeys(cfg); err != nil {
		d.log.kept("Spread: %v", err)
		live, refused = notDone(live, refused, conf.KeyRingKeyFile, err)
	}
	if err := d.moveStatus(ctx, cfg); err != nil {
		d.log.kept("Spread: the status service stays as it was: %v", err)
		live, refused = notDone(live, refused, conf.KeyHTTPStatus, err)
		as := *cfg // the next reload is compared with what is in force
		as.Options.HTTPStatus = old.Options.HTTPStatus
		d.config.Store(&as)
	}
	d.tuning.apply(d, &cfg.Options)
	if err := d.offerEpoch(cfg); err != nil {
		d.log.kept("Spread: the daemons stay as they were: %v", err)
	}
	d.reportReload(live, refused)
	return changesText(live, refused), nil
}

// notDone moves a directive that could not be followed from what has changed to what
// has not.
func notDone(live, refused []string, key conf.Key, err error) (_, _ []string) {
	live = slices.DeleteFunc(live, func(line string) bool { return strings.HasPrefix(line, string(key)+":") })
	return live, append(refused, fmt.Sprintf("%s: %v", key, err))
}

// changesText is what a reload has changed, in one line.
func changesText(live, refused []string) string {
	var said []string
	for _, text := range live {
		said = append(said, "changed: "+text)
	}
	for _, text := range refused {
		said = append(said, "not changed: "+text)
	}
	if len(said) == 0 {
		return "the configuration is unchanged"
	}
	return strings.Join(said, "; ")
}

// reportReload says what a reload has changed: a line for each thing in a log of
// text, and one for all.
func (d *Daemon) reportReload(live, refused []string) {
	lines := func(what string, list []string) {
		for _, text := range list {
			d.log.log(entry{level: conf.LevelPrint, flags: conf.FlagConfiguration, form: textForm, text: "Spread: " + what + ": " + text})
		}
	}
	lines("changed", live)
	lines("not changed", refused)
	text := "Spread: the configuration is unchanged"
	if len(live)+len(refused) > 0 {
		text = fmt.Sprintf("Spread: the configuration was read again: %d changed, %d not changed", len(live), len(refused))
	}
	d.log.log(entry{level: conf.LevelPrint, flags: conf.FlagConfiguration, text: text,
		fields: []slog.Attr{slog.Any("changed", append([]string{}, live...)), slog.Any("not_changed", append([]string{}, refused...))}})
}
