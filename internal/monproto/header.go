package monproto

import (
	"encoding/binary"
	"errors"
)

// magic begins each datagram. No datagram of the ring begins with its first byte,
// sealed or not, and none of the original's monitor.
const magic = "gsM\x01"

// ErrInvalid is the error of whatever is none of this protocol.
var ErrInvalid = errors.New("malformed monitor datagram")

// Header is the beginning of a datagram.
type Header struct {
	Kind Kind
	ID   uint64
	// Digest is the hash of the sender's configuration.
	Digest   uint32
	From, To uint32
}

// Is tells whether a datagram is one of monitors.
func Is(b []byte) bool { return len(b) >= HeaderSize && string(b[:len(magic)]) == magic }

// Append appends the header.
func (h *Header) Append(b []byte) []byte {
	b = append(b, magic...)
	b = append(b, byte(h.Kind), 0, 0, 0)
	b = binary.BigEndian.AppendUint64(b, h.ID)
	b = appendU32(b, h.Digest)
	b = appendU32(b, h.From)
	b = appendU32(b, h.To)
	return appendU32(b, 0)
}

// Parse takes a datagram apart.
func Parse(b []byte) (h Header, body []byte, err error) {
	if !Is(b) {
		return h, nil, ErrInvalid
	}
	return Header{
		Kind:   Kind(b[4]),
		ID:     binary.BigEndian.Uint64(b[8:]),
		Digest: binary.BigEndian.Uint32(b[16:]),
		From:   binary.BigEndian.Uint32(b[20:]),
		To:     binary.BigEndian.Uint32(b[24:]),
	}, b[HeaderSize:], nil
}

func appendU32(b []byte, v uint32) []byte { return binary.BigEndian.AppendUint32(b, v) }

func appendU16(b []byte, v uint16) []byte { return binary.BigEndian.AppendUint16(b, v) }
