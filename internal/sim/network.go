package sim

import (
	"hash/crc32"
	"slices"
	"time"

	"gospread/spread/internal/ring"
	"gospread/spread/internal/ringproto"
)

// Datagram is a packet on its way, as hooks see it. To is the index of the
// receiver, or -1 before copies are made.
type Datagram struct {
	From, To int
	Packet   *ring.Packet
}

// Kind is the second byte.
func (d *Datagram) Kind() byte {
	if len(d.Packet.Data) < 2 {
		return 0
	}
	return d.Packet.Data[1]
}

// Verdict is what a hook decides about a datagram.
type Verdict uint8

// A datagram goes its way, unless a hook says otherwise.
const (
	Pass Verdict = iota
	Drop
)

// datagram is shared by all receivers of a packet.
type datagram struct {
	from int
	bulk bool
	one  bool // to one receiver: may be refused
	data []byte
	refs int
}

// link is the way from one host to another.
type link struct {
	path    Path
	loss    float64 // of the faults
	dup     float64
	late    float64 // share of duplicates that come very late
	reorder float64
	flip    float64
	cuts    int           // how many faults cut it
	spike   time.Duration // added latency
	limit   int           // larger datagrams vanish; 0: none
	narrow  int           // the same, to the end of the run
	last    time.Duration // when the last datagram in order arrives
}

// network is all links, and datagrams to be used again.
type network struct {
	w     *World
	links []link // from*n + to
	free  []*datagram
	old   []byte // of a former datagram, for rubbish
}

func (n *network) lay(w *World) {
	n.w = w
	n.links = make([]link, len(w.slots)*len(w.slots))
	for i := range w.slots {
		for j := range w.slots {
			l := n.link(i, j)
			if w.slots[i].segment == w.slots[j].segment {
				l.path = w.Plan.Near
			} else {
				l.path = w.Plan.Far
				// No two sites are equally far.
				l.path.Latency += l.path.Latency * time.Duration((w.slots[i].segment+w.slots[j].segment)%5) / 10
			}
		}
	}
}

func (n *network) link(from, to int) *link { return &n.links[from*len(n.w.slots)+to] }

// heal undoes everything that faults did. What was sent before may still come late,
// but nothing waits for it.
func (n *network) heal() {
	for i := range n.links {
		l := &n.links[i]
		*l = link{path: l.path, narrow: l.narrow}
		if n.w.calm {
			l.path.Loss = 0
		}
	}
}

func (n *network) make(from int, p *ring.Packet) *datagram {
	var d *datagram
	if k := len(n.free); k > 0 {
		d = n.free[k-1]
		n.free = n.free[:k-1]
	} else {
		d = new(datagram)
	}
	d.from, d.bulk, d.one, d.refs = from, p.Bulk, p.To != 0 || !n.w.Plan.Multicast, 1
	d.data = append(d.data[:0], p.Data...)
	return d
}

func (n *network) release(d *datagram) {
	if d.refs--; d.refs == 0 {
		n.free = append(n.free, d)
	}
}

// send puts a packet of h on its way.
func (n *network) send(h *host, p *ring.Packet) {
	w, from := n.w, h.slot.index
	seen := Datagram{From: from, To: -1, Packet: p}
	h.sends++
	w.Seen.packet(h, &seen)
	for _, hook := range w.onSend {
		if hook(&seen) == Drop {
			return
		}
	}
	if w.triggered(&seen) == Drop {
		return
	}
	if w.hashing {
		w.mix(uint64(w.now), uint64(from), uint64(p.To), uint64(crc32.Checksum(p.Data, castagnoli)))
	}
	if w.trace != nil {
		h.note("> %s %s", w.name(p.To), describe(p.Data))
	}
	if len(p.Data) > h.slot.datagram {
		w.fail("datagram", "%s sent %d bytes in a datagram, the limit is %d", h.slot.name, len(p.Data), h.slot.datagram)
	}
	d := n.make(from, p)
	gone := h.slot.transmit(w, len(p.Data))
	for to := range w.slots {
		if to == from || !p.For(w.slots[to].id, w.slots[to].segment == h.slot.segment) || p.To == 0 && !h.reaches(to) {
			continue
		}
		if p.To == 0 && n.spared(h, to, p) {
			continue
		}
		seen.To = to
		dropped := false
		for _, hook := range w.onCopy {
			dropped = dropped || hook(&seen) == Drop
		}
		if !dropped {
			n.carry(d, to, gone)
		}
		if d.one && p.To == 0 {
			gone = h.slot.transmit(w, len(p.Data))
		}
	}
	n.release(d)
}

