package ring

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"gospread/spread/internal/ringproto"
)

func newOutbox(size int) *outbox { return &outbox{size: size, pool: new(pool)} }

// described are the chunks of the packets that wait, a packet as one word: for each
// chunk its length, > if it goes on, < if it began before; loose packets end in ~.
func described(q *outbox) (list []string) {
	for _, p := range q.packets[q.head:] {
		s := ""
		for b := p.chunks(); len(b) > 0; {
			c, rest, err := ringproto.ParseChunk(b)
			if err != nil {
				return append(list, err.Error())
			}
			b = rest
			if s != "" {
				s += ","
			}
			if !c.First {
				s += "<"
			}
			s += fmt.Sprint(len(c.Data))
			if !c.Last {
				s += ">"
			}
		}
		if p.loose {
			s += "~"
		}
		list = append(list, s)
	}
	return list
}

func TestOutboxPacking(t *testing.T) {
	const size = 1000
	// What is left for payloads in a packet, after so many chunks.
	room := func(chunks int) int { return size - ringproto.DataSize - chunks*ringproto.ChunkSize }
	type add struct {
		s Service
		n int
	}
	for _, c := range []struct {
		name string
		add  []add
		want []string
	}{
		{"nothing", nil, nil},
		{"empty payloads", []add{{FIFO, 0}, {Safe, 0}}, []string{"0,0"}},
		{"small ones share", []add{{FIFO, 10}, {Safe, 20}, {Agreed, 30}, {Causal, 40}}, []string{"10,20,30,40"}},
		{"one that just fits", []add{{FIFO, room(1)}, {FIFO, 1}}, []string{"936", "1"}},
		{"two that just fit", []add{{FIFO, 100}, {FIFO, room(2) - 100}, {FIFO, 1}}, []string{"100,832", "1"}},
		{"one that fills the packet", []add{{FIFO, 100}, {FIFO, room(2) - 99}}, []string{"100,828>", "<5"}},
		{"no room worth filling", []add{{FIFO, room(1) - 60}, {FIFO, 100}}, []string{"876", "100"}},
		{"a large one", []add{{Agreed, 2000}, {Agreed, 7}}, []string{"932>", "<936>", "<132,7"}},
		{"loose ones share", []add{{Reliable, 10}, {Unreliable, 20}}, []string{"10,20~"}},
		{"loose and ordered do not", []add{{Reliable, 10}, {FIFO, 20}, {Reliable, 30}}, []string{"10,30~", "20"}},
		{"a cut one goes on behind loose ones", []add{{FIFO, 500}, {Reliable, 10}, {FIFO, 500}, {Reliable, 10}}, []string{"500,428>", "10,10~", "<72"}},
		{"a loose one is not cut", []add{{Reliable, 500}, {Reliable, 500}}, []string{"500~", "500~"}},
		{"a large reliable one is ordered", []add{{FIFO, 10}, {Reliable, 1500}, {Safe, 1}}, []string{"10,918>", "<582,1"}},
	} {
		q := newOutbox(size)
		n := 0
		for _, a := range c.add {
			q.add(a.s, make([]byte, a.n))
			n += a.n
		}
		if got := described(q); !slices.Equal(got, c.want) {
			t.Errorf("%s: %q, not %q", c.name, got, c.want)
		}
		if q.bytes != n {
			t.Errorf("%s: %d bytes wait, not %d", c.name, q.bytes, n)
		}
		for !q.empty() {
			q.next()
		}
		if q.bytes != 0 {
			t.Errorf("%s: %d bytes are left", c.name, q.bytes)
		}
	}
}

// A packet that carries the end of a SAFE message is marked, one with only a part
// is not.
func TestOutboxMarksSafe(t *testing.T) {
	q := newOutbox(1000)
	q.add(FIFO, make([]byte, 900))
	q.add(Safe, make([]byte, 1500))
	q.add(FIFO, make([]byte, 900))
	var got []bool
	for !q.empty() {
		got = append(got, q.next().safe)
	}
	if want := []bool{false, false, true, false}; !slices.Equal(got, want) {
		t.Errorf("%v, not %v", got, want)
	}
}

// What is being sent is not added to.
func TestOutboxClosesWhatIsTaken(t *testing.T) {
	q := newOutbox(1000)
	q.add(FIFO, []byte("one"))
	p := q.next()
	before := bytes.Clone(p.data)
	q.add(FIFO, []byte("two"))
	if !bytes.Equal(p.data, before) || q.empty() {
		t.Error("it was put into a packet that is under way")
	}
}

