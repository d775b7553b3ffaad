package daemon

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"

	"gospread/spread/internal/conf"
)

// clientAddrs are the TCP addresses on which the daemon serves clients (client
// protocol 1.2): the wildcard of its family without a stanza, else every
// interface that has the C letter.
func clientAddrs(d *conf.Daemon) []netip.AddrPort {
	if len(d.Interfaces) == 0 {
		any := netip.IPv4Unspecified()
		if d.Addr.Is6() {
			any = netip.IPv6Unspecified()
		}
		return []netip.AddrPort{netip.AddrPortFrom(any, d.Port)}
	}
	var list []netip.AddrPort
	for _, i := range d.Interfaces {
		if a := netip.AddrPortFrom(i.Addr, d.Port); i.Client && !slices.Contains(list, a) {
			list = append(list, a)
		}
	}
	return slices.DeleteFunc(list, func(a netip.AddrPort) bool { return covered(a.Addr(), list) })
}

// covered tells whether a wildcard of the list serves the address.
func covered(a netip.Addr, list []netip.AddrPort) bool {
	return slices.ContainsFunc(list, func(w netip.AddrPort) bool {
		return w.Addr().IsUnspecified() && w.Addr() != a && (w.Addr().Is6() || a.Is4())
	})
}

// listenTCP opens one listener an address, or none at all.
func listenTCP(ctx context.Context, addrs []netip.AddrPort, reuse conf.TriState) ([]net.Listener, error) {
	lc := net.ListenConfig{Control: reuseControl(reuse)}
	var list []net.Listener
	for _, a := range addrs {
		network := "tcp4"
		if a.Addr().Is6() {
			// The IPv6 wildcard also serves IPv4 clients.
			network = "tcp"
			if !a.Addr().IsUnspecified() {
				network = "tcp6"
			}
		}
		l, err := lc.Listen(ctx, network, net.JoinHostPort(a.Addr().String(), strconv.Itoa(int(a.Port()))))
		if err != nil {
			closeAll(list)
			return nil, fmt.Errorf("serve clients at %s: %w; is another daemon running on this port, or the address not of this machine?", a, err)
		}
		list = append(list, l)
	}
	return list, nil
}

func closeAll(list []net.Listener) {
	for _, l := range list {
		l.Close()
	}
}

// localAddrs are the addresses of this machine, those its name resolves to
// included (configuration and tools 5.1).
func localAddrs(lookup func(string) ([]netip.Addr, error), hostname string) ([]netip.Addr, error) {
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
	// A host name that does not resolve is no reason to stop.
	if more, err := lookup(hostname); err == nil {
		list = append(list, more...)
	}
	return list, nil
}
