package ring

import (
	"encoding/binary"
	"fmt"
	"slices"
	"testing"
	"time"

	"gospread/spread/internal/ringproto"
)

// FuzzMachine feeds a daemon of a running ring of three with datagrams that the
// input makes up, or changes on their way. It must not panic, loop or grow, and
// must be able to form a ring with the others when they have begun new lives.
func FuzzMachine(f *testing.F) {
	for _, s := range fuzzSeeds(f) {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, input []byte) {
		watch := time.AfterFunc(60*time.Second, func() { panic(fmt.Sprintf("a call does not return: %x", input)) })
		defer watch.Stop()
		w := newNet(t, 3)
		w.budget = 400_000
		w.start(1, 2, 3)
		in := &forger{net: w, victim: w.nodes[1], in: input}
		for range 64 {
			if len(in.in) == 0 {
				break
			}
			in.step()
			in.bounded(t)
		}
		for _, id := range []DaemonID{2, 3} {
			w.nodes[id].down = true
		}
		w.run(2*time.Second, nil)
		w.start(2, 3)
		w.run(30*time.Second, w.together(1, 2, 3))
		w.run(100*time.Millisecond, nil)
		for _, n := range w.nodes {
			n.log = nil
		}
		w.submit(1, Safe, "from one")
		w.submit(3, Agreed, "from three")
		w.run(10*time.Second, w.got(2, 1, 2, 3))
	})
}

// forger reads from the input what is to be done next.
type forger struct {
	*net
	victim *node
	in     []byte
}

// The steps; any other byte means the one that it leaves modulo their number.
const (
	stepForge = iota
	stepChange
	stepWait
	stepSubmit
	stepRefuse
	stepRaw
	stepSize
	steps
)

func (f *forger) byte() byte {
	if len(f.in) == 0 {
		return 0
	}
	b := f.in[0]
	f.in = f.in[1:]
	return b
}

func (f *forger) u16() int { return int(f.byte())<<8 | int(f.byte()) }

func (f *forger) bytes() []byte {
	n := min(f.u16(), len(f.in))
	b := f.in[:n]
	f.in = f.in[n:]
	return b
}

// near is a number near to x, or any.
func (f *forger) near(x uint64) uint64 {
	switch b := f.byte(); {
	case b == 255:
		return uint64(f.u16())<<48 | uint64(f.u16())<<32 | uint64(f.u16())<<16 | uint64(f.u16())
	case b == 254:
		return x + uint64(f.u16())
	default:
		return x + uint64(int64(int8(b<<1)>>1))
	}
}

func (f *forger) step() {
	m := f.victim
	switch f.byte() % steps {
	case stepForge:
		f.deliver(f.forge())
	case stepChange:
		f.change()
	case stepWait:
		f.run(50*time.Microsecond<<(f.byte()%16), nil)
	case stepSubmit:
		f.submit(DaemonID(1+f.byte()%3), Service(f.byte()%6), string(make([]byte, f.u16())))
	case stepRefuse:
		m.Refused(f.now, DaemonID(2+f.byte()%2))
		f.turn(1)
	case stepRaw:
		f.deliver(slices.Clone(f.bytes()))
	case stepSize:
		m.SetDatagram(f.u16())
	}
}

// deliver hands the victim a datagram. It may not be of a life yet to come: who can
// claim that shuts out the real one.
func (f *forger) deliver(b []byte) {
	h, err := ringproto.ParseHeader(b)
	if err == nil {
		if n := f.nodes[DaemonID(h.Sender)]; n != nil {
			h.Incarnation = min(h.Incarnation, n.self.incarnation)
			h.Put(b)
		}
	}
	f.victim.Receive(f.now, b)
	f.turn(1)
}

// change delivers a changed copy of a datagram that is on its way to the victim.
func (f *forger) change() {
	i, flips := int(f.byte()), int(f.byte()%4)
	var of [][]byte
	for _, x := range f.queue {
		if x.to == 1 && x.data != nil {
			of = append(of, x.data)
		}
	}
	if len(of) == 0 {
		f.u16()
		return
	}
	b := slices.Clone(of[i%len(of)])
	for range flips + 1 {
		b[f.u16()%len(b)] ^= f.byte()
	}
	f.deliver(b)
}

