package ring

import "gospread/spread/internal/ringproto"

// leastChunk is the smallest part of a message that is worth a chunk, in bytes.
const leastChunk = 64

// outbox packs payloads into packets while they wait for the token. Small
// messages share a packet, large ones are cut, and a packet is filled to its end:
// the message that does not fit goes on in the next.
type outbox struct {
	size    int // of a datagram
	pool    *pool
	packets []*packet
	head    int // packets[:head] have gone
	// open are the packets that may still take something: one for messages in
	// order, one for loose ones, whose order does not matter (semantics D19).
	open  [2]*packet
	bytes int // of payloads waiting
	// Of a message of which a part has got numbers while the rest waits: that part,
	// as far as it is not in the packets of taken. If the configuration ends, the
	// message is sent anew.
	partial        []byte
	partialService Service
	inPartial      bool
	taken          []*packet // in this turn, with parts of that message
}

func (q *outbox) empty() bool { return q.head == len(q.packets) }

// fits tells whether a payload goes into one packet.
func (q *outbox) fits(n int) bool { return ringproto.DataSize+ringproto.ChunkSize+n <= q.size }

// class is the index of the open packet for loose and for other messages.
func class(loose bool) int {
	if loose {
		return 1
	}
	return 0
}

// begin adds an empty packet.
func (q *outbox) begin(loose bool) *packet {
	p := q.pool.get(q.size)
	p.data, p.loose = p.data[:ringproto.DataSize], loose
	q.packets = append(q.packets, p)
	q.open[class(loose)] = p
	return p
}

// close lets no packet take anything more.
func (q *outbox) close() { q.open = [2]*packet{} }

// add packs a payload.
func (q *outbox) add(s Service, payload []byte) {
	q.bytes += len(payload)
	loose := s <= Reliable && q.fits(len(payload))
	p := q.open[class(loose)]
	total := len(payload)
	for first := true; ; {
		room := -1
		if p != nil {
			room = q.size - len(p.data) - ringproto.ChunkSize
		}
		last := room >= len(payload)
		if first && !last {
			room -= ringproto.ChunkHead(true, false) - ringproto.ChunkSize
		}
		// A few bytes at the end of a packet are not worth a chunk; a loose
		// message must go in whole.
		if !last && (room < leastChunk || loose) {
			p = q.begin(loose)
			continue
		}
		n := min(room, len(payload))
		at := len(p.data)
		head := ringproto.ChunkHead(first, last)
		p.data = p.data[:at+head+n]
		ringproto.PutChunk(p.data[at:], uint8(s), first, last, n, total)
		copy(p.data[at+head:], payload[:n])
		if last {
			p.safe = p.safe || s == Safe
			return
		}
		payload, first = payload[n:], false
	}
}

// next takes the packet to send next, and notes what part of a message is left.
func (q *outbox) next() *packet {
	p := q.packets[q.head]
	if k := class(p.loose); q.open[k] == p {
		q.open[k] = nil
	}
	q.packets[q.head] = nil
	if q.head++; q.head > len(q.packets)/2 && q.head > 32 || q.empty() {
		n := copy(q.packets, q.packets[q.head:])
		clear(q.packets[n:])
		q.packets, q.head = q.packets[:n], 0
	}
	q.taken = append(q.taken, p)
	for b := p.chunks(); len(b) > 0; {
		c, rest, err := ringproto.ParseChunk(b)
		if err != nil {
			break
		}
		b = rest
		q.bytes -= len(c.Data)
		if p.loose {
			continue
		}
		if c.First {
			q.partial, q.partialService = q.partial[:0], Service(c.Service)
			q.taken = append(q.taken[:0], p)
		}
		q.inPartial = !c.Last
	}
	return p
}

// keepPartial ends a turn: what has been taken is copied as far as it belongs to a
// message of which more is to come. Packets may be used again from then on.
func (q *outbox) keepPartial() {
	if q.inPartial {
		for _, p := range q.taken {
			q.partial = append(q.partial, lastPart(p)...)
		}
	}
	clear(q.taken)
	q.taken = q.taken[:0]
}

// lastPart is what a packet has of the message with which it ends: its last chunk.
func lastPart(p *packet) (part []byte) {
	for b := p.chunks(); len(b) > 0 && !p.loose; {
		c, rest, err := ringproto.ParseChunk(b)
		if err != nil {
			break
		}
		b, part = rest, c.Data
	}
	return part
}

// repack makes everything that waits ready for a new configuration, with
// datagrams of the given size: a message of which a part was sent begins anew.
func (q *outbox) repack(size int) {
	q.keepPartial()
	if !q.inPartial && size == q.size {
		return
	}
	fresh := outbox{size: size, pool: q.pool}
	var whole []byte
	service := q.partialService
	if q.inPartial {
		whole = append(whole, q.partial...)
	}
	for _, p := range q.packets[q.head:] {
		for b := p.chunks(); len(b) > 0; {
			c, rest, err := ringproto.ParseChunk(b)
			if err != nil {
				break
			}
			b = rest
			if p.loose {
				fresh.add(Service(c.Service), c.Data)
				continue
			}
			if c.First {
				whole, service = whole[:0], Service(c.Service)
			}
			if whole = append(whole, c.Data...); c.Last {
				fresh.add(service, whole)
				whole = whole[:0]
			}
		}
	}
	*q = fresh
}
