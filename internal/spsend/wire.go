// Package spsend tests the way of datagrams between two machines, without a daemon:
// Send sends numbered ones in bursts, Receive counts what is missing
// (configuration and tools 12.1). Both understand the original.
package spsend

import "encoding/binary"

// A packet begins with three numbers of 32 bits, in the byte order that the marker
// in the first tells.
const (
	offType   = 0
	offNumber = 4 // from 1; of the end packet: of the last one
	offSize   = 8 // of the whole packet
	headerLen = 12

	endPacket = 1
	// marker is set by little-endian senders and clear for others; it reads the
	// same in either order.
	marker = 0x80000080
)

// Bounds of the size of a packet.
const (
	MinBytes = headerLen
	MaxBytes = 65507
)

// packet is the header of a datagram.
type packet struct {
	end          bool
	number, size int32
}

func (p packet) put(b []byte) {
	var kind uint32 = marker
	if p.end {
		kind |= endPacket
	}
	binary.LittleEndian.PutUint32(b[offType:], kind)
	binary.LittleEndian.PutUint32(b[offNumber:], uint32(p.number))
	binary.LittleEndian.PutUint32(b[offSize:], uint32(p.size))
}

// parse reads a header. It fails if there is none.
func parse(b []byte) (p packet, ok bool) {
	if len(b) < headerLen {
		return packet{}, false
	}
	var order binary.ByteOrder = binary.BigEndian
	if binary.BigEndian.Uint32(b[offType:])&marker == marker {
		order = binary.LittleEndian
	}
	return packet{
		end:    order.Uint32(b[offType:])&^marker == endPacket,
		number: int32(order.Uint32(b[offNumber:])),
		size:   int32(order.Uint32(b[offSize:])),
	}, true
}