// forge makes a datagram whose beginning is right for the state that the victim is
// in.
func (f *forger) forge() []byte {
	m := f.victim
	kind := ringproto.Kind(f.byte() % 18)
	flags := ringproto.Flags(f.byte())
	from := f.nodes[DaemonID(2+f.byte()%2)]
	h := ringproto.Header{Kind: kind, Flags: flags, Sender: uint32(from.self.id), Incarnation: from.self.incarnation, Digest: m.o.Digest}
	var known ringproto.Ring
	if m.ring != nil {
		h.Config = m.ring.id
		known = m.ring.known()
	}
	switch f.byte() % 4 {
	case 0:
		h.Config.Time += uint32(int8(f.byte()))
	case 1:
		if m.attempt != nil && m.attempt.plan != nil {
			h.Config = m.attempt.plan.New
		}
	}
	if kind >= ringproto.Data && kind <= ringproto.Ping {
		b := make([]byte, ringproto.RingSize)
		h.Put(b)
		known = ringproto.Ring{Hop: f.near(known.Hop), Aru: f.near(known.Aru), Stable: f.near(known.Stable), High: f.near(known.High)}
		known.Put(b)
		if kind == ringproto.Data {
			b = binary.BigEndian.AppendUint32(b, uint32(f.byte()%5))
		}
		return append(b, f.bytes()...)
	}
	b := make([]byte, ringproto.HeaderSize)
	h.Put(b)
	return append(b, f.mend(from, kind, f.bytes())...)
}

// mend gives a body the names that it needs to be looked at.
func (f *forger) mend(from *node, kind ringproto.Kind, b []byte) []byte {
	m := f.victim
	theirs := ringproto.Attempt{Coordinator: from.self.life(), Number: f.near(m.byID[from.self.id].attempted)}
	ours := theirs
	if m.attempt != nil {
		ours = m.attempt.id
	}
	lives := func(list []ringproto.Candidate) {
		for i := range list {
			c := &list[i]
			if p := m.byID[DaemonID(c.ID%4)]; p != nil {
				c.Life = p.life()
				c.Basis = m.configOf(p)
			}
		}
	}
	switch kind {
	case ringproto.Propose:
		var p ringproto.ProposeBody
		if p.Parse(b) == nil {
			p.Attempt = theirs
			lives(p.Members)
			return p.Append(nil)
		}
	case ringproto.State:
		var s ringproto.StateBody
		if s.Parse(b) == nil {
			s.Attempt = ours
			if m.ring != nil && s.Old.Leader%2 == 0 {
				s.Old = m.ring.id
			}
			if s.In%2 == 0 {
				s.In = m.o.Digest
			}
			return s.Append(nil)
		}
	case ringproto.Plan:
		var p ringproto.PlanBody
		if p.Parse(b) == nil {
			p.Attempt = ours
			lives(p.Members)
			if p.Epoch%2 == 0 {
				p.Epoch = m.o.Digest
			}
			if p.New.Time%2 == 0 && len(p.Members) > 0 {
				p.New = ringproto.Config{Leader: p.Members[0].ID, Time: m.known + 2}
			}
			for i := range p.Rings {
				if m.ring != nil && p.Rings[i].Old.Leader%2 == 0 {
					p.Rings[i].Old = m.ring.id
				}
			}
			return p.Append(nil)
		}
	case ringproto.Ready, ringproto.Install:
		return append(ringproto.AppendAttempt(nil, ours), b...)
	case ringproto.Join:
		var j ringproto.JoinBody
		if j.Parse(b) == nil {
			for _, list := range [][]ringproto.Life{j.Heard, j.Dead} {
				for i := range list {
					if p := m.byID[DaemonID(list[i].ID%4)]; p != nil {
						list[i] = p.life()
					}
				}
			}
			if j.Number%2 == 0 {
				j.Number = m.byID[from.self.id].join.Number + 1
			}
			return j.Append(nil)
		}
	case ringproto.Piece:
		var p ringproto.PieceBody
		if p.Parse(b) == nil {
			p.Number = f.near(m.byID[from.self.id].pieces.done)
			return p.Append(nil)
		}
	}
	return b
}

