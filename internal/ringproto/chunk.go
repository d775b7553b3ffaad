package ringproto

import "encoding/binary"

// Chunk is a message or a part of one, within a data packet. A message that does
// not fit goes on in the next packet of the same origin; only the first chunk of a
// packet may continue one, and only its last chunk may be continued.
//
//	0  service (3 bits), first (8), last (16)
//	1  0
//	2  length in bytes (2)
//	4  of a first chunk that is not the last: bytes of the whole message (4)
type Chunk struct {
	Service     uint8
	First, Last bool
	Total       int // bytes of the whole message; only of a first chunk
	Data        []byte
}

const (
	chunkFirst = 8
	chunkLast  = 16
)

// ChunkHead is the size of the head of a chunk, in bytes.
func ChunkHead(first, last bool) int {
	if first && !last {
		return ChunkSize + 4
	}
	return ChunkSize
}

// PutChunk writes the head of a chunk to the first ChunkHead bytes of b.
func PutChunk(b []byte, service uint8, first, last bool, length, total int) {
	b[0] = service
	if first {
		b[0] |= chunkFirst
	}
	if last {
		b[0] |= chunkLast
	}
	b[1] = 0
	binary.BigEndian.PutUint16(b[2:], uint16(length))
	if first && !last {
		binary.BigEndian.PutUint32(b[4:], uint32(total))
	}
}

// ParseChunk reads the chunk that b begins with.
func ParseChunk(b []byte) (c Chunk, rest []byte, err error) {
	if len(b) < ChunkSize {
		return c, nil, ErrShort
	}
	n := int(binary.BigEndian.Uint16(b[2:]))
	if b[0]&^(7|chunkFirst|chunkLast) != 0 || b[0]&7 > Control || b[1] != 0 {
		return c, nil, ErrInvalid
	}
	c.Service = b[0] & 7
	c.First, c.Last = b[0]&chunkFirst != 0, b[0]&chunkLast != 0
	head := ChunkHead(c.First, c.Last)
	end := head + n
	if end > len(b) {
		return c, nil, ErrInvalid
	}
	switch {
	case c.First && c.Last:
		c.Total = n
	case c.First:
		if c.Total = int(binary.BigEndian.Uint32(b[4:])); c.Total <= n {
			return c, nil, ErrInvalid
		}
	}
	c.Data = b[head:end:end]
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
