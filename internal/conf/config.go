package conf

import (
	"fmt"
	"net/netip"
)

// Limits of a configuration. The example configurations fix the first four; a file beyond one is refused.
const (
	MaxSegments     = 20
	MaxDaemons      = 128 // in total
	MaxSegmentAddrs = 5
	MaxInterfaces   = 10 // per daemon
	MaxNameLen      = 19 // bytes of a daemon's name; the rest is cut
	MaxFileSize     = 1 << 20

	DefaultPort = 4803
)

// Config is an accepted configuration. It does not change after Parse, so that many goroutines may read it.
type Config struct {
	File     string // as given to Parse; empty for the built-in configuration
	Segments []Segment
	Options  Options
	Warnings []Diagnostic // in the order of the file
	// Report holds the start-up report in order, from the option echoes to "Finished configuration file.", hidden lines
	// included (configuration and tools 7.3).
	Report []ReportLine
}

// Segment is a set of daemons that reach each other with one transmission.
type Segment struct {
	Port    uint16       // data channel and clients; the token channel has the next one
	Addrs   []netip.Addr // one to MaxSegmentAddrs, with zone if the file gave one
	Daemons []Daemon     // at least one
}

// Daemon is one member of the configuration.
type Daemon struct {
	Name       string     // 1 to MaxNameLen bytes, each from '$' to '~'; unique
	Addr       netip.Addr // with zone if the file gave one; unique together with Port
	Port       uint16     // that of its segment
	ID         uint32     // unique
	ExplicitID bool       // ID is from VirtualID, not from the name
	Interfaces []Interface
	Segment    int // index of its segment
	Index      int // index in Config.Daemons
}

// Interface is an entry of a daemon's stanza. An unspecified address means all addresses of the machine. Without a stanza
// a daemon serves everything on all addresses; with one, only what the stanza names.
type Interface struct {
	Addr                    netip.Addr
	Client, Daemon, Monitor bool
}

// Daemons gives all daemons in the order of the file.
func (c *Config) Daemons() []Daemon {
	var all []Daemon
	for _, s := range c.Segments {
		all = append(all, s.Daemons...)
	}
	return all
}

// builtinName stands in messages for the name of a file that there is not.
const builtinName = "(built-in configuration)"

// builtin is the configuration without any file: one daemon that serves this machine only.
const builtin = `
Spread_Segment 127.0.0.255:4803 {
	localhost 127.0.0.1 { 127.0.0.1 }
}
`

// Default is the configuration of a daemon without any file: named "localhost", port 4803, for clients on this machine.
// It has neither warnings nor options set.
func Default() *Config {
	c, err := Parse([]byte(builtin), "", Env{})
	if err != nil {
		panic(fmt.Sprintf("conf: built-in configuration: %v", err))
	}
	return c
}
