// Package ringproto is the bytes between daemons. They are our own and need not
// resemble the original's. Numbers are big-endian; lists are unsigned varints
// with a count in front, bounded by the bytes that follow.
//
// A datagram begins with a [Header]:
//
//	 0  version, 1
//	 1  kind
//	 2  flags (2 bytes)
//	 4  id of the daemon that sends this datagram
//	 8  its incarnation: the start of this life in seconds since 1970, raised
//	    above that of every earlier life
//	12  digest of its configuration
//	16  regular configuration: id of the leader, time (2 x 4 bytes; 0: none)
//
// Those of an operational ring go on with a [Ring]:
//
//	24  hop: how often the token has been passed, as far as the sender knows
//	32  aru: the sender holds everything up to here
//	40  stable: everybody holds everything up to here
//	48  high: the highest number the sender knows of; of data: its number
//
// Data has, further, its origin (4 bytes) and chunks; see [AppendChunk].
package ringproto

// Version is the version of this protocol, the first byte of every datagram. A
// datagram of another version is refused whole.
const Version = 1

// Kind tells what a datagram is, by its second byte.
type Kind uint8

// The kinds of datagrams.
const (
	// Data is a packet with its number in the order.
	Data Kind = 1 + iota
	// Token is the right to give numbers.
	Token
	// Beat tells where the token rests, and may ask for an Ack.
	Beat
	// Ack tells what its sender holds, and asks for what it lacks.
	Ack
	// Wake asks whoever has the token for it.
	Wake
	// Ping asks one daemon for an Ack.
	Ping
	// Join tells whom its sender hears.
	Join
	// Propose asks for the state of the members of a configuration to be.
	Propose
	// State answers Propose.
	State
	// Plan tells what must be recovered before the configuration is installed.
	Plan
	// Ready tells the coordinator that all of it has been.
	Ready
	// Install installs the configuration.
	Install
	// Leave announces a planned stop.
	Leave
	// Piece is a part of a datagram too large for the path.
	Piece
	// Differ tells a daemon of another configuration what this one's is.
	Differ
)

var kindNames = [...]string{Data: "DATA", Token: "TOKEN", Beat: "BEAT", Ack: "ACK", Wake: "WAKE", Ping: "PING",
	Join: "JOIN", Propose: "PROPOSE", State: "STATE", Plan: "PLAN", Ready: "READY", Install: "INSTALL",
	Leave: "LEAVE", Piece: "PIECE", Differ: "DIFFER"}

func (k Kind) String() string {
	if int(k) < len(kindNames) && kindNames[k] != "" {
		return kindNames[k]
	}
	return "UNKNOWN"
}

// Flags qualify a datagram.
type Flags uint16

// The flags.
const (
	// AckMe asks every member for an Ack.
	AckMe Flags = 1 << iota
	// Again marks data that has been sent before.
	Again
	// Loose marks data outside the order: whole RELIABLE or UNRELIABLE messages.
	Loose
	// Resting tells that the sender keeps the token until somebody asks for it.
	Resting
	// Relay marks data that the first member of another segment, who gets it alone,
	// passes on to the others.
	Relay
	// Relayed marks data that has been passed on. It shows where the token was when its
	// origin sent it, and an Ack goes to that.
	Relayed
)

// Sizes in bytes.
const (
	HeaderSize = 24
	RingSize   = 56 // Header and Ring
	DataSize   = 60 // and origin
	ChunkSize  = 4
)

// Control is the service of messages of the ring itself, beside those of clients,
// 0 to 5.
const Control = 6
