package ring

import (
	"encoding/binary"
	"fmt"
	"slices"
	"testing"
	"time"

	"gospread/spread/internal/ringproto"
)

// member is one daemon of a ring; what the others say, the test writes.
type member struct {
	*node
	t   testing.TB
	now time.Duration
}

// newMember is daemon 2 of a ring of n that has just begun.
func newMember(t testing.TB, n int, options ...func(w *net)) *member {
	w := newNet(t, n)
	for _, o := range options {
		o(w)
	}
	w.start(w.ids...)
	w.run(time.Second, w.together(w.ids...))
	w.run(20*time.Millisecond, nil)
	x := &member{node: w.nodes[2], t: t, now: w.now}
	x.advance()
	return x
}

// advance makes a turn and gives what came of it: messages as text.
func (x *member) advance() (said []string) {
	x.out.Reset()
	x.Advance(x.now, &x.out)
	for _, e := range x.out.Events {
		said = append(said, text(e))
	}
	return said
}

func text(e Event) string {
	switch e.Kind {
	case Deliver:
		return fmt.Sprintf("%.20s", e.Message.Payload)
	case TransitionalConfiguration:
		return fmt.Sprint("signal ", e.Config.Members)
	case RegularConfiguration:
		return fmt.Sprint("regular ", e.Config.Members)
	}
	return "?"
}

// pass lets time go by, with the turns that are due.
func (x *member) pass(d time.Duration) {
	x.Advance(x.now, &x.out)
	for end := x.now + d; x.now < end; {
		x.now = min(end, max(x.Deadline(), x.now))
		x.Advance(x.now, &x.out)
	}
}

// says is a datagram of the ring from another member.
func (x *member) says(from DaemonID, k ringproto.Kind, f ringproto.Flags, known ringproto.Ring, body []byte) {
	b := make([]byte, ringproto.RingSize)
	h := ringproto.Header{Kind: k, Flags: f, Sender: uint32(from), Incarnation: x.byID[from].incarnation,
		Digest: x.o.Digest, Config: x.ring.id}
	h.Put(b)
	known.Put(b)
	x.Receive(x.now, append(b, body...))
}

// part is a chunk of a packet.
type part struct {
	s           Service
	first, last bool
	text        string
	total       int
}

func whole(s Service, text string) part { return part{s, true, true, text, 0} }

// gets is a data packet with a number; everybody holds what is up to stable.
func (x *member) gets(from DaemonID, seq, stable uint64, parts ...part) {
	loose := true
	body := binary.BigEndian.AppendUint32(nil, uint32(from))
	for _, p := range parts {
		head := make([]byte, ringproto.ChunkHead(p.first, p.last))
		ringproto.PutChunk(head, uint8(p.s), p.first, p.last, len(p.text), p.total)
		body = append(append(body, head...), p.text...)
		loose = loose && p.s <= Reliable && p.first && p.last
	}
	var f ringproto.Flags
	if loose {
		f = ringproto.Loose
	}
	x.says(from, ringproto.Data, f, ringproto.Ring{Hop: x.ring.hop, Aru: stable, Stable: stable, High: seq}, body)
}

// acks is an acknowledgement of everything up to aru.
func (x *member) acks(from DaemonID, aru uint64) {
	a := ringproto.AckBody{}
	x.says(from, ringproto.Ack, 0, ringproto.Ring{Hop: x.ring.hop, Aru: aru, High: aru}, a.Append(make([]byte, 8), 1))
}

// expect compares what was handed on.
func (x *member) expect(what string, want ...string) {
	x.t.Helper()
	if got := x.advance(); !slices.Equal(got, want) {
		x.t.Errorf("%s: %q, not %q", what, got, want)
	}
}

// sent are the datagrams of a kind in the last output, with their bodies.
func (x *member) sentOf(k ringproto.Kind) (list []Packet) {
	for _, p := range x.out.Packets {
		if kindOf(p.Data) == k {
			list = append(list, p)
		}
	}
	return list
}