// spared tells whether the link sends a packet for everybody as copies, and leaves out
// this receiver as one who is not a member.
func (n *network) spared(h *host, to int, p *ring.Packet) bool {
	w := n.w
	if w.Plan.Multicast && w.slots[to].segment == h.slot.segment || !ringproto.ForMembers(p.Data) {
		return false
	}
	return h.members != nil && !slices.Contains(h.members, w.slots[to].id)
}

// hold takes a packet off the network. The result sends it on, also if its sender
// has ended.
func (n *network) hold(d *Datagram) (late func()) {
	p := *d.Packet
	p.Data = slices.Clone(p.Data)
	from := d.From
	return func() {
		w := n.w
		w.note("late: %s to %s: %s", w.slots[from].name, w.name(p.To), describe(p.Data))
		d := n.make(from, &p)
		for to := range w.slots {
			if to != from && p.For(w.slots[to].id, w.slots[to].segment == w.slots[from].segment) {
				n.carry(d, to, w.now)
			}
		}
		n.release(d)
	}
}

// transmit tells when the interface will have sent so many bytes more; negative:
// its queue is full.
func (s *slot) transmit(w *World, size int) time.Duration {
	const most = 20 * time.Millisecond
	if s.nic > w.now+most {
		return -1
	}
	s.nic = max(s.nic, w.now) + time.Duration(size+50)*time.Second/time.Duration(w.Plan.Rate)
	return s.nic
}

// carry takes a datagram over a link.
func (n *network) carry(d *datagram, to int, gone time.Duration) {
	w, l := n.w, n.link(d.from, to)
	if gone < 0 || l.cuts > 0 || l.limit > 0 && len(d.data) > l.limit || l.narrow > 0 && len(d.data) > l.narrow ||
		w.chance(l.loss) || w.chance(l.path.Loss) {
		w.Seen.Lost++
		return
	}
	if w.chance(l.flip) && n.flipped(d) {
		w.Seen.Corrupted++
		return
	}
	at := gone + l.path.Latency + l.spike
	if l.path.Jitter > 0 {
		at += time.Duration(w.rng.Int64N(int64(l.path.Jitter)))
	}
	if w.chance(l.reorder) {
		at += time.Duration(w.rng.Int64N(int64(4*l.path.Latency + time.Millisecond)))
		w.Seen.Reordered++
	} else {
		at = max(at, l.last)
		l.last = at
	}
	n.deliver(d, to, at)
	if w.chance(l.dup) {
		w.Seen.Duplicated++
		n.deliver(d, to, at+time.Duration(w.rng.Int64N(int64(2*time.Millisecond))))
	}
	if w.chance(l.late) {
		n.deliver(d, to, at+w.exp(time.Second))
	}
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// flipped damages a copy of the datagram, and tells whether its checksum shows
// that.
func (n *network) flipped(d *datagram) bool {
	if len(d.data) == 0 {
		return true
	}
	sum := crc32.Checksum(d.data, castagnoli)
	n.old = append(n.old[:0], d.data...)
	for range 1 + n.w.rng.IntN(4) {
		n.old[n.w.rng.IntN(len(n.old))] ^= 1 << n.w.rng.IntN(8)
	}
	return crc32.Checksum(n.old, castagnoli) != sum || string(n.old) == string(d.data)
}

func (n *network) deliver(d *datagram, to int, at time.Duration) {
	d.refs++
	n.w.queue.push(event{at: at, kind: arriveEvent, arg: int32(to), data: d})
}

// arrive hands a datagram to the daemon of its receiver, if there is one.
func (n *network) arrive(e *event) {
	w, s, d := n.w, n.w.slots[e.arg], e.data
	switch {
	case s.host != nil:
		s.host.arrive(d)
	case s.up && d.one:
		// As an ICMP message: it needs the way back, and may be lost.
		back := n.link(s.index, d.from)
		if sender := w.slots[d.from].host; sender != nil && back.cuts == 0 && !w.chance(back.loss) {
			w.queue.push(event{at: w.now + back.path.Latency + back.spike, kind: refusedEvent, host: sender, arg: e.arg})
			w.Seen.Refused++
		}
		fallthrough
	default:
		n.release(d)
	}
}

// name tells who a packet is for.
func (w *World) name(to ring.DaemonID) string {
	for _, s := range w.slots {
		if s.id == to {
			return s.name
		}
	}
	if to == 0 {
		return "all"
	}
	return "?"
}
