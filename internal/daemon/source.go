package daemon

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"time"

	"gospread/spread/internal/conf"
	"gospread/spread/internal/session"
)

// lookupTime bounds how long the resolver may take for one name.
const lookupTime = 10 * time.Second

// source is where the configuration comes from. It is kept, so that a reload
// reads the same file, also after a change of root.
type source struct {
	hostname string
	path     string   // of the file in use; empty: none
	dir      *os.Root // of that file, once a change of root is coming
}

// load finds, reads and parses the configuration. A file given with -c is the
// only one tried.
func (s *source) load(ctx context.Context, given string) (*conf.Config, error) {
	text, path, err := conf.Find(given, given != "", os.ReadFile)
	if err != nil {
		return nil, err
	}
	s.path = path
	return s.parse(ctx, text)
}

func (s *source) parse(ctx context.Context, text []byte) (*conf.Config, error) {
	return conf.Parse(text, s.path, conf.Env{LookupHost: lookup(ctx), Hostname: s.hostname})
}

// reload reads the file in use again.
func (s *source) reload(ctx context.Context) (*conf.Config, error) {
	if s.path == "" {
		return nil, errors.New("the daemon runs without a configuration file; restart it to use one")
	}
	var text []byte
	var err error
	if s.dir != nil {
		text, err = s.dir.ReadFile(filepath.Base(s.path))
	} else {
		text, err = os.ReadFile(s.path)
	}
	if err != nil {
		return nil, fmt.Errorf("read the configuration again: %w", err)
	}
	return s.parse(ctx, text)
}

// prepareForChroot keeps what reload needs from outside the new root. Without a
// change of root, paths are made independent of the working directory.
func (s *source) prepareForChroot(chroot bool) error {
	if s.path == "" {
		return nil
	}
	abs, err := filepath.Abs(s.path)
	if err != nil {
		return fmt.Errorf("find the directory of %s: %w", s.path, err)
	}
	s.path = abs
	if !chroot {
		return nil
	}
	s.dir, err = os.OpenRoot(filepath.Dir(abs))
	if err != nil {
		return fmt.Errorf("keep the directory of %s for reloads: %w", s.path, err)
	}
	return nil
}

// lookup asks the resolver, for a bounded time a name.
func lookup(ctx context.Context) func(name string) ([]netip.Addr, error) {
	return func(name string) ([]netip.Addr, error) {
		ctx, cancel := context.WithTimeout(ctx, lookupTime)
		defer cancel()
		addrs, err := net.DefaultResolver.LookupNetIP(ctx, "ip", name)
		for i := range addrs {
			addrs[i] = addrs[i].Unmap()
		}
		return addrs, err
	}
}

// accessFile holds the rules of the IP authentication method; it is looked for
// in the working directory, then in /etc (client protocol 10.2).
const accessFile = "spread.access_ip"

// readRules reads the IP rules. A file that cannot be understood is an error only
// where the method is in use. One that was there and cannot be found any more, as
// after a change of root, leaves the rules as they are.
func (d *Daemon) readRules(cfg *conf.Config) error {
	path, text, err := findRules()
	switch {
	case errors.Is(err, fs.ErrNotExist) && d.rulesFile != "":
		d.log.logf(conf.LevelWarning, conf.FlagPrint, "Spread: %s cannot be found again: its rules stay", d.rulesFile)
		return nil
	case errors.Is(err, fs.ErrNotExist):
		if usesIP(&cfg.Options.Auth) {
			d.log.logf(conf.LevelWarning, conf.FlagPrint,
				"Spread: no %s in the working directory or /etc: the IP method refuses everybody", accessFile)
		}
		return nil
	}
	var rules session.IPRules
	var warnings []string
	if err == nil {
		rules, warnings, err = session.ParseIPRules(path, text)
	}
	for _, w := range warnings {
		d.log.logf(conf.LevelWarning, conf.FlagPrint, "Spread: %s", w)
	}
	switch {
	case err != nil && usesIP(&cfg.Options.Auth):
		return fmt.Errorf("read the rules of the IP method: %w", err)
	case err != nil:
		d.log.logf(conf.LevelWarning, conf.FlagPrint, "Spread: %v (the IP method is not in use)", err)
		return nil
	}
	d.rules, d.rulesFile = rules, path
	return nil
}

func findRules() (path string, text []byte, err error) {
	for _, path = range []string{accessFile, filepath.Join("/etc", accessFile)} {
		if text, err = os.ReadFile(path); !errors.Is(err, fs.ErrNotExist) {
			break
		}
	}
	return path, text, err
}

func usesIP(a *conf.Auth) bool {
	for _, list := range [][]string{a.Allowed, a.Required} {
		for _, m := range list {
			if m == session.MethodIP {
				return true
			}
		}
	}
	return false
}
