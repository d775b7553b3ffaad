// Package viewcheck checks traces of client connections against the guarantees
// that clients are given (semantics 1.4, C1 to C22). It knows nothing of how a
// trace came about.
package viewcheck

import (
	"fmt"

	"gospread/spread/internal/clientproto"
)

// Kind tells what an Event is.
type Kind uint8

// What a connection did, and what it received.
const (
	Send       Kind = iota // Payload was accepted from it
	Join                   // it asked to join Group
	Leave                  // it asked to leave Group
	Message                // it received Payload
	View                   // it received View
	Transition             // it received the signal for Group, naming ID
	SelfLeave              // it was told that it has left Group
)

// Event is a step of a connection. Payloads are whole messages in our byte
// order, and no two sent ones are equal.
type Event struct {
	Kind    Kind
	Payload []byte
	Group   clientproto.Name
	View    *clientproto.View
	ID      clientproto.GroupID
}

// Conn is the trace of one connection, in the order of its events. A new
// connection under the same name is another Conn.
type Conn struct {
	Name   clientproto.Name
	Views  bool // it wants membership notices
	Ended  bool // by whatever: itself, its daemon
	Events []Event
}

// Run is a set of traces of one system.
type Run struct {
	// Daemons are the names in configuration order.
	Daemons []string
	Conns   []*Conn
	// Loose is the longest RELIABLE or UNRELIABLE payload, in bytes, that is
	// exempt from the order.
	Loose int
	// Interrupted tells that daemons may have recovered together without all of
	// them getting as far as installing the configuration. Then some rules hold
	// in a weaker form; see noGap, safeAt and safeAfter.
	Interrupted bool
	// Quiet tells that the run came to rest, in one configuration of all
	// daemons: what has not been received by now is lost.
	Quiet bool
}

// Violation is a broken guarantee.
type Violation struct {
	Rule string // C1 to C22
	Conn clientproto.Name
	Text string
}

func (v Violation) String() string { return fmt.Sprintf("%s at %s: %s", v.Rule, v.Conn, v.Text) }

// message is what was sent, and by whom.
type message struct {
	payload []byte
	from    *conn
	typ     clientproto.Type
	ordered bool
	groups  []clientproto.Name
}

func (m *message) String() string {
	h, err := clientproto.ParseHeader(m.payload)
	if err != nil {
		return err.Error()
	}
	return fmt.Sprintf("%q (type 0x%x to %v)", m.payload[h.Data():], uint32(m.typ), m.groups)
}

func (m *message) to(g clientproto.Name) bool {
	for _, name := range m.groups {
		if name == g {
			return true
		}
	}
	return false
}

func (m *message) safe() bool { return m.typ&clientproto.Safe != 0 }

// hiddenFrom tells that the sender asked not to get its own message.
func (m *message) hiddenFrom(c *conn) bool {
	return m.typ&clientproto.SelfDiscard != 0 && m.from == c
}

// viewKey names a view: ids are not used twice for a group.
type viewKey struct {
	group clientproto.Name
	id    clientproto.GroupID
}

// stay is the time of a connection in one view of a group.
type stay struct {
	at     *conn
	key    viewKey
	view   *clientproto.View
	got    []*message // the ordered messages to the group
	signal int        // how many of them came before the signal; -1: no signal
	next   *stay      // the next view of the group, if it did not leave before
	left   bool
}

// before are the messages that came before the signal, or all.
func (s *stay) before() []*message {
	if s.signal >= 0 {
		return s.got[:s.signal]
	}
	return s.got
}

// provisional tells that the signal followed the view at once, as it does when
// the view came about between a signal and the next regular configuration.
func (s *stay) provisional() bool { return s.signal == 0 }

func (s *stay) has(m *message) bool {
	for _, o := range s.got {
		if o == m {
			return true
		}
	}
	return false
}

// conn is a Conn taken apart.
type conn struct {
	*Conn
	stays []*stay
	// place is where something ordered stands among the events: a message or a
	// viewKey.
	place map[any]int
	// sends are the ordered messages in the order of the calls, with the number
	// of events before each.
	sends []sent
}

type sent struct {
	m  *message
	at int
}
