package ring

import "gospread/spread/internal/ringproto"

// scratch returns memory for a control datagram of at most n bytes.
func (m *Machine) scratch(n int) []byte { return m.control.take(n) }

func (m *Machine) putHeader(b []byte, k ringproto.Kind, f ringproto.Flags, c ringproto.Config) {
	h := ringproto.Header{Kind: k, Flags: f, Sender: uint32(m.self.id), Incarnation: m.self.incarnation,
		Digest: m.epoch.Digest, Config: c}
	h.Put(b)
}

// emit sends a control datagram: header, then body.
func (m *Machine) emit(to DaemonID, k ringproto.Kind, f ringproto.Flags, body []byte) {
	var c ringproto.Config
	if m.ring != nil {
		c = m.ring.id
	}
	b := m.scratch(ringproto.HeaderSize + len(body))
	m.putHeader(b, k, f, c)
	copy(b[ringproto.HeaderSize:], body)
	if len(b) > min(m.o.Datagram, safeDatagram) {
		m.sendPieces(to, b)
		return
	}
	m.packets = append(m.packets, Packet{To: to, Data: b})
}

// emitRing sends a datagram of the present ring other than data. body appends
// what follows the fixed part, or is nil.
func (m *Machine) emitRing(to DaemonID, k ringproto.Kind, f ringproto.Flags, hop uint64, body []byte) {
	b := m.scratch(ringproto.RingSize + len(body))
	m.putHeader(b, k, f, m.ring.id)
	known := m.ring.known()
	known.Hop = hop
	known.Put(b)
	copy(b[ringproto.RingSize:], body)
	m.packets = append(m.packets, Packet{To: to, Data: b})
}

// putData writes what precedes the chunks of a data packet.
func (m *Machine) putData(p *packet, f ringproto.Flags, hop uint64) {
	if p.loose {
		f |= ringproto.Loose
	}
	m.putHeader(p.data, ringproto.Data, f, m.ring.id)
	known := m.ring.known()
	known.Hop, known.High = hop, p.seq
	known.Aru = m.ring.aru
	known.Put(p.data)
	ringproto.PutOrigin(p.data, uint32(p.origin.id))
}

// resend sends a packet again to one daemon; in pieces if large datagrams do not
// seem to reach it.
func (m *Machine) resend(to DaemonID, p *packet, pieces bool) {
	m.counts.Resent++
	if m.ring.relays.passes {
		// It may be passed on in the same turn, with a head of its own.
		whole := *p
		whole.data = append([]byte(nil), p.data...)
		p = &whole
	}
	m.putData(p, ringproto.Again, m.ring.shownHop())
	if pieces && len(p.data) > safeDatagram || len(p.data) > m.o.Datagram {
		m.sendPieces(to, p.data)
		return
	}
	m.packets = append(m.packets, Packet{To: to, Bulk: true, Data: p.data})
}
