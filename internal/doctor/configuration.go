package doctor

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"gospread/spread/internal/conf"
)

// resolved is a name that the configuration had looked up.
type resolved struct {
	name  string
	addrs []netip.Addr
	took  time.Duration
}

// configuration reads the file; false ends the examination.
func (e *examination) configuration(ctx context.Context) bool {
	s := e.on("configuration.file", "")
	text, path, err := conf.Find(e.o.File, e.o.File != "", e.env.ReadFile)
	if err != nil {
		means := "the daemon does not start with this file"
		if errors.Is(err, conf.ErrNoFile) {
			means = "the daemon serves this machine alone, and has no others"
		}
		s.problem(oneLine(err), means, "write a configuration and name it: spread doctor -c FILE; a sample is in the documentation")
		return false
	}
	e.File = path
	var looked []resolved
	cfg, err := conf.Parse(text, path, conf.Env{Hostname: e.env.Hostname, LookupHost: func(name string) ([]netip.Addr, error) {
		began := e.env.Now()
		addrs, err := e.env.Lookup(ctx, name)
		looked = append(looked, resolved{name, addrs, e.env.Now().Sub(began)})
		return addrs, err
	}})
	if err != nil {
		s.problem(oneLine(err), "the daemon does not start with this file", "correct the file; spread --check -c "+path+" tells when it is right")
		return false
	}
	e.cfg, e.all, e.Hash = cfg, cfg.Daemons(), cfg.Hash()
	s.ok("the file is right: %s in %s", count(len(e.all), "daemon"), count(len(cfg.Segments), "segment"))
	here := !slices.ContainsFunc(e.all, func(d conf.Daemon) bool { return !d.Addr.IsLoopback() })
	for _, w := range cfg.Warnings {
		if here && strings.Contains(w.Msg, "loopback address") {
			continue // as it should be for daemons that all run here
		}
		e.on("configuration.warning", "").warning(w.String(), "the daemon starts, and may not do what was meant", "correct the line")
	}
	e.lookups(looked)
	return true
}

// lookups judges the names that stand in for addresses.
func (e *examination) lookups(looked []resolved) {
	e.looked = map[string]bool{}
	for _, l := range looked {
		e.looked[l.name] = true
		s := e.on("configuration.lookup", l.name)
		d := e.all[max(slices.IndexFunc(e.all, func(d conf.Daemon) bool { return d.Name == l.name }), 0)]
		same := slices.DeleteFunc(slices.Clone(l.addrs), func(a netip.Addr) bool { return a.Is4() != d.Addr.Is4() })
		switch {
		case d.Addr.IsLoopback() && len(e.all) > 1:
			s.problem(fmt.Sprintf("the name is looked up as %s", addrList(l.addrs)),
				"other machines take this for themselves, or take another address for this daemon: they never find each other",
				fmt.Sprintf("write the address behind the name in the file, or remove the line of %s from /etc/hosts", l.name))
		case len(same) > 1:
			s.warning(fmt.Sprintf("the name has several addresses: %s; %s is used here", addrList(l.addrs), d.Addr),
				"another machine may be told another one first, and then has another configuration",
				"write the address behind the name in the file")
		case l.took > time.Second:
			s.warning(fmt.Sprintf("looking the name up took %v", l.took.Round(time.Millisecond)),
				"the daemon takes as long to start, and does not start while no name server answers",
				"write the address behind the name in the file, or the name into /etc/hosts")
		default:
			s.ok("the name is looked up as %s", addrList(l.addrs))
		}
	}
}

// names looks at names that have an address in the file, and are host names too.
func (e *examination) names(ctx context.Context) {
	for _, d := range e.all {
		if e.looked[d.Name] {
			continue
		}
		addrs, err := e.env.Lookup(ctx, d.Name)
		if err != nil || len(addrs) == 0 || slices.ContainsFunc(addrs, func(a netip.Addr) bool { return bare(a) == bare(d.Addr) }) {
			continue
		}
		e.on("configuration.name", d.Name).ok("as a host name it is %s; the daemon has %s in the file, which is what counts", addrList(addrs), d.Addr)
	}
}