// bounded looks whether what the victim keeps is within its limits.
func (f *forger) bounded(t *testing.T) {
	m := f.victim
	if r := m.ring; r != nil {
		if n := len(r.store.slots); n > 2*maxWindow {
			t.Fatalf("%d packets", n)
		}
		if n := len(r.gaps.missing.Ranges()); n > maxWindow {
			t.Fatalf("%d gaps", n)
		}
		if r.high > r.store.low+2*maxWindow {
			t.Fatalf("numbers from %d to %d", r.store.low, r.high)
		}
	}
	if n := len(m.packets) + len(m.events) + len(m.notes); n > 0 {
		t.Fatalf("%d things are left", n)
	}
	if n := len(f.queue); n > 20000 {
		t.Fatalf("%d datagrams are on their way", n)
	}
	for _, p := range m.peers {
		if n := p.pieces.size(); n > 2*ringproto.MaxWhole {
			t.Fatalf("%d bytes of pieces", n)
		}
	}
}

// fuzzSeeds are the datagrams that one daemon gets while a ring of three forms,
// works, loses a member and takes it in again, as steps that forge them.
func fuzzSeeds(f *testing.F) [][]byte {
	var of [18][][]byte
	w := newNet(f, 3)
	w.drop = func(from, to DaemonID, b []byte) bool {
		if k := kindOf(b); to == 1 && int(k) < len(of) {
			of[k] = append(of[k], slices.Clone(b))
		}
		return false
	}
	w.start(1, 2, 3)
	w.run(time.Second, w.together(1, 2, 3))
	w.submit(2, Safe, "safe")
	w.submit(3, Reliable, "reliable")
	w.submit(3, FIFO, string(make([]byte, 5000)))
	w.run(200*time.Millisecond, nil)
	w.nodes[3].beginGather()
	w.turn(3)
	w.run(time.Second, w.together(1, 2, 3))
	w.nodes[1].down = true
	w.run(2*time.Second, w.together(2, 3))
	w.start(1)
	w.run(2*time.Second, w.together(1, 2, 3))
	var seeds [][]byte
	all := []byte{stepWait, 12}
	for k := range of {
		for _, b := range of[k][:min(len(of[k]), 3)] {
			s := forgery(b)
			seeds = append(seeds, slices.Concat([]byte{stepWait, byte(k)}, s, []byte{stepWait, 5}, s))
			all = append(append(all, s...), stepWait, byte(len(seeds)%14))
		}
	}
	seeds = append(seeds, all,
		[]byte{stepWait, 10, stepChange, 3, 1, 0, 30, 1, 0, 40, 1, stepWait, 12, stepChange, 0, 0, 0, 1, 3},
		[]byte{stepWait, 13, stepSubmit, 0, 5, 9, 0, stepSubmit, 1, 4, 0, 9, stepRefuse, 1, stepRefuse, 1, stepWait, 4},
		[]byte{stepRaw, 0, 3, 1, 2, 3, stepSize, 1, 1, stepWait, 14})
	// One that claims far numbers.
	far := []byte{stepWait, 13}
	for range 3 {
		far = append(far, stepForge, byte(ringproto.Ack), 0, 0, 2, 0, 0, 0, 254, 0x3f, 0xff, 0, 10, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)
	}
	return append(seeds, far)
}

// forgery is a step that makes a datagram like b.
func forgery(b []byte) []byte {
	h, _ := ringproto.ParseHeader(b)
	s := []byte{stepForge, byte(h.Kind), byte(h.Flags), byte(h.Sender - 2), 2}
	body := b[ringproto.HeaderSize:]
	switch h.Kind {
	case ringproto.Data:
		s = append(s, 0, 0, 0, 1, byte(h.Sender))
		body = b[ringproto.DataSize:]
	case ringproto.Token:
		s = append(s, 1, 0, 0, 0)
		body = b[ringproto.RingSize:]
	case ringproto.Beat, ringproto.Ack, ringproto.Wake, ringproto.Ping:
		s = append(s, 0, 0, 0, 0)
		body = b[ringproto.RingSize:]
	case ringproto.Ready, ringproto.Install:
		body = nil
	}
	s = binary.BigEndian.AppendUint16(s, uint16(len(body)))
	s = append(s, body...)
	if h.Kind > ringproto.Ping {
		s = append(s, 1)
	}
	return s
}
