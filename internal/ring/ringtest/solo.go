package ringtest

import "gospread/spread/internal/ring"

// Solo is a ring of one daemon: every payload has its place, and is stable, as
// soon as it is submitted. It keeps the rules of the real ring and is driven
// through the same calls.
type Solo struct {
	self    ring.DaemonID
	config  *ring.Configuration
	seq     uint64
	pending []ring.Event
}

// NewSolo makes a ring of one. now, in seconds since 1970, becomes the time of
// its first configuration; it must exceed any that this daemon used before.
func NewSolo(self ring.DaemonID, now uint32) *Solo {
	r := &Solo{self: self}
	r.install(now)
	return r
}

// Reform replaces the configuration by a new one of the same member, as the
// real ring does when it has lost and found its token. now is in seconds. The
// transitional configuration has an id of its own: it takes the second before
// that of the regular one.
func (r *Solo) Reform(now uint32) {
	now = max(now, r.config.ID.Time+2)
	r.pending = append(r.pending, ring.Event{
		Kind: ring.TransitionalConfiguration,
		Config: &ring.Configuration{
			ID:      ring.ID{Leader: r.self, Time: now - 1},
			Members: r.config.Members,
		},
	})
	r.install(now)
}

func (r *Solo) install(time uint32) {
	r.config = &ring.Configuration{
		ID:      ring.ID{Leader: r.self, Time: time},
		Members: []ring.DaemonID{r.self},
	}
	r.seq = 0
	r.pending = append(r.pending, ring.Event{Kind: ring.RegularConfiguration, Config: r.config})
}

// Submit gives a payload its place. The ring keeps the slice until Advance has
// handed it out; the bytes must not change any more.
func (r *Solo) Submit(s ring.Service, payload []byte) {
	r.seq++
	r.pending = append(r.pending, ring.Event{
		Kind:    ring.Deliver,
		Message: ring.Message{Sender: r.self, Service: s, Loose: s <= ring.Reliable && len(payload) <= LoosePacket, Seq: r.seq, Payload: payload},
	})
}

// Advance appends to out what is due since the last call.
func (r *Solo) Advance(out *ring.Output) {
	out.Events = append(out.Events, r.pending...)
	clear(r.pending)
	r.pending = r.pending[:0]
	out.Stable = r.seq
}
