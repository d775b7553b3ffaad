// Package doctor finds out why daemons do not start, or do not find each other: it
// checks a configuration, this machine, and, together with doctors on the other
// machines, what gets through between them. Each finding says what it means and what
// can be done.
package doctor

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"gospread/spread/internal/conf"
	"gospread/spread/internal/echo"
)

// DefaultWait is how long doctors on other machines are waited for.
const DefaultWait = time.Minute

// Options say what to check.
type Options struct {
	File string // the configuration; empty: where daemons look for it
	Name string // own entry; empty: by the addresses of this machine
	// Wait is how long the doctors of other machines are waited for.
	Wait time.Duration
	// Listen answers the doctors of others until the context ends.
	Listen bool
	// Say is told what is going on, in lines for a person. It may be nil.
	Say func(line string)
}

// examination is one run.
type examination struct {
	*Report
	o   Options
	env *Env

	cfg     *conf.Config
	looked  map[string]bool // names of daemons that were looked up
	self    conf.Daemon
	all     []conf.Daemon
	local   []netip.Addr // addresses of this machine
	own     *Interface   // the one with the own address; nil: none, or not known
	running []bool       // daemons that answer, by their index
	dialed  []Dialed
	free    bool // the own UDP ports are
	auth    *echo.Auth
}

// Run examines everything and returns the report. At the end of ctx it goes on
// without the doctors that were waited for.
func Run(ctx context.Context, o Options, env *Env) *Report {
	e := &examination{Report: &Report{Format: 1, Time: env.Now().UTC(), File: o.File}, o: o, env: env}
	// What is asked of this machine and of resolvers is bounded by itself.
	checks := context.WithoutCancel(ctx)
	if !e.configuration(checks) {
		return e.Report
	}
	e.names(checks)
	if !e.ownEntry(checks) {
		return e.Report
	}
	e.addresses()
	e.segment()
	e.dialAll(checks)
	e.ports(checks)
	e.limits()
	e.identity()
	e.directories()
	e.keys()
	if len(e.all) > 1 {
		e.network(ctx)
	}
	return e.Report
}

func (e *examination) say(format string, args ...any) {
	if e.o.Say != nil {
		e.o.Say(fmt.Sprintf(format, args...))
	}
}

// hosts tells whether the daemons are on more than one machine.
func (e *examination) hosts() bool {
	return slices.ContainsFunc(e.all, func(d conf.Daemon) bool { return !e.isLocal(d.Addr) })
}

func (e *examination) isLocal(a netip.Addr) bool {
	return a.IsLoopback() || slices.ContainsFunc(e.local, func(l netip.Addr) bool { return bare(l) == bare(a) })
}

// bare is an address as it is compared.
func bare(a netip.Addr) netip.Addr { return a.Unmap().WithZone("") }

// nameOf is the name of the daemon with that id.
func (e *examination) nameOf(id uint32) string {
	for _, d := range e.all {
		if d.ID == id {
			return d.Name
		}
	}
	return fmt.Sprintf("id %d", id)
}

// command is what is to be run where the daemon with that id is.
func (e *examination) command(id uint32) string {
	c := "spread doctor -c " + e.File
	for _, d := range e.all {
		if d.ID == id && e.isLocal(d.Addr) {
			c += " -n " + d.Name
		}
	}
	return c
}

// addrList writes addresses.
func addrList(addrs []netip.Addr) string {
	names := make([]string, len(addrs))
	for i, a := range addrs {
		names[i] = a.String()
	}
	return list(names)
}

// oneLine is the text of an error without line ends.
func oneLine(err error) string { return strings.Join(strings.Fields(err.Error()), " ") }
