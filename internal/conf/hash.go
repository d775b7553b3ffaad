package conf

import (
	"fmt"
	"net/netip"
	"strings"
)

// hash32 is the hash function of release 5 (configuration and tools 5.2). Bytes count as signed.
func hash32(s string) uint32 {
	r := uint32(len(s))
	for i := range len(s) {
		r += uint32(int8(s[i]))
		r += r << 10
		r ^= r >> 6
	}
	r += r << 3
	r ^= r >> 11
	r += r << 15
	return r
}

// nameID derives a daemon's id from its name.
func nameID(name string) uint32 { return usableID(hash32(name+"\x00"), len(name)) }

// usableID replaces the two values that are never ids.
func usableID(id uint32, nameLen int) uint32 {
	if id == 0 || id == 0xffffffff {
		return uint32(nameLen+1) << 16
	}
	return id
}

// Protocol names the variant of the ring protocol as it enters the hash. Only AcceleratedRing in the file makes it the
// accelerated one, whatever the number of segments (configuration and tools 4.3).
func (c *Config) Protocol() string {
	if c.Options.AcceleratedRing {
		return "Accelerated Ring"
	}
	return "Original Ring"
}

// Hash is the configuration hash of release 5: daemons and monitors that do not have the same one do not talk to each
// other. It covers segments, daemons, ids and the ring protocol, nothing else.
func (c *Config) Hash() uint32 { return hash32(c.Text() + "\x00") }

// Text is what [Config.Hash] covers, as lines: two configurations with the same text are the same one to the ring. It is
// also how daemons tell each other what theirs says.
func (c *Config) Text() string {
	var b strings.Builder
	for _, s := range c.Segments {
		fmt.Fprintf(&b, "Segment: port = %d;", s.Port)
		if !c.Options.ExcludeSegAddrsFromHash {
			for _, a := range s.Addrs {
				fmt.Fprintf(&b, " [%s]", hashAddr(a))
			}
		}
		b.WriteByte('\n')
		for _, d := range s.Daemons {
			fmt.Fprintf(&b, "\t'%s' [%s] [%d]\n", d.Name, hashAddr(d.Addr), d.ID)
		}
		b.WriteByte('\n')
	}
	fmt.Fprintf(&b, "Version: 5\nProtocol: %s\n", c.Protocol())
	return b.String()
}

// hashAddr writes an address as it enters the hash: dotted, or eight groups of exactly four digits; never a zone.
func hashAddr(a netip.Addr) string {
	if a.Is4() {
		return a.String()
	}
	return a.WithZone("").StringExpanded()
}
