package ringproto

import "encoding/binary"

// Chunk is a message or a part of one, within a data packet. A message that does
// not fit goes on in the next packet of the same origin; only the first chunk of a
// packet may continue one, and only its last chunk may be continued.
//
//	0  service (3 bits), first (8), last (16)
//	1  0
//	2  length in bytes (2)
type Chunk struct {
	Service     uint8
	First, Last bool
	Data        []byte
}

const (
	chunkFirst = 8
	chunkLast  = 16
)

// PutChunk writes the head of a chunk to the first ChunkSize bytes of b.
func PutChunk(b []byte, service uint8, first, last bool, length int) {
	b[0] = service
	if first {
		b[0] |= chunkFirst
	}
	if last {
		b[0] |= chunkLast
	}
	b[1] = 0
	binary.BigEndian.PutUint16(b[2:], uint16(length))
}

// ParseChunk reads the chunk that b begins with.
func ParseChunk(b []byte) (c Chunk, rest []byte, err error) {
	if len(b) < ChunkSize {
		return c, nil, ErrShort
	}
	n := int(binary.BigEndian.Uint16(b[2:]))
	if b[0]&^(7|chunkFirst|chunkLast) != 0 || b[0]&7 > 5 || b[1] != 0 || n > len(b)-ChunkSize {
		return c, nil, ErrInvalid
	}
	c.Service = b[0] & 7
	c.First, c.Last = b[0]&chunkFirst != 0, b[0]&chunkLast != 0
	end := ChunkSize + n
	c.Data = b[ChunkSize:end:end]
	return c, b[end:], nil
}

// ValidChunks tells whether the body of a data packet is one or more whole chunks
// that keep the rules of [Chunk]. Those of a loose packet are whole messages of
// service RELIABLE or UNRELIABLE.
func ValidChunks(b []byte, loose bool) bool {
	for first := true; ; first = false {
		c, rest, err := ParseChunk(b)
		switch {
		case err != nil:
			return false
		case !first && !c.First, len(rest) > 0 && !c.Last:
			return false
		case loose && (!c.First || !c.Last || c.Service > 1):
			return false
		}
		if b = rest; len(b) == 0 {
			return true
		}
	}
}
