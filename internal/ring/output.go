package ring

import (
	"fmt"
	"slices"
	"time"
)

// Packet is a datagram to be sent.
type Packet struct {
	// To is one daemon; 0: everybody in the configuration, unless Near.
	To DaemonID
	// Near, with To 0: the other daemons of our segment, and those of Via, who are in
	// others. Via must not be changed.
	Near bool
	Via  []DaemonID
	// Bulk is data, as against token and control.
	Bulk bool
	Data []byte
}

// For tells whether the packet is for a daemon, which is in our segment or not.
func (p *Packet) For(id DaemonID, near bool) bool {
	switch {
	case p.To != 0:
		return p.To == id
	case p.Near:
		return near || slices.Contains(p.Via, id)
	}
	return true
}

// Output collects what is due. The caller reuses it from turn to turn.
type Output struct {
	// Events in their order. Payloads must not be changed; they stay as they are.
	Events []Event
	// Packets are to be sent in this order, before the machine is called again.
	Packets []Packet
	// Sent, with Options.Trace, are own messages that got their place. Each comes
	// no later than its delivery.
	Sent []Message
	// Notes are for the operator.
	Notes []Note
	// Stable is the highest number of the present configuration up to which
	// every member is known to hold every message.
	Stable uint64
	// Time is the highest time of a configuration that this daemon has taken part
	// in making. Its next life must have a higher incarnation: it is to be kept
	// before the Packets are sent.
	Time uint32
}

// Reset empties the output and lets go of its payloads.
func (o *Output) Reset() {
	clear(o.Events)
	clear(o.Packets)
	clear(o.Sent)
	o.Events, o.Packets, o.Sent, o.Notes = o.Events[:0], o.Packets[:0], o.Sent[:0], o.Notes[:0]
}

// NoteKind tells what a Note is about.
type NoteKind uint8

// What operators are told.
const (
	// NoteMismatch: Daemon has another configuration.
	NoteMismatch NoteKind = iota
	// NoteRefused: the host of Daemon says that nobody is there.
	NoteRefused
	// NoteSilent: Daemon has not been heard For so long.
	NoteSilent
	// NoteTokenLost: the token has not been seen For so long.
	NoteTokenLost
	// NoteRestarted: Daemon has begun a new life.
	NoteRestarted
	// NoteLeft: Daemon has taken its leave.
	NoteLeft
	// NoteMovedOn: Daemon is in another configuration, or looks for one.
	NoteMovedOn
	// NoteOverslept: this daemon itself did not run For so long.
	NoteOverslept
	// NoteFormFailed: an attempt to form a configuration failed, for Daemon.
	NoteFormFailed
	// NoteSetBack: Daemon has begun a life that is earlier than one that was heard of.
	NoteSetBack
	// NoteEnded: another daemon knows that Daemon has ended.
	NoteEnded
	// NoteRegroup: a new configuration of daemons is in force that does not have all
	// members of the ring, or has them in another order or in other segments.
	NoteRegroup
	// NoteStuck: packets that others told of have not come For so long.
	NoteStuck
)

var noteTexts = [...]string{"has another configuration", "is refused by its host: no daemon runs there", "is silent",
	"token is lost", "has restarted", "has left", "has moved on to another membership", "this daemon was not running",
	"did not answer while a membership was formed",
	"is not taken notice of: its clock was set back before it started, and an earlier life of it is known; set its clock and restart it",
	"has ended, as another daemon knows",
	"the new configuration of daemons has other members, or another order",
	"packets that others told of have not come"}

// Note is something that an operator should read.
type Note struct {
	Kind   NoteKind
	Daemon DaemonID
	For    time.Duration
	// Theirs, of NoteMismatch, is the other's configuration as text, empty if it has
	// not told.
	Theirs string
}

func (n Note) String() string { return n.Text(fmt.Sprint(int32(n.Daemon))) }

// Text is the note, with the daemon's name.
func (n Note) Text(name string) string {
	s := noteTexts[n.Kind]
	if n.Daemon != 0 {
		s = "daemon " + name + " " + s
	}
	if n.For != 0 {
		s += fmt.Sprintf(" for %v", n.For.Round(time.Millisecond))
	}
	return s
}

// Counters count since the machine was made.
type Counters struct {
	Malformed, Foreign, Mismatched, Stale uint64           // datagrams not used
	Packets, Delivered                    uint64           // own packets numbered; messages delivered
	Received, DeliveredPackets            uint64           // packets of others that were new; packets delivered
	ByService                             [Safe + 1]uint64 // Delivered, by service
	Resent, Asked, Duplicates             uint64           // packets sent again, requests for some, packets received twice
	Relayed                               uint64           // packets of other segments, passed on
	Tokens, Wakes                         uint64           // tokens received, asked for
	Installed, Attempts, Gathers          uint64           // membership changes
}
