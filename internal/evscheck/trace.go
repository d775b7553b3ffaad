package evscheck

import (
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

// Event is a step of a connection. Payloads are messages in our byte order, and no
// two sent ones are equal. Their data may be cut or replaced by something that
// stands for it, as long as the header tells its true length.
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

// Run is a set of traces of one system: of its daemons, of its clients, or of
// both.
type Run struct {
	// Daemons are the names in configuration order, for the order of members in
	// views.
	Daemons []string
	Conns   []*Conn
	// Traces are those of all lives of all daemons, or empty.
	Traces []*DaemonTrace

	// Loose is the longest RELIABLE or UNRELIABLE message (header, names and data,
	// in bytes) that is exempt from the order of client traces. In traces of
	// daemons each message tells it.
	Loose int
	// IndexBits is how many of the lowest bits of DaemonMessage.Seq number the
	// messages within a packet; the others are the number of the packet.
	IndexBits int
	// Unique: no two payloads given to the ring are equal, so a payload that gets
	// a second place is a violation of D5.
	Unique bool
	// Interrupted tells that daemons may have recovered together without all of
	// them getting as far as installing the configuration. Then C17, C18, C20 and
	// C21 hold in a weaker form for members that do not go on together. With
	// Traces it is not used: where that happened is read from them.
	Interrupted bool
	// LossInExchange tolerates what daemons of Spread 5.0 and before do when they
	// lose others while a state exchange is under way: if it does not finish,
	// clients see the loss without a signal (semantics 4.3). Views without those
	// members then are no violation of C12.
	LossInExchange bool
	// Quiet tells that the run came to rest, in one configuration of all daemons
	// that have not ended: what has not been delivered by now is lost.
	Quiet bool
}

// Report is what a check finds.
type Report struct {
	Violations []Violation // at most MaxPerRule of each rule
	Dropped    int         // violations beyond that
	Counts     Counts
}

// MaxPerRule is how many violations of each rule a Report keeps.
const MaxPerRule = 20

// Violation is a broken guarantee.
type Violation struct {
	Rule string // D1 to D20, C1 to C23
	At   string // the daemon or the connection whose trace shows it
	Text string
	// Places are where to look in the traces; see [Run.Context].
	Places []Place
}

// Place is an event in a trace: of Conns[Conn], or of Traces[Trace]; the other
// index is -1.
type Place struct{ Conn, Trace, Event int }

func (v Violation) String() string { return v.Rule + " at " + v.At + ": " + v.Text }

// Counts tells how much a check has compared, so that no violations mean
// something.
type Counts struct {
	// Of the daemons' traces: configurations, transitional periods, deliveries,
	// those of SAFE before and after the signal, pairs compared by D13.
	Configurations, Signals, Deliveries, SafeBefore, SafeAfter, Survivors int
	// Of the clients' traces: messages received, views and signals received, pairs
	// compared by C14, by C19, checks (message and other member) of C20, C21 and C23.
	Received, Views, ClientSignals, OrderPairs, ClientSurvivors, ClientSafeBefore, ClientSafeAfter, ClientOthers int
}
