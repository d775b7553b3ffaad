package evscheck

import (
	"slices"

	"gospread/spread/internal/clientproto"
)

// sentMessage is what was sent, and by whom.
type sentMessage struct {
	payload []byte
	from    *conn
	event   int32
	typ     clientproto.Type
	ordered bool
	groups  []int32 // each once
	index   int32
	nth     int32 // among the ordered ones of its sender
}

func (m *sentMessage) String() string { return describe(m.payload) }

func (m *sentMessage) safe() bool { return m.typ&clientproto.Safe != 0 }

// hiddenFrom tells that the sender asked not to get its own message.
func (m *sentMessage) hiddenFrom(c *conn) bool {
	return m.from == c && m.typ&clientproto.SelfDiscard != 0
}

// viewKey names a view: ids are not used twice for a group.
type viewKey struct {
	group int32
	id    clientproto.GroupID
}

// stay is the time of a connection in one view of a group.
type stay struct {
	at   *conn
	key  viewKey
	view *clientproto.View
	// start is the event of the view, cut that of the signal, and end that of the
	// next view or of the leave; without one, the number of events.
	start, cut, end int32
	got             []int32 // the ordered messages to the group
	signal          int     // how many of them came before the signal; -1: no signal
	next            *stay   // the next view of the group, if it did not leave before
	left            bool
}

// before are the messages that came before the signal, or all.
func (s *stay) before() []int32 {
	if s.signal >= 0 {
		return s.got[:s.signal]
	}
	return s.got
}

// provisional tells that the signal followed the view at once, as it does when
// the view came about between a signal and the next regular configuration.
func (s *stay) provisional() bool { return s.signal == 0 }

// has tells whether an ordered message to the group of s came in this view.
func (s *stay) has(m int32) bool { return s.at.place[m] > s.start && s.at.place[m] < s.end }

// hasBefore: and before the signal.
func (s *stay) hasBefore(m int32) bool { return s.at.place[m] > s.start && s.at.place[m] < s.cut }

// conn is a Conn taken apart.
type conn struct {
	*Conn
	index int
	name  int32
	stays []*stay
	// place is the event at which a message or view came, or -1.
	place []int32
	// steps are the ordered messages and the views that it received, and ^ the
	// ordered messages that it sent.
	steps []int32
}

func (c *conn) at(event int32) Place { return Place{Conn: c.index, Trace: -1, Event: int(event)} }

// clients is the state of checking the traces of connections. Messages are
// numbered, and views from the number of messages on.
type clients struct {
	*finder
	daemons *daemons
	conns   []*conn
	names   map[clientproto.Name]int32
	byName  [][]*conn
	sent    []*sentMessage
	known   map[string]int32
	views   map[viewKey]int32
	stays   [][]*stay // by view
}

func checkClients(f *finder, d *daemons) {
	if len(f.run.Conns) == 0 {
		return
	}
	k := &clients{finder: f, daemons: d, names: make(map[clientproto.Name]int32), views: make(map[viewKey]int32)}
	sends := 0
	for i, c := range f.run.Conns {
		k.conns = append(k.conns, &conn{Conn: c, index: i, name: k.number(c.Name)})
		for j := range c.Events {
			if c.Events[j].Kind == Send {
				sends++
			}
		}
	}
	k.known = make(map[string]int32, sends)
	for _, c := range k.conns {
		k.collect(c)
	}
	k.stays = make([][]*stay, len(k.views))
	k.byName = make([][]*conn, len(k.names))
	for _, c := range k.conns {
		k.byName[c.name] = append(k.byName[c.name], c)
	}
	for _, c := range k.conns {
		k.walk(c)
	}
	for _, c := range k.conns {
		for _, s := range c.stays {
			k.reason(s)
		}
	}
	k.order()
	for _, stays := range k.stays {
		k.pairs(stays)
	}
	if f.run.Quiet {
		for _, c := range k.conns {
			k.selfDelivery(c)
		}
		k.delivery()
	}
}

func (k *clients) number(n clientproto.Name) int32 {
	i, known := k.names[n]
	if !known {
		i = int32(len(k.names))
		k.names[n] = i
	}
	return i
}

func (k *clients) bad(rule string, c *conn, places []Place, format string, args ...any) {
	k.fail(rule, c.Name.String(), places, format, args...)
}

// collect takes down what the connection sent, and numbers all names and views.
func (k *clients) collect(c *conn) {
	nth := int32(0)
	for i := range c.Events {
		e := &c.Events[i]
		switch e.Kind {
		case View:
			key := viewKey{k.number(e.View.Group), e.View.ID}
			if _, known := k.views[key]; !known {
				k.views[key] = int32(len(k.views))
			}
		case Send:
			m := k.parse(c, int32(i))
			if m == nil {
				continue
			}
			if o, twice := k.known[string(e.Payload)]; twice {
				k.bad("C1", c, []Place{c.at(int32(i)), k.sent[o].from.at(k.sent[o].event)}, "the trace is of no use: %v was sent twice", m)
				continue
			}
			if m.ordered {
				m.nth = nth
				nth++
			}
			m.index = int32(len(k.sent))
			k.known[string(e.Payload)] = m.index
			k.sent = append(k.sent, m)
		case Message:
		default:
			k.number(e.Group)
		}
	}
}

func (k *clients) parse(c *conn, event int32) *sentMessage {
	b := c.Events[event].Payload
	if len(b) < clientproto.HeaderSize {
		k.bad("C1", c, []Place{c.at(event)}, "sent a message of %d bytes", len(b))
		return nil
	}
	h, err := clientproto.ParseHeader(b)
	if err != nil || h.NumGroups < 0 || h.NumGroups > len(b) || h.Data() > len(b) {
		k.bad("C1", c, []Place{c.at(event)}, "sent a %s", describe(b))
		return nil
	}
	m := &sentMessage{payload: b, from: c, event: event, typ: h.Type}
	m.ordered = h.Type&(clientproto.Unreliable|clientproto.Reliable) == 0 || h.Size() > k.run.Loose
	for i := h.Names(); i < h.Data(); i += clientproto.NameSize {
		if g := k.number(clientproto.NameOf(b[i:])); !slices.Contains(m.groups, g) {
			m.groups = append(m.groups, g)
		}
	}
	if sender := clientproto.NameOf(clientproto.Sender(b)); sender != c.Name {
		k.bad("C1", c, []Place{c.at(event)}, "%v names %s as sender, but %s sent it", m, sender, c.Name)
	}
	return m
}

// selfDelivery: whoever is a member and stays gets its own messages (C22).
// Joins and leaves are calls, so only what lies between views counts.
func (k *clients) selfDelivery(c *conn) {
	if c.Ended || !c.Views {
		return
	}
	member, left := make([]bool, len(k.names)), make([]bool, len(k.names))
	for i := range c.Events {
		if c.Events[i].Kind == Leave {
			left[k.names[c.Events[i].Group]] = true
		}
	}
	for i := range c.Events {
		switch e := &c.Events[i]; e.Kind {
		case View:
			g := k.names[e.View.Group]
			member[g] = !left[g]
		case Send:
			at, known := k.known[string(e.Payload)]
			if !known || c.place[at] >= 0 {
				continue
			}
			m := k.sent[at]
			if !m.hiddenFrom(c) && slices.ContainsFunc(m.groups, func(g int32) bool { return member[g] }) {
				k.bad("C22", c, []Place{c.at(int32(i))}, "never received its own %v", m)
			}
		}
	}
}
