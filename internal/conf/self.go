package conf

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
)

// Self finds the entry that is this daemon's (configuration and tools 5.1): the one of that name, or, if name is empty,
// the first in the file whose address is one of the machine's. local holds the addresses of all interfaces. In both
// cases the entry must belong to this machine; with a name, any loopback address does, since all of 127.0.0.0/8 is
// local although no interface lists it.
func (c *Config) Self(name string, local []netip.Addr) (Daemon, error) {
	isLocal := func(a netip.Addr) bool {
		return slices.ContainsFunc(local, func(l netip.Addr) bool { return l.Unmap().WithZone("") == a.WithZone("") })
	}
	all := c.Daemons()
	if name == "" {
		for _, d := range all {
			if isLocal(d.Addr) {
				return d, nil
			}
		}
		return Daemon{}, fmt.Errorf("%s: no daemon has an address of this machine (%s); the file has %s; name the daemon (-n), or correct the addresses",
			c.source(), listAddrs(local), listDaemons(all))
	}
	i := slices.IndexFunc(all, func(d Daemon) bool { return d.Name == name })
	if i < 0 {
		return Daemon{}, fmt.Errorf("%s: there is no daemon %s%s; the file has %s", c.source(), quote(name), cutNote(name, all), listDaemons(all))
	}
	if d := all[i]; !isLocal(d.Addr) && !d.Addr.IsLoopback() {
		return Daemon{}, fmt.Errorf("%s: the daemon %s has the address %s, which is not one of this machine's (%s); start it there, or correct the file",
			c.source(), quote(name), addrText(d.Addr), listAddrs(local))
	}
	return all[i], nil
}

func (c *Config) source() string {
	if c.File == "" {
		return builtinName
	}
	return c.File
}

// cutNote helps who gives the whole of a name that the file had to cut.
func cutNote(name string, all []Daemon) string {
	if len(name) <= MaxNameLen {
		return ""
	}
	for _, d := range all {
		if d.Name == name[:MaxNameLen] {
			return fmt.Sprintf(" (names have at most %d bytes: use %s)", MaxNameLen, quote(d.Name))
		}
	}
	return fmt.Sprintf(" (names have at most %d bytes)", MaxNameLen)
}

// maxListed bounds how many names or addresses a message repeats.
const maxListed = 8

func listAddrs(addrs []netip.Addr) string {
	if len(addrs) == 0 {
		return "none known"
	}
	var once []netip.Addr
	for _, a := range addrs {
		if a = a.WithZone(""); !slices.Contains(once, a) {
			once = append(once, a)
		}
	}
	return shortList(len(once), func(i int) string { return addrText(once[i]) })
}

func listDaemons(all []Daemon) string {
	return shortList(len(all), func(i int) string { return all[i].Name + " at " + addrText(all[i].Addr) })
}

func shortList(n int, item func(int) string) string {
	var parts []string
	for i := range min(n, maxListed) {
		parts = append(parts, item(i))
	}
	if n > maxListed {
		parts = append(parts, fmt.Sprintf("and %d more", n-maxListed))
	}
	return strings.Join(parts, ", ")
}
