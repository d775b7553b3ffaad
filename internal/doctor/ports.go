package doctor

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"

	"gospread/spread/internal/conf"
)

// dialAll connects to the ports for clients of all daemons.
func (e *examination) dialAll(ctx context.Context) {
	const atOnce = 16
	e.dialed, e.running = make([]Dialed, len(e.all)), make([]bool, len(e.all))
	gate := make(chan struct{}, atOnce)
	var wg sync.WaitGroup
	for i, d := range e.all {
		wg.Go(func() {
			gate <- struct{}{}
			defer func() { <-gate }()
			e.dialed[i] = e.env.Dial(ctx, clientAddr(d))
		})
	}
	wg.Wait()
	for i, d := range e.all {
		e.running[i] = e.dialed[i].State == Daemon
		if d.Name != e.self.Name {
			e.daemonAt(&d, &e.dialed[i])
		}
	}
}

// clientAddr is where a daemon serves clients.
func clientAddr(d conf.Daemon) netip.AddrPort {
	for _, i := range d.Interfaces {
		if i.Client && !i.Addr.IsUnspecified() && bare(i.Addr) == bare(d.Addr) {
			return netip.AddrPortFrom(d.Addr, d.Port)
		}
	}
	for _, i := range d.Interfaces {
		if i.Client && !i.Addr.IsUnspecified() {
			return netip.AddrPortFrom(i.Addr, d.Port)
		}
	}
	return netip.AddrPortFrom(d.Addr, d.Port)
}

// daemonAt says what another daemon's port for clients has answered.
func (e *examination) daemonAt(d *conf.Daemon, a *Dialed) {
	s := e.on("daemons.client-port", d.Name)
	at := clientAddr(*d)
	switch a.State {
	case Daemon:
		if a.Name != "" && a.Name != d.Name {
			s.problem(fmt.Sprintf("at %s runs the daemon %s", at, a.Name), "the machine there has another configuration, or another address",
				"compare the files of both machines")
			return
		}
		s.ok("a daemon answers clients at %s%s", at, version(a))
	case Another:
		s.problem(fmt.Sprintf("at %s answers something that is no daemon: %s", at, oneLine(a.Err)), "the daemon there cannot start",
			"stop the other program there, or give the segment another port")
	case Hung:
		s.problem(fmt.Sprintf("at %s a connection is taken, and nothing answers within %v", at, dialTime), "a daemon that hangs, or another program, has that port",
			fmt.Sprintf("see there who has it, and end it: ss -ltnp 'sport = :%d'", at.Port()))
	case Closed:
		s.ok("its machine is up; no daemon runs at %s now", at)
	default:
		s.ok("nothing answers at %s: no daemon for clients, or its machine is down, or a firewall drops TCP", at)
	}
}

func version(a *Dialed) string {
	if a.Version == "" {
		return ""
	}
	return ", version " + a.Version
}

// ports tells whether the daemon of this machine can have its ports.
func (e *examination) ports(ctx context.Context) {
	if own := &e.dialed[e.self.Index]; own.State == Daemon && (own.Name == "" || own.Name == e.self.Name) {
		e.on("ports.tcp", "").ok("%s runs already%s: its ports are its own", e.self.Name, version(own))
		return
	}
	e.free = true
	for _, a := range tcpAddrs(&e.self) {
		e.port(ctx, "ports.tcp", "tcp", a, "port for clients")
	}
	for _, a := range udpAddrs(&e.self) {
		e.port(ctx, "ports.udp", "udp", a, "port for the other daemons")
		e.port(ctx, "ports.udp", "udp", netip.AddrPortFrom(a.Addr(), a.Port()+1), "port for the token")
	}
	e.statusPort(ctx)
}

// statusPort tells whether the status service can have its address.
func (e *examination) statusPort(ctx context.Context) {
	where := e.cfg.Options.HTTPStatus
	if !strings.Contains(where, ":") {
		where = "127.0.0.1:" + where
	}
	at, err := netip.ParseAddrPort(where)
	if err != nil {
		return // there is none, or it has a name
	}
	s := e.on("ports.http", "")
	switch err := e.env.Bind(ctx, "tcp", at); {
	case err == nil:
		s.ok("tcp %s is free (HTTPStatus)", at)
	case !inUse(err):
		s.problem(fmt.Sprintf("tcp %s cannot be used: %s", at, oneLine(err)), "the daemon does not start", "correct HTTPStatus, or leave it out")
	default:
		holder := "another program"
		if h := e.env.Holder("tcp", at.Port()); h != "" {
			holder = h
		}
		s.problem(fmt.Sprintf("tcp %s (HTTPStatus) is taken by %s", at, holder), "the daemon does not start", "stop that program, or give HTTPStatus another port")
	}
}

func (e *examination) port(ctx context.Context, check, network string, at netip.AddrPort, what string) {
	s := e.on(check, "")
	err := e.env.Bind(ctx, network, at)
	if err == nil {
		s.ok("%s %s is free (%s)", network, at, what)
		return
	}
	if network == "udp" {
		e.free = false
	}
	if !inUse(err) {
		s.problem(fmt.Sprintf("%s %s cannot be used: %s", network, at, oneLine(err)), "the daemon does not start",
			"correct the address in the file, or start the daemon with the rights that the port needs")
		return
	}
	holder := "another program"
	if h := e.env.Holder(network, at.Port()); h != "" {
		holder = h
	}
	remedy := "stop that program, or give the segment another port in the files of all machines"
	if own := &e.dialed[e.self.Index]; own.State == Daemon && own.Name != "" {
		holder += fmt.Sprintf(", the daemon %s", own.Name)
		remedy = "stop that daemon, or give the segment another port in the files of all machines"
	}
	s.problem(fmt.Sprintf("%s %s (%s) is taken by %s", network, at, what, holder), "the daemon does not start", remedy)
}

// tcpAddrs are those on which the daemon serves clients.
func tcpAddrs(d *conf.Daemon) []netip.AddrPort {
	return addrsFor(d, unspecified(d.Addr), func(i *conf.Interface) bool { return i.Client })
}

// udpAddrs are those on which it talks to daemons.
func udpAddrs(d *conf.Daemon) []netip.AddrPort {
	return addrsFor(d, d.Addr, func(i *conf.Interface) bool { return i.Daemon })
}

func addrsFor(d *conf.Daemon, without netip.Addr, suits func(*conf.Interface) bool) []netip.AddrPort {
	if len(d.Interfaces) == 0 {
		return []netip.AddrPort{netip.AddrPortFrom(without, d.Port)}
	}
	var list []netip.AddrPort
	for i := range d.Interfaces {
		if a := netip.AddrPortFrom(d.Interfaces[i].Addr, d.Port); suits(&d.Interfaces[i]) && !slices.Contains(list, a) {
			list = append(list, a)
		}
	}
	return list
}

func unspecified(a netip.Addr) netip.Addr {
	if a.Is4() {
		return netip.IPv4Unspecified()
	}
	return netip.IPv6Unspecified()
}
