package ring

import (
	"bytes"
	"fmt"
	"slices"
	"testing"
	"time"

	"gospread/spread/internal/ringproto"
	"gospread/spread/internal/seqset"
)

func kindOf(b []byte) ringproto.Kind { return ringproto.Kind(b[1]) }

// A member that is cut off while the window is closed must be suspected: what
// waits for its answer must not put off looking whether it answers.
func TestSilentMemberBehindClosedWindow(t *testing.T) {
	w := newNet(t, 3)
	w.start(1, 2, 3)
	w.run(time.Second, w.together(1, 2, 3))
	w.run(300*time.Millisecond, nil)
	w.drop = func(a, b DaemonID, _ []byte) bool { return (a == 3) != (b == 3) }
	for i := range 3000 {
		w.nodes[1].Submit(Agreed, fmt.Appendf(nil, "%01000d", i))
	}
	w.turn(1)
	w.run(3*time.Second, w.together(1, 2))
	w.run(3*time.Second, w.together(3))
}

// The same where answers take longer than a resting token needs to show itself.
func TestSilentMemberFarAway(t *testing.T) {
	w := newNet(t, 3)
	w.timing = WideTiming()
	w.latency = 140 * time.Millisecond
	w.start(1, 2, 3)
	w.run(10*time.Second, w.together(1, 2, 3))
	w.run(5*time.Second, nil)
	w.drop = func(a, b DaemonID, _ []byte) bool { return (a == 3) != (b == 3) }
	w.run(15*time.Second, w.together(1, 2))
}

// The same where the file sets short times.
func TestSilentMemberShortTimes(t *testing.T) {
	const ms = time.Millisecond
	w := newNet(t, 3)
	w.timing = Timing{Loss: 30 * ms, Beat: 10 * ms, Join: 10 * ms, Start: 40 * ms, Gather: 40 * ms, Form: 30 * ms, Probe: 100 * ms}
	w.start(1, 2, 3)
	w.run(time.Second, w.together(1, 2, 3))
	w.run(300*ms, nil)
	w.drop = func(a, b DaemonID, _ []byte) bool { return (a == 3) != (b == 3) }
	w.run(3*time.Second, w.together(1, 2))
}

// The first of all dies, with its host, after it has said that it is there and
// before it has proposed anything.
func TestFirstDiesWhileGathering(t *testing.T) {
	for _, host := range []bool{false, true} {
		t.Run(fmt.Sprintf("host lives: %v", host), func(t *testing.T) {
			w := newNet(t, 4)
			w.start(1, 2, 3, 4)
			w.run(time.Second, w.together(1, 2, 3, 4))
			w.run(300*time.Millisecond, nil)
			w.drop = func(a, b DaemonID, _ []byte) bool {
				return a == 4 || b == 4 || !host && w.nodes[1].down && (a == 1 || b == 1)
			}
			w.run(3*time.Second, func() bool { return w.nodes[1].state == gathering && w.nodes[2].state == gathering })
			w.run(50*time.Millisecond, nil)
			if w.nodes[1].state != gathering {
				t.Fatal("1 is", w.nodes[1].state)
			}
			w.nodes[1].down = true
			w.run(10*time.Second, w.together(2, 3))
		})
	}
}

// INSTALL and the first beat are lost, and the leader looks for others at once: what it says shows that
// it has installed what we are ready for.
func TestJoinInPlaceOfInstall(t *testing.T) {
	w := newNet(t, 4)
	dropped := make(map[ringproto.Kind]bool)
	w.drop = func(a, b DaemonID, data []byte) bool {
		k := kindOf(data)
		if b != 3 || dropped[k] || k != ringproto.Install && (k != ringproto.Beat || !dropped[ringproto.Install]) {
			return false
		}
		dropped[k] = true
		return true
	}
	w.start(1, 2, 3)
	w.run(2*time.Second, w.together(1, 2, 3))
	if len(dropped) != 2 {
		t.Fatal("not lost:", dropped)
	}
	if n := w.nodes[1].counts.Installed; n != 1 {
		t.Errorf("%d configurations were installed, not one", n)
	}
}

// A daemon whose clock was set back before it started again is taken for an earlier
// life of its own: the operator learns why it stays outside, and not at every datagram.
func TestClockSetBack(t *testing.T) {
	w := newNet(t, 3)
	w.start(1, 2, 3)
	w.run(time.Second, w.together(1, 2, 3))
	w.nodes[3].down = true
	w.run(2*longSilence, nil)
	w.startAs(3, 5)
	w.run(longSilence, nil)
	var notes int
	for _, n := range w.nodes[1].noted {
		if n.Kind == NoteSetBack && n.Daemon == 3 {
			notes++
		}
	}
	if notes != 1 {
		t.Errorf("the operator was told %d times", notes)
	}
	w.nodes[3].down = true
	w.startAs(3, 5000)
	w.run(time.Second, w.together(1, 2, 3))
}

