package spread

import (
	"fmt"

	"gospread/spread/internal/clientproto"
)

// Event is what a connection receives: a [*Message], [*View], [*Transition],
// [*SelfLeave] or [*Rejected]; of a [Reconnecting] also [*Lost] and [*Restored].
type Event interface{ event() }

func (*Message) event()    {}
func (*View) event()       {}
func (*Transition) event() {}
func (*SelfLeave) event()  {}
func (*Rejected) event()   {}

// Message is data from another client, or from oneself.
//
// Data belongs to the receiver, who may change it and keep it as long as it
// likes. Small messages share the memory of one read of the socket, up to 64 KiB:
// who keeps a few of many for long should keep a copy (bytes.Clone). Groups may
// be shared by messages to the same groups and must not be changed.
type Message struct {
	// Sender is the private group of the sending client.
	Sender string
	// Groups are the groups and private groups that the message was sent to, as
	// its sender named them.
	Groups []string
	// Service is the guarantee it was sent with; 0 if it is of a kind that this
	// library does not know, which Flags then tell.
	Service Service
	// SelfDiscard: the sender did not want it back.
	SelfDiscard bool
	// BigEndian: the sender's byte order is big-endian, and so may be integers in
	// Data, whatever the order of this machine. (The endian mismatch of the C library
	// is relative: it is this on a little-endian machine, the contrary on another.)
	BigEndian bool
	// Type is the application's own 16-bit message type.
	Type int16
	// Flags are the other bits of the type word.
	Flags Flags
	Data  []byte
}

// Cause tells why a view came about.
type Cause uint32

// The causes. The values are the bits of the protocol (client protocol 3.3).
const (
	CausedByJoin       = Cause(clientproto.CausedByJoin)
	CausedByLeave      = Cause(clientproto.CausedByLeave)
	CausedByDisconnect = Cause(clientproto.CausedByDisconnect)
	CausedByNetwork    = Cause(clientproto.CausedByNetwork)
)

// String returns the name of the cause, such as "JOIN".
func (c Cause) String() string {
	switch c {
	case CausedByJoin:
		return "JOIN"
	case CausedByLeave:
		return "LEAVE"
	case CausedByDisconnect:
		return "DISCONNECT"
	case CausedByNetwork:
		return "NETWORK"
	}
	return fmt.Sprintf("Cause(0x%x)", uint32(c))
}

// ViewID names a view of a group. Two ids mean the same view of a group if they
// are equal; nothing else may be read into them (client protocol 5.3).
type ViewID struct{ Daemon, Time, Index int32 }

// String returns the three words of the id.
func (id ViewID) String() string { return fmt.Sprintf("%d %d %d", id.Daemon, id.Time, id.Index) }

// View is a new membership of a group that this client is in: messages behind
// it, up to the next view, are delivered among these members (client protocol
// 5.2). Only connections that asked for membership receive views.
type View struct {
	Group string
	ID    ViewID
	Cause Cause
	// Members are the private groups of the members, in the same order at every
	// member.
	Members []string
	// Index is this client's own place in Members, from 0. It is -1 if this client is
	// not among them: no correct daemon sends such a view, but what it sends is
	// handed on as it is. (Package flush drops such a view.)
	Index int
	// Changed is who joined, left or disconnected; empty for CausedByNetwork.
	Changed string
	// Sets are the virtual-synchrony sets. For CausedByNetwork they are the
	// members parted by where they come from: the members of one set shared the
	// view before, and delivered the same messages in it. Otherwise there is one
	// set with the changed member. A 3.x daemon tells only the own set.
	Sets [][]string
	// OwnSet is the index in Sets of the set that this client came with.
	OwnSet int
}

// Transition is the transitional signal: members of the group have been lost,
// and up to the next view of the group it is not known that they deliver what
// this client delivers (client protocol 5.5).
type Transition struct {
	Group string
	// ID is the view that is ending.
	ID ViewID
}

// SelfLeave tells that this client's own leave is done: nothing more of the
// group will come (client protocol 5.4).
type SelfLeave struct{ Group string }

// Request is what a client asked of its daemon.
type Request uint8

// The requests that can be rejected.
const (
	MulticastRequest Request = iota
	JoinRequest
	LeaveRequest
)

// String returns the name of the request, such as "join".
func (r Request) String() string {
	return [...]string{"multicast", "join", "leave"}[r%3]
}

// Rejected is a request of this client that the daemon's access policy refused
// (client protocol 5.6). Requests with SelfDiscard are refused in silence.
type Rejected struct {
	Request Request
	// Message is the request as it was sent: Sender is this client, Groups[0] the
	// group of a join or leave.
	Message Message
}
