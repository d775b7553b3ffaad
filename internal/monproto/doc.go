// Package monproto is the bytes between monitors and daemons, over the data port of
// a daemon. They are our own. Numbers are big-endian.
//
// A datagram begins with a [Header]:
//
//	 0  "gsM" and the version, 1
//	 4  kind
//	 5  zero (3 bytes)
//	 8  id of the request: random; an answer has that of its question
//	16  hash of the configuration that the sender has
//	20  id of the daemon that a monitor speaks as, 0: none; of an answer, who gives it
//	24  id of the daemon that it is for; of an answer 0
//	28  zero (4 bytes)
//
// What follows depends on the kind. A monitor repeats a request that gets no answer,
// with the same id; a daemon obeys an id once. A request names its daemon, so that a
// copy of it does nothing at another one.
package monproto

// Kind tells what a datagram is.
type Kind uint8

// The requests, and their answers.
const (
	// Status asks for the Summary, which comes in Parts.
	Status Kind = 1 + iota
	// Partition says which daemons hear each other; see [AppendPartition].
	Partition
	// SetFlow sets windows; see [Flow].
	SetFlow
	// Reload makes the daemon read its configuration again.
	Reload
	// Terminate ends the daemon.
	Terminate

	// Done answers all requests but Status, and Status where it is refused: see [Ack].
	Done Kind = 0x81
	// Doc answers Status: see [Part].
	Doc Kind = 0x82
)

// Answer tells whether the kind is that of an answer.
func (k Kind) Answer() bool { return k&0x80 != 0 }

// Limits.
const (
	HeaderSize = 32
	// MaxPart is the most bytes of a document in one datagram, MaxParts how many
	// datagrams it may take.
	MaxPart  = 1100
	MaxParts = 256
	// MaxText is the most bytes of the text of an Ack.
	MaxText = 1000
	// MaxDaemons is the most daemons in a list.
	MaxDaemons = 128
)
