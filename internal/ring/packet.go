package ring

import (
	"time"

	"gospread/spread/internal/ringproto"
)

// packet is a data packet: one number in the order.
type packet struct {
	seq    uint64
	origin *peer
	// data is the whole datagram; what precedes the chunks is written anew
	// whenever it is sent.
	data  []byte
	loose bool
	safe  bool // a SAFE message ends in it
	given bool // loose, and delivered
}

func (p *packet) chunks() []byte { return p.data[ringproto.DataSize:] }

// slab hands out memory in small pieces of large blocks. It takes nothing back:
// payloads live on in the queues of sessions, and the garbage collector frees a
// block after the last of them.
type slab struct {
	free []byte
	size int // of a block
}

// take returns n bytes.
func (s *slab) take(n int) []byte {
	if n > len(s.free) {
		s.free = make([]byte, max(n, s.size))
	}
	b := s.free[:n:n]
	s.free = s.free[n:]
	return b
}

// store holds the packets of a configuration from the lowest number that
// somebody may still need.
type store struct {
	slots []*packet // a ring; its length is a power of two
	low   uint64    // the lowest number that may be in it
}

func newStore() store { return store{slots: make([]*packet, 256), low: 1} }

func (s *store) get(seq uint64) *packet {
	if seq < s.low || seq-s.low >= uint64(len(s.slots)) {
		return nil
	}
	return s.slots[seq&uint64(len(s.slots)-1)]
}

// put adds a packet; its number is at most maxWindow above low.
func (s *store) put(p *packet) {
	for p.seq-s.low >= uint64(len(s.slots)) {
		s.grow()
	}
	s.slots[p.seq&uint64(len(s.slots)-1)] = p
}

func (s *store) grow() {
	old := s.slots
	s.slots = make([]*packet, 2*len(old))
	for _, p := range old {
		if p != nil {
			s.slots[p.seq&uint64(len(s.slots)-1)] = p
		}
	}
}

// free forgets everything below seq.
func (s *store) free(seq uint64) {
	for ; s.low < seq; s.low++ {
		s.slots[s.low&uint64(len(s.slots)-1)] = nil
	}
}

// estimate is a smoothed time with its deviation, as TCP keeps it (RFC 6298).
type estimate struct{ mean, dev time.Duration }

func (e *estimate) add(d time.Duration) {
	if e.mean == 0 {
		e.mean, e.dev = d, d/2
		return
	}
	diff := d - e.mean
	e.mean += diff / 8
	if diff < 0 {
		diff = -diff
	}
	e.dev += (diff - e.dev) / 4
}

// bound is a time that is rarely exceeded.
func (e *estimate) bound() time.Duration { return e.mean + 4*e.dev }
