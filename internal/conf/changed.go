package conf

import (
	"fmt"
	"slices"
	"strings"
)

// Changed compares the configuration in force with a new one that parsed without error, for the daemon named self. live
// says what a reload applies at once or offers to the other daemons, refused what stays as it is until the daemon is
// restarted, and why; both are empty if nothing differs. Each entry is a line for the log.
//
// Other daemons and segments may change while it runs, its own entry may not. A daemon whose own entry is among the
// refused keeps its old configuration as a whole: see [OwnEntryChanged].
func Changed(cur, next *Config, self string) (live, refused []string) {
	if why := OwnEntryChanged(cur, next, self); why != "" {
		refused = append(refused, why)
	}
	for i := range directives {
		d := &directives[i]
		was, is := d.value(&cur.Options), d.value(&next.Options)
		if was == is || d.effect == effectNever || d.key == KeyActiveIPVersion || d.key == KeyWideAreaNetwork && !anySet(d.key, cur, next) {
			continue
		}
		line := fmt.Sprintf("%s: %s -> %s", d.key, plain(was), plain(is))
		switch {
		case d.restart != "":
			refused = append(refused, fmt.Sprintf("%s (needs a restart: %s)", line, d.restart))
		case d.hashed:
			live = append(live, line+offered)
		default:
			live = append(live, line)
		}
	}
	lines := changedDaemons(cur, next, self)
	if was, is := cur.Hash(), next.Hash(); was != is {
		lines = append(lines, fmt.Sprintf("configuration hash: %d -> %d", was, is))
		for i := range lines {
			lines[i] += offered
		}
	}
	return append(live, lines...), refused
}

// offered marks what the ring puts in force, when its members have it (see the reference, "Changing the configuration of a
// running system").
const offered = " (offered to the other daemons)"

func anySet(k Key, configs ...*Config) bool {
	return slices.ContainsFunc(configs, func(c *Config) bool { return c.Options.IsSet(k) })
}

// OwnEntryChanged says what became of the entry of the daemon named self, or of the addresses of its segment, if that is
// something for which it must be restarted, as its sockets are bound at start; otherwise it is empty.
func OwnEntryChanged(cur, next *Config, self string) string {
	was, ok := cur.daemon(self)
	if !ok {
		return ""
	}
	is, ok := next.daemon(self)
	var what string
	switch {
	case !ok:
		return fmt.Sprintf("daemon %s: no longer in the file (stop the daemon, or put its entry back)", self)
	case was.Addr != is.Addr:
		what = fmt.Sprintf("address %s -> %s", addrText(was.Addr), addrText(is.Addr))
	case was.Port != is.Port:
		what = fmt.Sprintf("port %d -> %d", was.Port, is.Port)
	case was.ID != is.ID:
		what = fmt.Sprintf("id %d -> %d", was.ID, is.ID)
	case !slices.Equal(was.Interfaces, is.Interfaces):
		what = "its interfaces changed"
	case !slices.Equal(cur.Segments[was.Segment].Addrs, next.Segments[is.Segment].Addrs):
		return fmt.Sprintf("daemon %s: segment address %s -> %s (needs a restart: %s)", self,
			cur.Segments[was.Segment].addrText(), next.Segments[is.Segment].addrText(), whyBound)
	default:
		return ""
	}
	return fmt.Sprintf("daemon %s: %s (needs a restart: this is its own entry)", self, what)
}

func (c *Config) daemon(name string) (Daemon, bool) {
	for _, d := range c.Daemons() {
		if d.Name == name {
			return d, true
		}
	}
	return Daemon{}, false
}

// changedDaemons lists what became of the segments and of the daemons other than self.
func changedDaemons(cur, next *Config, self string) []string {
	var lines []string
	for _, d := range cur.Daemons() {
		if _, ok := next.daemon(d.Name); !ok && d.Name != self {
			lines = append(lines, fmt.Sprintf("daemon %s: removed", d.Name))
		}
	}
	for _, d := range next.Daemons() {
		switch was, ok := cur.daemon(d.Name); {
		case d.Name == self:
		case !ok:
			lines = append(lines, fmt.Sprintf("daemon %s: added at %s port %d", d.Name, addrText(d.Addr), d.Port))
		case was.Addr != d.Addr || was.Port != d.Port || was.ID != d.ID || !slices.Equal(was.Interfaces, d.Interfaces):
			lines = append(lines, fmt.Sprintf("daemon %s: changed, now at %s port %d", d.Name, addrText(d.Addr), d.Port))
		}
	}
	if was, is := cur.segmentText(), next.segmentText(); was != is {
		lines = append(lines, fmt.Sprintf("segments: %s -> %s", was, is))
	}
	return lines
}

// segmentText names the segments by their addresses and ports.
func (c *Config) segmentText() string {
	return shortList(len(c.Segments), func(i int) string {
		s := &c.Segments[i]
		return fmt.Sprintf("%s:%d", s.addrText(), s.Port)
	})
}

func (s *Segment) addrText() string {
	var b strings.Builder
	for _, a := range s.Addrs {
		b.WriteString("[" + addrText(a) + "]")
	}
	return b.String()
}
