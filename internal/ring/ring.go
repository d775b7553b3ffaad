package ring

import "fmt"

// DaemonID is the 32-bit id of a daemon: configured, or a hash of its name.
type DaemonID uint32

// Service is the delivery guarantee of a payload. Semantics 1.2 has the table
// of what each must wait for; Causal is ordered like Agreed.
type Service uint8

// The services, weakest first.
const (
	Unreliable Service = iota
	Reliable
	FIFO
	Causal
	Agreed
	Safe
)

// ID names a configuration. Ids are never used twice, also not by a daemon that
// restarts: Time is in seconds since 1970 and exceeds every value this daemon
// has used, running ahead of the clock if it must.
type ID struct {
	Leader DaemonID
	Time   uint32
}

func (id ID) String() string { return fmt.Sprintf("%d/%d", int32(id.Leader), id.Time) }

// Configuration is a set of daemons, in configuration order. A regular one
// shares a ring; a transitional one holds those members of the regular
// configuration before it that go on together into the next.
type Configuration struct {
	ID      ID
	Members []DaemonID
}

// Message is a payload with its place in the order.
type Message struct {
	Sender  DaemonID
	Service Service
	// Loose messages, RELIABLE and UNRELIABLE ones of a single packet, stand
	// outside the order (semantics D19).
	Loose bool
	// Seq is the place within the regular configuration: it grows, with gaps.
	Seq     uint64
	Payload []byte
}

// EventKind tells what an Event is.
type EventKind uint8

// Regular and transitional configurations alternate, and messages stand
// between them (semantics D1, D6).
const (
	Deliver EventKind = iota
	RegularConfiguration
	TransitionalConfiguration
	// EpochBegins: another configuration of daemons is in force from here on.
	EpochBegins
)

// Event is one step of what the ring delivers.
type Event struct {
	Kind    EventKind
	Message Message        // for Deliver
	Config  *Configuration // for the configurations; not to be changed
	Digest  uint32         // for EpochBegins
}
