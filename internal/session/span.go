package session

import "bytes"

// A span is a run of whole messages waiting to be written. It shares memory
// with the buffer that the messages were read into or encoded in.
type span struct {
	b    []byte
	msgs int
	// memory is what b lies in.
	memory memory
	// long, if it is not nil, is the one message of the span, in place of b.
	long Long
}

// memory is what the bytes of a span lie in.
type memory uint8

const (
	inBlock memory = iota // a larger piece, which they keep alive
	alone                 // a piece of their own
	shared                // likewise, and in the queues of many clients
)

// loose tells whether the span keeps more than twice its length of memory alive.
func (s *span) loose() bool { return s.memory == inBlock && len(s.b) < maxBlock/2 }

// copyLoose copies what is loose.
func copyLoose(spans []span) {
	for i := range spans {
		if s := &spans[i]; s.loose() {
			s.b, s.memory = bytes.Clone(s.b), alone
		}
	}
}

// cost is what the span counts in a queue.
func (s *span) cost() int {
	if s.long != nil {
		return s.long.Cost()
	}
	return len(s.b)
}

// size is how many bytes a span that nothing has been written of is on the wire.
func (s *span) size() int {
	if s.long != nil {
		return s.long.Size()
	}
	return len(s.b)
}

// Long is a message that shares most of its memory with others, in the queues of
// many clients. Its bytes are put together when they are written. It must not
// change any more; its methods are called by many goroutines.
type Long interface {
	// Size is its length in bytes, at least 1.
	Size() int
	// Cost is what it takes of memory, in bytes, beside what it shares with messages
	// before it. It is what counts in queues and their limits, until the message is
	// written completely.
	Cost() int
	// CopyAt copies the bytes from offset at on into buf. It returns how many: as
	// many as there is room for, or as there are.
	CopyAt(buf []byte, at int) int
}

// adjacent tells whether b begins where a ends in the same memory.
func adjacent(a, b []byte) bool {
	return len(a) < cap(a) && len(b) > 0 && &a[:len(a)+1][len(a)] == &b[0]
}

// appendSpan adds s, growing the last span where the memory allows.
func appendSpan(spans []span, s span) []span {
	if n := len(spans); n > 0 && adjacent(spans[n-1].b, s.b) {
		spans[n-1].grow(len(s.b), s.msgs)
		return spans
	}
	return append(spans, s)
}

// grow takes in bytes, whole messages, that are adjacent.
func (s *span) grow(bytes, msgs int) {
	s.b = s.b[:len(s.b)+bytes]
	s.msgs += msgs
}
