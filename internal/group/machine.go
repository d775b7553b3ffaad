package group

import (
	"math"
	"math/bits"
	"slices"

	"gospread/spread/internal/clientproto"
	"gospread/spread/internal/ring"
)

// Local is the daemon's handle of a client connected to it.
type Local uint32

// Sink takes what the machine decides, in order and at once. Slices and what
// pointers lead to are valid only during the call, but a payload as long as that
// of its event. The sink must not call back into the machine.
type Sink interface {
	// Deliver hands a data message, as it stands, to each receiver once.
	Deliver(to []Local, payload []byte)
	// View hands a membership notice to sessions that want them. There is one
	// call for each distinct v.Own.
	View(to []Local, v *clientproto.View)
	// Transition hands on the signal that the view id may have lost members.
	Transition(to []Local, group *clientproto.Name, id clientproto.GroupID)
	// SelfLeave tells a session that its own leave is done.
	SelfLeave(to Local, group *clientproto.Name)
	// Disconnected: the disconnect of the session has come back through the
	// order; its name is free and its socket may be closed.
	Disconnected(l Local)
	// Submit gives a message of the state exchange to the ring. The machine
	// keeps no reference to payload.
	Submit(s ring.Service, payload []byte)
}

// Daemon is an entry of the configuration: its id and its name.
type Daemon struct {
	ID   ring.DaemonID
	Name string
}

// State tells where the machine stands, with the monitor's numbers (4.1).
type State int

// The states of the group layer.
const (
	GOP     State = 1 + iota // normal
	GTRANS                   // after the transitional configuration
	GGATHER                  // state exchange under way
	GGT                      // exchange under way, and a further transitional configuration has come
)

// Counters count since the machine was made.
type Counters struct {
	// Messages of clients that were in force here, by service: UNRELIABLE, RELIABLE,
	// FIFO, CAUSAL, AGREED, SAFE. Each counts once, however many get it.
	Messages [6]uint64
	// Malformed payloads: no whole message, or of no known type.
	Malformed uint64
	// Foreign payloads: a daemon spoke for clients that are not its own, or is
	// not in the present configuration.
	Foreign uint64
	// Unordered requests: joins and the like that came in no agreed order.
	Unordered uint64
	// Dropped messages: held back during an exchange that was interrupted, or
	// more than may be held.
	Dropped uint64
}

// Machine is the group layer of one daemon.
type Machine struct {
	sink    Sink
	self    *daemon
	daemons map[ring.DaemonID]*daemon
	next    []Daemon                     // see SetDaemons; nil: nothing new
	clients map[clientproto.Name]*client // members of groups, and all local clients
	groups  map[clientproto.Name]*group

	state  State
	config *ring.Configuration // the present regular one
	naming ring.ID             // of the present configuration of either kind; names new views
	spent  spent

	exchange exchange

	speaker *daemon // of the last message
	last    *group  // of the last message
	order   []*group
	stale   bool // order is to be made anew

	notice  notice
	stamp   uint64
	version uint64
	to      []Local
	counted Counters
}

// daemon is what is known of a daemon of the configuration.
type daemon struct {
	id   ring.DaemonID
	name string // empty: not in the configuration file
	pos  int    // place in configuration order
	in   bool   // member of the present regular configuration
	with bool   // shares this daemon's knowledge of all groups
	table
}

// client is a member of some group, or connected to this daemon, or both.
type client struct {
	name   clientproto.Name
	at     *daemon
	groups []*group // in name order
	handle Local
	here   bool // connected to this daemon
	views  bool // and wants membership notices
	stamp  uint64
}

// New makes the group layer of daemon self. daemons is the configuration, in
// its order; self must be in it.
func New(self ring.DaemonID, daemons []Daemon, sink Sink) *Machine {
	m := &Machine{
		sink:    sink,
		daemons: make(map[ring.DaemonID]*daemon),
		clients: make(map[clientproto.Name]*client),
		groups:  make(map[clientproto.Name]*group),
		config:  &ring.Configuration{},
		state:   GTRANS, // as if it had just come out of a configuration of its own
	}
	m.self = m.daemon(self)
	m.self.with = true
	m.SetDaemons(daemons)
	m.arrange()
	return m
}

// SetDaemons replaces the configuration of daemons, as after a reload, from the next
// regular configuration on: not all members of the present one need have it yet, and
// all must list the members of groups alike. Daemons that it does not have keep their
// members until the ring drops them.
func (m *Machine) SetDaemons(daemons []Daemon) { m.next = slices.Clone(daemons) }

// arrange takes what SetDaemons has brought. Where daemons stood before does not
// matter: not all who share a configuration now have come through the same ones.
func (m *Machine) arrange() {
	if m.next == nil {
		return
	}
	for _, d := range m.daemons {
		d.pos = noPlace
	}
	for i, x := range m.next {
		d := m.daemon(x.ID)
		d.name, d.pos = x.Name, i
	}
	m.next = nil
	for _, g := range m.groups {
		g.resort(m.self)
	}
}

