package evscheck

import (
	"encoding/binary"
	"fmt"
)

// ConfigID names a configuration: its leader and its time in seconds.
type ConfigID struct{ Leader, Time uint32 }

func (id ConfigID) String() string { return fmt.Sprintf("%d/%d", id.Leader, id.Time) }

// Config is a regular or transitional configuration. Members are in
// configuration order.
type Config struct {
	ID      ConfigID
	Members []uint32
}

// Service is the delivery guarantee that a message was sent with.
type Service uint8

// The services, weakest first.
const (
	ServiceUnreliable Service = iota
	ServiceReliable
	ServiceFIFO
	ServiceCausal
	ServiceAgreed
	ServiceSafe
)

// DaemonMessage is a message as the group layer of a daemon gets it. All its
// fields are the same wherever it is delivered.
type DaemonMessage struct {
	// Seq is the place within the regular configuration: it grows, with gaps. A
	// fragmented message has the place of its last fragment.
	Seq uint64
	// Digest and Size tell payloads apart; see [Digest].
	Digest  uint64
	Size    int32
	Sender  uint32
	Service Service
	// Loose messages, RELIABLE and UNRELIABLE ones of a single packet, stand
	// outside the order (D19).
	Loose bool
}

func (m *DaemonMessage) String() string {
	loose := ""
	if m.Loose {
		loose = "loose "
	}
	return fmt.Sprintf("%s%v message %#x of %d (%d bytes, digest %016x)", loose, m.Service, m.Seq, m.Sender, m.Size, m.Digest)
}

func (s Service) String() string {
	names := [...]string{"UNRELIABLE", "RELIABLE", "FIFO", "CAUSAL", "AGREED", "SAFE"}
	if int(s) < len(names) {
		return names[s]
	}
	return fmt.Sprintf("service %d", uint8(s))
}

// DaemonKind tells what a DaemonEvent is.
type DaemonKind uint8

// What happens at a daemon (semantics 1.2).
const (
	Installed DaemonKind = iota // reg: Config is the new regular configuration
	Signalled                   // trans: Config is the transitional configuration
	Sequenced                   // send: Message got its place in the present regular configuration
	Delivered                   // dlv: Message was handed to the group layer
	Stable                      // the daemon knows that all members hold everything up to Message.Seq
)

// DaemonEvent is a step of a daemon.
type DaemonEvent struct {
	Kind    DaemonKind
	Config  *Config
	Message DaemonMessage
}

// DaemonTrace is the trace of one life of a daemon, in the order of its events. A
// restarted daemon is another DaemonTrace of the same Daemon with a larger Life.
//
// Of every life in the run there must be a trace, with everything that it
// sequenced; Stable events are optional. A message is Sequenced before anything
// that the daemon does after it had its place, and before it is delivered there.
type DaemonTrace struct {
	Daemon uint32
	Name   string // as in Run.Daemons; needed only if there are client traces, too
	Life   int
	Ended  bool // by a crash or a planned stop, at whatever moment
	Events []DaemonEvent
}

// Install notes that a regular configuration was installed. The trace keeps
// members.
func (t *DaemonTrace) Install(id ConfigID, members []uint32) {
	t.Events = append(t.Events, DaemonEvent{Kind: Installed, Config: &Config{id, members}})
}

// Signal notes that a transitional configuration was delivered. The trace keeps
// members.
func (t *DaemonTrace) Signal(id ConfigID, members []uint32) {
	t.Events = append(t.Events, DaemonEvent{Kind: Signalled, Config: &Config{id, members}})
}

// Sequence notes that a message of this daemon got its place.
func (t *DaemonTrace) Sequence(m DaemonMessage) {
	t.Events = append(t.Events, DaemonEvent{Kind: Sequenced, Message: m})
}

// Deliver notes that a message was handed to the group layer.
func (t *DaemonTrace) Deliver(m DaemonMessage) {
	t.Events = append(t.Events, DaemonEvent{Kind: Delivered, Message: m})
}

// StableTo notes up to which number the daemon knows that all members of its
// configuration hold everything.
func (t *DaemonTrace) StableTo(seq uint64) {
	t.Events = append(t.Events, DaemonEvent{Kind: Stable, Message: DaemonMessage{Seq: seq}})
}

// Members converts a member list.
func Members[ID ~uint32](ids []ID) []uint32 {
	members := make([]uint32, len(ids))
	for i, id := range ids {
		members[i] = uint32(id)
	}
	return members
}

// Digest makes a 64-bit number of a payload that damage to it changes. It is no
// defence against payloads made to collide.
func Digest(payload []byte) uint64 {
	const prime = 0x9e3779b97f4a7c15
	h := mix(uint64(len(payload)) + prime)
	for ; len(payload) >= 8; payload = payload[8:] {
		h = mix(h ^ binary.LittleEndian.Uint64(payload)*prime)
	}
	var rest [8]byte
	copy(rest[:], payload)
	return mix(h ^ binary.LittleEndian.Uint64(rest[:])*prime)
}

func mix(h uint64) uint64 {
	h ^= h >> 32
	h *= 0xd6e8feb86659fd93
	return h ^ h>>29
}
