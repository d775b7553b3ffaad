package ring

import "gospread/spread/internal/ringproto"

// relays is how data gets into other segments. Where one has several members, it is
// sent once, to the first of them, who passes it on to the others (semantics 3.1).
// So it crosses a wide area once for each site. It is laid down with the
// configuration, and so the same for all members.
type relays struct {
	heads    []DaemonID // the first member of each other segment; nil: everybody is sent a copy
	passes   bool       // this daemon is the first of several in its segment
	segments []int      // of each member
}

func newRelays(members []*peer, me int) relays {
	r := relays{segments: make([]int, len(members))}
	for i, p := range members {
		r.segments[i] = p.segment
	}
	several := false
	for i, s := range r.segments {
		first := i == 0 || r.segments[i-1] != s
		last := i == len(members)-1 || r.segments[i+1] != s
		switch {
		case s == r.segments[me]:
			r.passes = r.passes || i == me && first && !last
		case first:
			r.heads = append(r.heads, members[i].id)
			several = several || !last
		}
	}
	if !several {
		r.heads = nil
	}
	return r
}

// fits tells whether segments still have the same members.
func (r *relays) fits(members []*peer) bool {
	for i := 1; i < len(members); i++ {
		if (r.segments[i] == r.segments[i-1]) != (members[i].segment == members[i-1].segment) {
			return false
		}
	}
	return true
}

// sendData sends a packet of our own to everybody.
func (m *Machine) sendData(p *packet) {
	heads := m.ring.relays.heads
	m.packets = append(m.packets, Packet{Near: heads != nil, Via: heads, Bulk: true, Data: p.data})
}

// dataFlags are those of every packet of our own.
func (r *installed) dataFlags() ringproto.Flags {
	if r.relays.heads != nil {
		return ringproto.Relay
	}
	return 0
}

// relay passes a packet that has just come on to the others of our segment.
func (m *Machine) relay(from *peer, h *ringproto.Header, hop, seq uint64) {
	r := m.ring
	p := r.store.get(seq)
	if h.Flags&ringproto.Relay == 0 || !r.relays.passes || p == nil || len(p.data) > m.o.Datagram ||
		r.relays.segments[from.index] == r.relays.segments[r.me] {
		return
	}
	m.counts.Relayed++
	m.putData(p, ringproto.Relayed|h.Flags&ringproto.AckMe, hop)
	m.packets = append(m.packets, Packet{Near: true, Bulk: true, Data: p.data})
}

// teller is who tells what a datagram says of the token, and wants the Ack for it: its
// sender, or who gave a packet its number, if the sender has passed it on.
func (m *Machine) teller(p *peer, h *ringproto.Header, b []byte) *peer {
	if h.Kind != ringproto.Data || h.Flags&ringproto.Relayed == 0 {
		return p
	}
	origin, err := ringproto.Origin(b)
	if o := m.ring.member(DaemonID(origin)); err == nil && o != nil {
		return o
	}
	return p
}
