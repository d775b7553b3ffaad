// Package ringtest is a model of the ring for tests: any number of daemons in
// memory, one total order for each configuration, and configurations that change
// whenever the test says so. It keeps the rules of the real ring (semantics D1 to
// D17, D19) but has no protocol: who holds which message, and who knows that it
// is stable, is decided by the test, message by message.
//
// It is deterministic. All choices come from the caller.
package ringtest

import (
	"cmp"
	"slices"

	"gospread/spread/internal/ring"
)

// LoosePacket is the longest RELIABLE or UNRELIABLE payload, in bytes, that
// stands outside the order (D19).
const LoosePacket = 200

// Model is the set of daemons and what they share.
type Model struct {
	nodes []*Node
	time  uint32
}

// New makes a model whose configurations have times above now.
func New(now uint32) *Model { return &Model{time: now} }

// Node is one life of a daemon: after a crash, a restart makes a new one.
type Node struct {
	ID      ring.DaemonID
	place   int
	apply   func(*ring.Event)
	blocked func() bool
	ring    *epoch
	hold    *holding
	// What waits for a place in the order. Messages of the state exchange go
	// first, and those of clients wait while it is under way.
	exchange, clients []submission
	down              bool
}

type submission struct {
	service ring.Service
	payload []byte
}

// epoch is one regular configuration and what was sequenced in it.
type epoch struct {
	config *ring.Configuration
	log    []ring.Message
	holds  map[*Node]*holding // of all who have installed it
	broken bool               // somebody has gone on: no new messages
}

// holding is what a node has of an epoch. Indices are sequence numbers - 1.
type holding struct {
	held, given []bool
	next        int // everything ordered below has been delivered
	stable      int // messages known to be held by all
	frozen      bool
	// commit are the senders whose messages must be delivered also behind a
	// hole, because somebody may have done so.
	commit map[ring.DaemonID]bool
}

// Start adds a daemon, or a new life of one that is down. place is its place in
// configuration order. apply takes its events; while blocked reports true, only
// what came through [Node.SubmitExchange] gets a place in the order. It has no
// configuration until the first Form.
func (m *Model) Start(id ring.DaemonID, place int, apply func(*ring.Event), blocked func() bool) *Node {
	n := &Node{ID: id, place: place, apply: apply, blocked: blocked}
	m.nodes = slices.DeleteFunc(m.nodes, func(o *Node) bool { return o.ID == id })
	m.nodes = append(m.nodes, n)
	slices.SortFunc(m.nodes, func(a, b *Node) int { return cmp.Compare(a.place, b.place) })
	return n
}

// Alive lists the daemons that run, in configuration order.
func (m *Model) Alive() []*Node {
	return slices.DeleteFunc(slices.Clone(m.nodes), func(n *Node) bool { return n.down })
}

// Crash ends this life of a daemon. What it held may live on with others.
func (n *Node) Crash() {
	n.down = true
	if n.ring != nil {
		n.ring.broken = true
	}
}

// Down tells whether the node has crashed.
func (n *Node) Down() bool { return n.down }

// Submit queues a payload of a client.
func (n *Node) Submit(s ring.Service, payload []byte) {
	n.clients = append(n.clients, submission{s, payload})
}

// SubmitExchange queues a payload of the state exchange.
func (n *Node) SubmitExchange(s ring.Service, payload []byte) {
	n.exchange = append(n.exchange, submission{s, payload})
}

// Waiting is the number of payloads that have no place in the order yet.
func (n *Node) Waiting() int { return len(n.exchange) + len(n.clients) }

// Sequence gives the next waiting payload its place in the order. It reports
// false if there is none that may have one.
func (n *Node) Sequence() bool {
	if n.down || n.ring == nil || n.ring.broken {
		return false
	}
	var s submission
	switch {
	case len(n.exchange) > 0:
		s, n.exchange = n.exchange[0], n.exchange[1:]
	case len(n.clients) > 0 && !n.blocked():
		s, n.clients = n.clients[0], n.clients[1:]
	default:
		return false
	}
	r := n.ring
	r.log = append(r.log, ring.Message{
		Sender: n.ID, Service: s.service, Loose: s.service <= ring.Reliable && len(s.payload) <= LoosePacket,
		Seq: uint64(len(r.log) + 1), Payload: s.payload,
	})
	n.Receive(len(r.log) - 1)
	return true
}

// Missing lists the messages of its configuration that the node does not hold
// and could still receive.
func (n *Node) Missing() []int {
	if n.down || n.ring == nil || n.hold.frozen {
		return nil
	}
	n.hold.grow(len(n.ring.log))
	var missing []int
	for i, held := range n.hold.held {
		if !held {
			missing = append(missing, i)
		}
	}
	return missing
}

// Receive makes the node hold message i, and delivers what is due by that.
func (n *Node) Receive(i int) {
	n.hold.grow(len(n.ring.log))
	n.hold.held[i] = true
	if loose(&n.ring.log[i]) {
		n.give(i)
	}
	n.pump()
}

// Learn tells the node up to where all members hold everything, and delivers
// what is due by that.
func (n *Node) Learn() {
	if n.down || n.ring == nil || n.ring.broken || len(n.ring.holds) < len(n.ring.config.Members) {
		return
	}
	line := len(n.ring.log)
	for _, h := range n.ring.holds {
		line = min(line, h.prefix())
	}
	n.hold.stable = max(n.hold.stable, line)
	n.hold.grow(len(n.ring.log))
	n.pump()
}

// Stable is how many messages of its configuration the node knows to be held by
// all; Delivered tells whether it has delivered message i.
func (n *Node) Stable() int { return n.hold.stable }

// Delivered tells whether the node has delivered message i of its configuration.
func (n *Node) Delivered(i int) bool { return i < len(n.hold.given) && n.hold.given[i] }

// pump delivers the ordered messages that are due before any signal (D8, D15).
func (n *Node) pump() {
	r, h := n.ring, n.hold
	for h.next < len(r.log) && h.held[h.next] {
		m := &r.log[h.next]
		if m.Service == ring.Safe && h.stable <= h.next {
			return
		}
		h.next++
		n.give(h.next - 1)
	}
}

// give hands message i to the daemon, once.
func (n *Node) give(i int) {
	if n.hold.given[i] {
		return
	}
	n.hold.given[i] = true
	n.apply(&ring.Event{Kind: ring.Deliver, Message: n.ring.log[i]})
}

func loose(m *ring.Message) bool { return m.Loose }

func (h *holding) grow(n int) {
	for len(h.held) < n {
		h.held = append(h.held, false)
		h.given = append(h.given, false)
	}
}

// prefix is how many messages from the first on are held without a gap.
func (h *holding) prefix() int {
	if i := slices.Index(h.held, false); i >= 0 {
		return i
	}
	return len(h.held)
}
