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
	safe  bool          // a SAFE message ends in it
	given bool          // loose, and delivered
	at    time.Duration // of an own one: when it got its number
}

func (p *packet) chunks() []byte { return p.data[ringproto.DataSize:] }

// pool keeps packets that are not used any more. What is put into it may still be
// on its way out until the present turn ends; only then is it used again.
type pool struct {
	free, spent []*packet
	bytes       int // in free and spent
}

// mostPooled is how much is kept, in bytes.
const mostPooled = 16 << 20

// get returns a packet with room for size bytes, as its data.
func (l *pool) get(size int) *packet {
	for n := len(l.free); n > 0; n-- {
		p := l.free[n-1]
		l.free[n-1] = nil
		l.free = l.free[:n-1]
		l.bytes -= cap(p.data)
		if cap(p.data) >= size {
			*p = packet{data: p.data[:size]}
			return p
		}
	}
	return &packet{data: make([]byte, size)}
}

// put takes a packet back.
func (l *pool) put(p *packet) {
	if l.bytes < mostPooled {
		l.bytes += cap(p.data)
		l.spent = append(l.spent, p)
	}
}

// turn ends a turn: what has been put may be got.
func (l *pool) turn() {
	l.free = append(l.free, l.spent...)
	clear(l.spent)
	l.spent = l.spent[:0]
}

// slab hands out memory in small pieces of large blocks. It takes nothing back:
// payloads live on in the queues of sessions, and the garbage collector frees a
// block after the last of them.
type slab struct {
	free []byte
	size int // of a block
}

// take returns n bytes. What was taken before ends where they begin, if it is of
// the same block; their capacity reaches to the end of the block.
func (s *slab) take(n int) []byte {
	if n > len(s.free) {
		s.free = make([]byte, max(n, s.size))
	}
	b := s.free[:n]
	s.free = s.free[n:]
	return b
}

// partial is a message of which a part has come.
type partial struct {
	b     []byte // room for it; nil: its beginning is not there
	n     int
	total int // bytes, as its beginning says
}

// firstRoom is the most room, in bytes, that a message gets on the word of its first
// chunk: all of what clients may send.
const firstRoom = 160 << 10

// add adds a chunk and tells whether the message is whole.
func (p *partial) add(c *ringproto.Chunk, from *slab) bool {
	if c.First {
		*p = partial{total: c.Total}
		if c.Total <= maxMessage {
			p.b = from.take(min(c.Total, firstRoom))
		}
	}
	if p.b == nil || p.n+len(c.Data) > p.total {
		*p = partial{}
		return false
	}
	if p.n+len(c.Data) > len(p.b) {
		b := from.take(p.total)
		copy(b, p.b[:p.n])
		p.b = b
	}
	p.n += copy(p.b[p.n:], c.Data)
	return c.Last && p.n == p.total
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
func (s *store) free(seq uint64, to *pool) {
	for ; s.low < seq; s.low++ {
		slot := &s.slots[s.low&uint64(len(s.slots)-1)]
		if *slot != nil {
			to.put(*slot)
			*slot = nil
		}
	}
}

// estimate is a smoothed time with its deviation, as TCP keeps it (RFC 6298), and
// the least of the last times.
type estimate struct {
	mean, dev time.Duration
	last      [8]time.Duration
	n         int
}

func (e *estimate) add(d time.Duration) {
	e.last[e.n%len(e.last)] = d
	e.n++
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

// least is the least of the last times: what the path takes, without what queues and
// sleeping processes add.
func (e *estimate) least() time.Duration {
	least := e.last[0]
	for _, d := range e.last[:min(e.n, len(e.last))] {
		least = min(least, d)
	}
	return least
}

// bound is a time that is rarely exceeded, as far as the path is to blame.
func (e *estimate) bound() time.Duration { return min(e.mean+4*e.dev, 4*e.least()+boundSlack) }

// boundSlack is what a bound allows beyond the path.
const boundSlack = 5 * time.Millisecond