// A daemon whose unicast datagrams do not arrive, but whose multicast ones do, is
// not tried to be taken in again and again.
func TestUnicastBlocked(t *testing.T) {
	w := newNet(t, 3)
	w.drop = func(a, b DaemonID, data []byte) bool {
		switch kindOf(data) {
		case ringproto.State, ringproto.Ready, ringproto.Ack:
			return a == 3
		}
		return false
	}
	w.start(1, 2)
	w.run(time.Second, w.together(1, 2))
	w.start(3)
	w.run(5*time.Second, nil)
	before := w.nodes[2].counts.Installed
	w.run(20*time.Second, nil)
	if n := w.nodes[2].counts.Installed - before; n > 5 {
		t.Errorf("%d changes in 20 seconds", n)
	}
}

// The coordinator dies while others wait for its plan; its host says so.
func TestCoordinatorDiesWhileForming(t *testing.T) {
	w := newNet(t, 3)
	w.start(1, 2, 3)
	w.run(time.Second, w.together(1, 2, 3))
	w.run(300*time.Millisecond, nil)
	w.drop = func(a, b DaemonID, data []byte) bool { return kindOf(data) == ringproto.Plan }
	w.nodes[3].beginGather()
	w.turn(3)
	w.run(2*time.Second, func() bool { return w.nodes[2].state == forming && w.nodes[3].state == forming })
	w.nodes[1].down = true
	w.drop = nil
	t0 := w.now
	w.run(5*time.Second, w.together(2, 3))
	if d := w.now - t0; d > 300*time.Millisecond {
		t.Errorf("took %v", d)
	}
}

// The memory of a queue that never runs empty stays as it is.
func TestOutboxNeverEmpty(t *testing.T) {
	q := outbox{size: 1472, pool: new(pool)}
	payload := make([]byte, 1400)
	q.add(Agreed, payload)
	q.add(Agreed, payload)
	for range 100_000 {
		q.add(Agreed, payload)
		q.pool.put(q.next())
		q.pool.turn()
	}
	if q.empty() {
		t.Fatal("it has run empty")
	}
	if n := cap(q.packets); n > 1000 {
		t.Errorf("room for %d packets, of which %d are there", n, len(q.packets)-q.head)
	}
}

// What waits takes memory in proportion to its bytes, whatever the services.
func TestOutboxAlternating(t *testing.T) {
	q := outbox{size: 65000, pool: new(pool)}
	for i := range 1000 {
		q.add([]Service{Agreed, Reliable}[i%2], make([]byte, 100))
	}
	total := 0
	for _, p := range q.packets {
		total += cap(p.data)
	}
	if total > 20*q.bytes {
		t.Errorf("%d bytes of memory for %d that wait", total, q.bytes)
	}
}

// A cut message is finished before anything else of its sender.
func TestExchangeAmidCutMessage(t *testing.T) {
	w := newNet(t, 2)
	w.start(1, 2)
	w.run(time.Second, w.together(1, 2))
	w.run(300*time.Millisecond, nil)
	big := bytes.Repeat([]byte("x"), 1<<20)
	w.drop = func(a, b DaemonID, data []byte) bool { return kindOf(data) == ringproto.Ack }
	w.nodes[1].Submit(Agreed, big)
	w.turn(1)
	if !w.nodes[1].clients.inPartial {
		t.Fatal("all has been sent")
	}
	w.nodes[1].SubmitExchange(Agreed, bytes.Repeat([]byte("y"), 3000))
	w.drop = nil
	w.run(5*time.Second, w.got(2, 1, 2))
}

// A datagram that claims impossible numbers does not keep us from forming.
func TestClaimsTooMuch(t *testing.T) {
	w := newNet(t, 2)
	w.start(1, 2)
	w.run(time.Second, w.together(1, 2))
	w.run(100*time.Millisecond, nil)
	m := w.nodes[1]
	p := m.byID[2]
	for range 3 {
		b := make([]byte, ringproto.RingSize)
		h := ringproto.Header{Kind: ringproto.Wake, Sender: 2, Incarnation: p.incarnation, Digest: m.o.Digest, Config: m.ring.id}
		h.Put(b)
		k := ringproto.Ring{Hop: 1, High: m.ring.high + maxWindow}
		k.Put(b)
		m.Receive(w.now, b)
	}
	w.nodes[2].down = true
	w.run(5*time.Second, w.together(1))
	w.start(2)
	w.run(5*time.Second, w.together(1, 2))
}

