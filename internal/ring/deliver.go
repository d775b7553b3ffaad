package ring

import (
	"bytes"

	"gospread/spread/internal/ringproto"
)

// seqShift: the place of a message in the order is the number of the packet in
// which it ends, and its place among the messages that end there.
const seqShift = 16

// rule decides, for the ordered messages of a packet, what is due.
type rule uint8

const (
	// beforeSignal: SAFE messages wait until the packet is stable.
	beforeSignal rule = iota
	// afterSignal: all that is held is due.
	afterSignal
)

// deliver hands on, in order, what is due before the transitional signal: without
// gaps, and SAFE messages once everybody holds them (semantics D8, D15, D18).
func (m *Machine) deliver() {
	r := m.ring
	for r.next <= r.aru {
		p := r.store.get(r.next)
		if p == nil || !m.deliverPacket(p, beforeSignal) {
			return
		}
	}
}

// deliverPacket hands on the rest of packet r.next and reports whether all of it
// was due.
func (m *Machine) deliverPacket(p *packet, by rule) bool {
	r := m.ring
	if !p.loose || !p.given {
		for body := p.chunks(); r.offset < len(body); {
			c, rest, err := ringproto.ParseChunk(body[r.offset:])
			if err != nil {
				break // not reached: it was valid on receipt
			}
			if c.Last && by == beforeSignal && Service(c.Service) == Safe && p.seq > r.stable {
				return false
			}
			r.offset = len(body) - len(rest)
			m.chunk(p, &c)
		}
	}
	r.next, r.offset, r.index = p.seq+1, 0, 0
	m.counts.DeliveredPackets++
	if p.origin == m.self && !p.loose {
		m.times.delivery.Record(int64(m.now - p.at))
	}
	return true
}

// chunk puts messages together and hands on those that are whole.
func (m *Machine) chunk(p *packet, c *ringproto.Chunk) {
	r := m.ring
	if c.Service == ringproto.Control { // also between the parts of a message
		m.onOffer(p.origin, c.Data)
		return
	}
	if c.First && c.Last {
		m.give(p, Service(c.Service), m.lasting(c.Data), r.index)
		r.index++
		return
	}
	part := &r.partials[p.origin.index]
	if !part.add(c, &m.delivered) {
		return
	}
	payload := part.b
	*part = partial{}
	m.give(p, Service(c.Service), payload, r.index)
	r.index++
}

// lasting copies a payload out of its packet, which is used again. What is handed
// on in a row lies in a row.
func (m *Machine) lasting(b []byte) []byte {
	c := m.delivered.take(len(b))
	copy(c, b)
	return c
}

func (m *Machine) give(p *packet, s Service, payload []byte, index int) {
	m.counts.Delivered++
	m.counts.ByService[min(s, Safe)]++
	m.events = append(m.events, Event{Kind: Deliver, Message: Message{
		Sender: p.origin.id, Service: s, Loose: p.loose, Seq: p.seq<<seqShift | uint64(index), Payload: payload}})
}

// giveLoose hands on the messages of a loose packet at once, gaps or not.
func (m *Machine) giveLoose(p *packet) {
	p.given = true
	index := 0
	for b := p.chunks(); len(b) > 0; index++ {
		c, rest, err := ringproto.ParseChunk(b)
		if err != nil {
			return
		}
		b = rest
		m.give(p, Service(c.Service), m.lasting(c.Data), index)
	}
}

// alone tells whether this daemon is a ring of one, which needs no packets.
func (m *Machine) alone() bool {
	return m.state == operational && len(m.ring.members) == 1
}

// giveAlone gives a payload its place in a ring of one, where everything is stable
// at once. The payload itself is handed on.
func (m *Machine) giveAlone(s Service, payload []byte) {
	r := m.ring
	r.high++
	r.aru, r.stable, r.next = r.high, r.high, r.high+1
	r.have[0] = r.high
	r.store.low = r.high + 1
	p := packet{seq: r.high, origin: m.self}
	m.counts.Packets++
	m.counts.DeliveredPackets++
	m.times.delivery.RecordZero()
	m.give(&p, s, payload, 0)
	if m.o.Trace {
		m.sent = append(m.sent, m.events[len(m.events)-1].Message)
	}
}

// traceSent records the messages that end in an own packet.
func (m *Machine) traceSent(p *packet) {
	index := 0
	for b := p.chunks(); len(b) > 0; {
		c, rest, err := ringproto.ParseChunk(b)
		if err != nil {
			return
		}
		b = rest
		if c.Service == ringproto.Control {
			continue
		}
		if !c.First {
			m.tracePart = append(m.tracePart, c.Data...)
		} else if !c.Last {
			m.tracePart = append([]byte{}, c.Data...)
		}
		if c.Last {
			payload := bytes.Clone(c.Data)
			if !c.First {
				payload = m.tracePart
			}
			m.sent = append(m.sent, Message{Sender: m.self.id, Service: Service(c.Service), Loose: p.loose,
				Seq: p.seq<<seqShift | uint64(index), Payload: payload})
			index++
		}
	}
}