// noPlace is the place of a daemon that the configuration does not have.
const noPlace = math.MaxInt32

// compare sorts in configuration order; those that the configuration does not
// know come last, by id.
func (d *daemon) compare(o *daemon) int {
	if d.pos != o.pos {
		return d.pos - o.pos
	}
	return int(int64(d.id) - int64(o.id))
}

func (m *Machine) daemon(id ring.DaemonID) *daemon {
	d := m.daemons[id]
	if d == nil {
		d = &daemon{id: id, pos: noPlace}
		m.daemons[id] = d
	}
	return d
}

// Connect makes a client of this daemon known: from now on private messages
// reach it. Its joins and its disconnect travel through the ring, and after the
// disconnect nothing may be multicast for it. It reports false, and does
// nothing, if private is not a private group of this daemon or is still taken;
// it is free again when [Sink.Disconnected] has been called.
func (m *Machine) Connect(l Local, private clientproto.Name, wantsViews bool) bool {
	if m.clients[private] != nil || !m.self.speaksFor(private[:]) {
		return false
	}
	m.clients[private] = &client{
		name: private, at: m.self, handle: l, here: true, views: wantsViews,
	}
	return true
}

// Blocked tells that a state exchange is under way. Until it is over, the daemon
// must read no client, and the ring must give no place to what it has already
// taken from clients: only what came through [Sink.Submit] may be multicast.
func (m *Machine) Blocked() bool { return m.state >= GGATHER }

// Apply takes the next event of the ring. It keeps no reference to the payload.
func (m *Machine) Apply(e *ring.Event) {
	switch e.Kind {
	case ring.Deliver:
		if m.Blocked() {
			m.gather(&e.Message)
		} else {
			m.message(&e.Message)
		}
	case ring.TransitionalConfiguration:
		m.transitional(e.Config)
	case ring.RegularConfiguration:
		m.regular(e.Config)
	}
}

// message acts on a payload that is in force now.
func (m *Machine) message(e *ring.Message) {
	p := e.Payload
	h, ok := whole(p)
	if !ok {
		m.counted.Malformed++
		return
	}
	d := m.speaker
	if d == nil || d.id != e.Sender {
		if d = m.daemons[e.Sender]; d == nil {
			m.counted.Foreign++
			return
		}
		m.speaker = d
	}
	if h.Type&clientproto.Groups != 0 {
		return // left over from an exchange that was interrupted
	}
	if !d.in || !d.speaksFor(clientproto.Sender(p)) {
		m.counted.Foreign++
		return
	}
	if kinds := h.Type & (clientproto.Services | clientproto.Requests); bits.OnesCount32(uint32(kinds)) != 1 {
		m.counted.Malformed++
		return
	}
	if s := h.Type & clientproto.Services; s != 0 {
		m.counted.Messages[bits.TrailingZeros32(uint32(s))]++
		m.data(d, &h, p)
		return
	}
	if e.Service < ring.FIFO {
		m.counted.Unordered++
		return
	}
	m.request(d, &h, p)
}

// request acts on a join, leave or disconnect. Only the first name counts.
func (m *Machine) request(d *daemon, h *clientproto.Header, p []byte) {
	who := clientproto.NameOf(clientproto.Sender(p))
	if h.Type&clientproto.Kill != 0 {
		m.kill(who)
		return
	}
	if h.NumGroups == 0 {
		return
	}
	name := clientproto.NameOf(p[clientproto.HeaderSize:])
	if h.Type&clientproto.Join != 0 {
		m.join(d, who, name)
	} else {
		m.leave(who, name)
	}
}

// whole reads the header of p; ok tells that p is exactly one message in our
// byte order.
func whole(p []byte) (h clientproto.Header, ok bool) {
	if len(p) < clientproto.HeaderSize {
		return h, false
	}
	h, err := clientproto.ParseHeader(p)
	return h, err == nil && !h.Foreign && h.NumGroups >= 0 && h.NumGroups <= clientproto.MaxGroups &&
		h.DataLen >= 0 && h.DataLen == len(p)-clientproto.HeaderSize-h.NumGroups*clientproto.NameSize
}

// speaksFor tells whether b, a name field, is a private group of this daemon:
// '#', a user, '#', its name.
func (d *daemon) speaksFor(b []byte) bool {
	if b[0] != '#' || d.name == "" {
		return false
	}
	i := 1
	for b[i] != '#' {
		if i++; i == len(b) || b[i-1] == 0 {
			return false
		}
	}
	rest := b[i+1:]
	n := len(d.name)
	return i > 1 && len(rest) >= n && string(rest[:n]) == d.name && (len(rest) == n || rest[n] == 0)
}