// States that claim far numbers or times do not stop the coordinator.
func TestStateClaimsTooMuch(t *testing.T) {
	old := ringproto.Config{Leader: 2, Time: 7}
	const far = 1 << 62
	for name, forged := range map[string][2]ringproto.StateBody{
		"apart":         {{Old: old}, {Old: old, Stable: far, High: far + 5}},
		"apart, turned": {{Old: old, Stable: far, High: far + 5}, {Old: old}},
		"the end":       {{Old: old}, {Old: old, Stable: 1<<64 - 1, High: 1<<64 - 1}},
		"missing":       {{Old: old, Stable: 5, High: 9}, {Old: old, High: 9, Missing: *seqset.Of(seqset.Range{Lo: 3, Hi: 3})}},
		"time":          {{}, {Time: 1<<32 - 1}},
		"time of all":   {{Time: 1<<32 - 1}, {Time: 1<<32 - 1}},
	} {
		t.Run(name, func(t *testing.T) {
			w := newNet(t, 3)
			w.drop = func(a, b DaemonID, data []byte) bool { return kindOf(data) == ringproto.Ping }
			w.start(1)
			m := w.nodes[1]
			lives := []ringproto.Life{m.self.life(), {ID: 2, Incarnation: 1000}, {ID: 3, Incarnation: 1000}}
			for i := range 2 {
				j := ringproto.JoinBody{Number: 1, Heard: lives}
				m.Receive(w.now, datagramOf(m, DaemonID(2+i), ringproto.Join, j.Append(nil)))
				w.turn(1)
			}
			w.run(time.Second, func() bool { return m.coord != nil && len(m.coord.group) == 3 })
			for i, s := range forged {
				s.Attempt, s.In = m.attempt.id, m.o.Digest
				m.Receive(w.now, datagramOf(m, DaemonID(2+i), ringproto.State, s.Append(nil)))
				w.turn(1)
			}
			w.run(10*time.Second, w.together(1))
			if k := w.nodes[1].known; k > 1<<31 {
				t.Error("it believes in the year", 1970+k/86400/365)
			}
			w.start(2, 3)
			w.run(10*time.Second, w.together(1, 2, 3))
		})
	}
}

// datagramOf is a control datagram of a life that began at 1000.
func datagramOf(m *node, from DaemonID, k ringproto.Kind, body []byte) []byte {
	b := make([]byte, ringproto.HeaderSize)
	h := ringproto.Header{Kind: k, Sender: uint32(from), Incarnation: 1000, Digest: m.o.Digest}
	h.Put(b)
	return append(b, body...)
}

// A path that loses large datagrams for a while does not stay slow for ever.
func TestDatagramGrowsAgain(t *testing.T) {
	w := newNet(t, 2)
	w.datagram = 8900
	w.start(1, 2)
	w.run(time.Second, w.together(1, 2))
	w.run(100*time.Millisecond, nil)
	w.drop = func(a, b DaemonID, data []byte) bool { return len(data) > 1500 }
	w.submit(1, Agreed, string(make([]byte, 30000)))
	w.run(time.Second, w.got(1, 1, 2))
	if w.nodes[1].datagram > safeDatagram {
		t.Fatal("it has not become small")
	}
	w.drop = nil
	w.run(5*time.Minute, nil)
	if w.nodes[1].datagram <= safeDatagram {
		t.Error("it stays small")
	}
}

// A State that names more than all daemons as those whose messages must be handed on
// is refused: to sum up such lists would take minutes.
func TestStateOfTooMany(t *testing.T) {
	for n, refused := range map[uint32]uint64{mostMembers: 0, mostMembers + 1: 1} {
		w := newNet(t, 2)
		var propose []byte
		w.drop = func(_, _ DaemonID, b []byte) bool {
			if kindOf(b) == ringproto.Propose && propose == nil {
				propose = slices.Clone(b)
			}
			return kindOf(b) == ringproto.State
		}
		w.start(1, 2)
		w.run(time.Second, func() bool { return propose != nil })
		var b ringproto.ProposeBody
		if err := b.Parse(propose[ringproto.HeaderSize:]); err != nil {
			t.Fatal(err)
		}
		s := ringproto.StateBody{Attempt: b.Attempt, Time: 1002, In: w.nodes[1].o.Digest, Old: ringproto.Config{Leader: 2, Time: 5}}
		for i := range n {
			s.Commit = append(s.Commit, 1000+i)
		}
		m := w.nodes[1].Machine
		h := ringproto.Header{Kind: ringproto.State, Sender: 2, Incarnation: m.byID[2].incarnation, Digest: m.o.Digest}
		d := make([]byte, ringproto.HeaderSize)
		h.Put(d)
		before := m.counts.Malformed
		m.Receive(w.now, s.Append(d))
		if got := m.counts.Malformed - before; got != refused {
			t.Errorf("%d: refused %d times, not %d", n, got, refused)
		}
	}
}
