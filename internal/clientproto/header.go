package clientproto

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/bits"
)

var le = binary.LittleEndian

// Header is the fixed part of a message (3.1) without its sender.
type Header struct {
	Type      Type
	NumGroups int
	DataLen   int
	// Foreign: the integers came big-endian. (We write little-endian, whatever
	// the machine.)
	Foreign bool
}

// ErrByteOrder: the type word carries half a byte-order marker, so neither
// reading of it can be right (3.2).
var ErrByteOrder = errors.New("message header with a broken byte-order marker")

// ParseHeader reads the first HeaderSize bytes of b, in either byte order. The
// counts are as they stand there: negative or huge ones are the caller's to
// refuse (CheckRequest, CheckReply).
func ParseHeader(b []byte) (Header, error) {
	_ = b[HeaderSize-1]
	word := le.Uint32(b)
	switch word & marker {
	case marker:
		return Header{
			Type:      Type(word &^ marker),
			NumGroups: int(int32(le.Uint32(b[36:]))),
			DataLen:   int(int32(le.Uint32(b[44:]))),
		}, nil
	case 0:
		return Header{
			Type:      Type(bits.ReverseBytes32(word)),
			NumGroups: int(int32(binary.BigEndian.Uint32(b[36:]))),
			DataLen:   int(int32(binary.BigEndian.Uint32(b[44:]))),
			Foreign:   true,
		}, nil
	}
	return Header{}, ErrByteOrder
}

// Size is the length of the whole message on the wire.
func (h *Header) Size() int {
	n := HeaderSize + h.NumGroups*NameSize + h.DataLen
	if h.Type&Reject != 0 {
		n += OldTypeSize
	}
	return n
}

// Body is what the daemon's size limit counts: data and names.
func (h *Header) Body() int { return h.DataLen + h.NumGroups*NameSize }

// Names returns the offset of the first name.
func (h *Header) Names() int {
	if h.Type&Reject != 0 {
		return HeaderSize + OldTypeSize
	}
	return HeaderSize
}

// Data returns the offset of the data.
func (h *Header) Data() int { return h.Names() + h.NumGroups*NameSize }

// PutHeader writes type, counts and marker into the first HeaderSize bytes of b
// and leaves sender and hint alone. It is also how a daemon turns a message of
// either order into its own.
func PutHeader(b []byte, h *Header) {
	_ = b[HeaderSize-1]
	le.PutUint32(b, uint32(h.Type)|marker)
	le.PutUint32(b[36:], uint32(h.NumGroups))
	le.PutUint32(b[44:], uint32(h.DataLen))
}

// AppendHeader appends a whole header with the hint of a given message type.
func AppendHeader(b []byte, h *Header, sender *Name, messType int16) []byte {
	b = le.AppendUint32(b, uint32(h.Type)|marker)
	b = append(b, sender[:]...)
	b = le.AppendUint32(b, uint32(h.NumGroups))
	b = le.AppendUint32(b, Hint(messType))
	return le.AppendUint32(b, uint32(h.DataLen))
}

// Sender returns the 32 bytes of the sender field, as they stand.
func Sender(b []byte) []byte { return b[4:36] }

// TypeOf reads the type word of a message that PutHeader or AppendHeader wrote.
func TypeOf(b []byte) Type { return Type(le.Uint32(b) &^ marker) }

// NumGroupsOf reads the count of names of such a message.
func NumGroupsOf(b []byte) int { return int(int32(le.Uint32(b[36:]))) }

// Hint makes the hint word of a little-endian writer.
func Hint(messType int16) uint32 { return uint32(uint16(messType))<<8 | marker }

const hintBits = 0x00ffff00 | marker

// MessType reads the 16-bit application type from the hint of message b. foreign
// tells that the writer's byte order was big-endian, and so is its data.
func MessType(b []byte) (t int16, foreign bool) {
	hint := le.Uint32(b[40:])
	if hint&marker == marker {
		return int16(hint >> 8), false
	}
	return int16(bits.ReverseBytes32(hint) >> 8), true
}

// RequestError says which rule of 4.1 a client's message breaks.
type RequestError string

func (e RequestError) Error() string { return string(e) }

// CheckRequest applies the header rules of 4.1 that need no session, in their
// order, and those of section 12, rows 1 and 2. b is the raw header.
func CheckRequest(h *Header, b []byte) error {
	if n := bits.OnesCount32(uint32(h.Type & (Services | Requests))); n != 1 {
		return RequestError(fmt.Sprintf("illegal type 0x%08x: %d of the service and request bits, must be exactly one", uint32(h.Type), n))
	}
	if h.Type&(Groups|Reject) != 0 {
		return RequestError(fmt.Sprintf("illegal type 0x%08x: carries bits that only daemons may set", uint32(h.Type)))
	}
	if h.NumGroups < 0 || h.NumGroups > MaxGroups {
		return RequestError(fmt.Sprintf("%d groups, must be 0 to %d", h.NumGroups, MaxGroups))
	}
	if hint := le.Uint32(b[40:]); hint&^hintBits != 0 {
		return RequestError(fmt.Sprintf("illegal hint 0x%08x", hint))
	}
	if h.DataLen < 0 || h.DataLen > MaxData {
		return RequestError(fmt.Sprintf("data length %d, must be 0 to %d", h.DataLen, MaxData))
	}
	if h.Body() > MaxBody {
		return RequestError(fmt.Sprintf("data and group names of %d bytes, must be at most %d", h.Body(), MaxBody))
	}
	return nil
}

// Bounds of what a client accepts from a daemon. Views are not subject to the
// limits of data messages, so these are wide; they only keep a broken daemon
// from making the client allocate without end.
const (
	maxReplyGroups = 1 << 20
	maxReplyData   = 1 << 27
)

// CheckReply reports a header from a daemon that cannot be right.
func CheckReply(h *Header) error {
	if h.NumGroups < 0 || h.NumGroups > maxReplyGroups {
		return fmt.Errorf("message from the daemon with %d groups", h.NumGroups)
	}
	if h.DataLen < 0 || h.DataLen > maxReplyData {
		return fmt.Errorf("message from the daemon with data length %d", h.DataLen)
	}
	return nil
}
