package monitor

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"time"

	"gospread/spread/internal/conf"
)

// lookupTime bounds how long the resolver may take for one name.
const lookupTime = 10 * time.Second

// Load reads the configuration that daemons read: the file that is named, or what
// they would find. Where there is none, it is that of a daemon without a file.
func Load(ctx context.Context, file string) (*conf.Config, error) {
	text, path, err := conf.Find(file, file != "", os.ReadFile)
	switch {
	case errors.Is(err, conf.ErrNoFile):
		return conf.Default(), nil
	case err != nil:
		return nil, err
	}
	hostname, err := os.Hostname()
	if err != nil {
		hostname = "localhost"
	}
	return conf.Parse(text, path, conf.Env{LookupHost: lookup(ctx), Hostname: hostname})
}

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

// Self finds the daemon that a monitor on this machine speaks as: the one of that
// name, or the first with an address of this machine. In a ring with a key it need
// not be of this machine, and need not be at all: then the result is nil.
func Self(ctx context.Context, cfg *conf.Config, name string) (*conf.Daemon, error) {
	local, err := localAddrs(ctx)
	if err != nil {
		return nil, err
	}
	self, err := cfg.Self(name, local)
	if err == nil {
		return &self, nil
	}
	if cfg.Options.RingKeyFile == "" {
		return nil, err
	}
	for _, d := range cfg.Daemons() {
		if d.Name == name {
			return &d, nil
		}
	}
	if name != "" {
		return nil, err
	}
	return nil, nil
}

// localAddrs are the addresses of this machine, those its name resolves to included.
func localAddrs(ctx context.Context) ([]netip.Addr, error) {
	ifaces, err := net.InterfaceAddrs()
	if err != nil {
		return nil, fmt.Errorf("list the addresses of this machine: %w", err)
	}
	var list []netip.Addr
	for _, i := range ifaces {
		if p, err := netip.ParsePrefix(i.String()); err == nil {
			list = append(list, p.Addr().Unmap())
		}
	}
	if hostname, err := os.Hostname(); err == nil {
		more, _ := lookup(ctx)(hostname) // that it does not resolve is no reason to stop
		list = append(list, more...)
	}
	return list, nil
}