// sender puts random payloads into an outbox and takes packets out of it, and ends
// the configuration at some place.
type sender struct {
	q       *outbox
	rng     *rand.Rand
	waiting []Message // submitted, and not yet whole in packets taken
}

func (s *sender) submit() {
	n := s.rng.IntN(60)
	switch s.rng.IntN(6) {
	case 0:
		n = s.rng.IntN(3 * s.q.size)
	case 1:
		n = max(0, s.q.size-ringproto.DataSize-ringproto.ChunkSize+s.rng.IntN(9)-4)
	}
	m := Message{Service: Service(s.rng.IntN(6)), Payload: make([]byte, n)}
	for i := range m.Payload {
		m.Payload[i] = byte(s.rng.Uint32())
	}
	s.q.add(m.Service, m.Payload)
	s.waiting = append(s.waiting, m)
}

// receiver puts packets together, as every member does.
type receiver struct {
	got     []Message
	partial partial
	slab    slab
}

func (r *receiver) packet(t *testing.T, size int, p *packet) {
	if len(p.data) > size {
		t.Fatalf("a packet of %d bytes, at most %d are allowed", len(p.data), size)
	}
	if !ringproto.ValidChunks(p.chunks(), p.loose) {
		t.Fatalf("%x is not valid, loose: %v", p.chunks(), p.loose)
	}
	for b := p.chunks(); len(b) > 0; {
		c, rest, _ := ringproto.ParseChunk(b)
		b = rest
		m := Message{Service: Service(c.Service), Loose: p.loose, Payload: bytes.Clone(c.Data)}
		if !(c.First && c.Last) {
			if !r.partial.add(&c, &r.slab) {
				continue
			}
			m.Payload = bytes.Clone(r.partial.b)
		}
		r.got = append(r.got, m)
	}
}

// Whatever is submitted comes out once, whole and in order, wherever the
// configuration ends, and with whatever size of datagram it goes on: the part of a
// message that was sent before counts for nothing.
func TestOutboxSurvivesChange(t *testing.T) {
	for seed := range uint64(3000) {
		rng := rand.New(rand.NewPCG(seed, 1))
		s := &sender{q: newOutbox(minDatagram + rng.IntN(3)*1000), rng: rng}
		for range 3 {
			var r receiver
			var sizes int
			for range rng.IntN(25) {
				if rng.IntN(3) > 0 {
					s.submit()
					continue
				}
				if rng.IntN(10) == 0 { // datagrams of another size in the middle
					s.q.close()
					s.q.size = minDatagram + rng.IntN(3)*1000
				}
				if !s.q.empty() {
					p := s.q.next()
					sizes = max(sizes, len(p.data))
					r.packet(t, minDatagram+2000, p)
					if rng.IntN(2) == 0 { // a turn ends
						s.q.keepPartial()
						s.q.pool.put(p)
						s.q.pool.turn()
					}
				}
			}
			s.check(t, seed, r.got)
			size := minDatagram + rng.IntN(3)*1000
			s.q.repack(size)
			if s.q.size != size {
				t.Fatalf("seed %d: size %d", seed, s.q.size)
			}
			waiting := 0
			for _, m := range s.waiting {
				waiting += len(m.Payload)
			}
			if s.q.bytes != waiting {
				t.Fatalf("seed %d: %d bytes wait, not %d", seed, s.q.bytes, waiting)
			}
		}
		var r receiver
		for !s.q.empty() {
			r.packet(t, minDatagram+2000, s.q.next())
		}
		s.check(t, seed, r.got)
		if len(s.waiting) > 0 {
			t.Fatalf("seed %d: %d messages are lost", seed, len(s.waiting))
		}
	}
}

// check takes what was received off what waits. RELIABLE and UNRELIABLE messages may
// overtake: whether one is loose follows from the size of the packets at the time.
func (s *sender) check(t *testing.T, seed uint64, got []Message) {
	t.Helper()
	for i, m := range got {
		at := slices.IndexFunc(s.waiting, func(w Message) bool {
			if m.Service <= Reliable {
				return w.Service == m.Service && bytes.Equal(w.Payload, m.Payload)
			}
			return w.Service > Reliable
		})
		if at < 0 {
			t.Fatalf("seed %d: message %d, of service %d, of nobody", seed, i, m.Service)
		}
		if w := s.waiting[at]; w.Service != m.Service || !bytes.Equal(w.Payload, m.Payload) || m.Loose && m.Service > Reliable {
			t.Fatalf("seed %d: message %d of service %d has %d bytes; expected service %d, %d bytes",
				seed, i, m.Service, len(m.Payload), w.Service, len(w.Payload))
		}
		s.waiting = slices.Delete(s.waiting, at, at+1)
	}
}
