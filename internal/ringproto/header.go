package ringproto

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// Config names a regular configuration: its leader, and a time of his.
type Config struct{ Leader, Time uint32 }

// Header is the beginning of every datagram.
type Header struct {
	Kind        Kind
	Flags       Flags
	Sender      uint32
	Incarnation uint32
	Digest      uint32
	Config      Config
}

// Ring is what a member of an operational ring says of its knowledge.
type Ring struct{ Hop, Aru, Stable, High uint64 }

// The errors of parsing.
var (
	ErrShort   = errors.New("datagram is too short")
	ErrVersion = errors.New("datagram of another protocol version")
	ErrInvalid = errors.New("malformed datagram")
)

// Put writes the header to the first HeaderSize bytes of b.
func (h *Header) Put(b []byte) {
	_ = b[HeaderSize-1]
	b[0], b[1] = Version, byte(h.Kind)
	binary.BigEndian.PutUint16(b[2:], uint16(h.Flags))
	binary.BigEndian.PutUint32(b[4:], h.Sender)
	binary.BigEndian.PutUint32(b[8:], h.Incarnation)
	binary.BigEndian.PutUint32(b[12:], h.Digest)
	binary.BigEndian.PutUint32(b[16:], h.Config.Leader)
	binary.BigEndian.PutUint32(b[20:], h.Config.Time)
}

// ParseHeader reads the header of a datagram.
func ParseHeader(b []byte) (h Header, err error) {
	if len(b) < HeaderSize {
		return h, ErrShort
	}
	if b[0] != Version {
		return h, fmt.Errorf("%w: %d, ours is %d", ErrVersion, b[0], Version)
	}
	h.Kind = Kind(b[1])
	h.Flags = Flags(binary.BigEndian.Uint16(b[2:]))
	h.Sender = binary.BigEndian.Uint32(b[4:])
	h.Incarnation = binary.BigEndian.Uint32(b[8:])
	h.Digest = binary.BigEndian.Uint32(b[12:])
	h.Config.Leader = binary.BigEndian.Uint32(b[16:])
	h.Config.Time = binary.BigEndian.Uint32(b[20:])
	return h, nil
}

// ForMembers tells whether a datagram, sent to everybody, is of use to members of the
// sender's configuration only. Others learn of that configuration from Joins.
func ForMembers(b []byte) bool {
	if len(b) < HeaderSize {
		return false
	}
	switch Kind(b[1]) {
	case Data, Token, Beat, Ack, Wake, Ping:
		return true
	}
	return false
}

// Put writes r to its place in b, RingSize bytes at least.
func (r *Ring) Put(b []byte) {
	_ = b[RingSize-1]
	binary.BigEndian.PutUint64(b[24:], r.Hop)
	binary.BigEndian.PutUint64(b[32:], r.Aru)
	binary.BigEndian.PutUint64(b[40:], r.Stable)
	binary.BigEndian.PutUint64(b[48:], r.High)
}

// ParseRing reads the Ring of a datagram.
func ParseRing(b []byte) (r Ring, err error) {
	if len(b) < RingSize {
		return r, ErrShort
	}
	r.Hop = binary.BigEndian.Uint64(b[24:])
	r.Aru = binary.BigEndian.Uint64(b[32:])
	r.Stable = binary.BigEndian.Uint64(b[40:])
	r.High = binary.BigEndian.Uint64(b[48:])
	return r, nil
}

// PutOrigin writes who gave a data packet its number.
func PutOrigin(b []byte, origin uint32) { binary.BigEndian.PutUint32(b[RingSize:DataSize], origin) }

// Origin reads it.
func Origin(b []byte) (uint32, error) {
	if len(b) < DataSize {
		return 0, ErrShort
	}
	return binary.BigEndian.Uint32(b[RingSize:]), nil
}
