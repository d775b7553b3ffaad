package flush

import "gospread/spread"

// Event is what a connection receives: a [*FlushRequest], [*View],
// [*Transition], [*Message], [*SelfLeave] or [*Rejected].
type Event interface{ event() }

func (*FlushRequest) event() {}
func (*View) event()         {}
func (*Transition) event()   {}
func (*Message) event()      {}
func (*SelfLeave) event()    {}
func (*Rejected) event()     {}

// FlushRequest asks to end the view of a group, because its membership has
// changed. It must be answered with [Conn.Flush]. None comes from a group that the
// client is joining or leaving.
type FlushRequest struct{ Group string }

// View is a new view of a group: all its members have flushed.
type View struct {
	Group string
	ID    spread.ViewID
	// Cause is why it came about; CausedByNetwork also if several changes led to
	// it, because a member was lost before it agreed to the first.
	Cause spread.Cause
	// Members are the private groups of the members, in the same order at every
	// member.
	Members []string
	// Index is this client's own place in Members, from 0. (It is always there: the
	// layer drops memberships without this client.)
	Index int
	// Changed is who joined, left or disconnected; empty for CausedByNetwork.
	Changed string
	// Together are the members of the view before that are not known to be lost,
	// in the order of that view. Those of them that install this view too have
	// received the same messages in the one before.
	Together []string
}

// Transition tells, once in a view, that members of the view have been lost.
type Transition struct{ Group string }

// Message is data from another member, or from oneself. Groups has the reference
// group of a subgroup cast behind the receivers; for the rest see
// [spread.Message].
type Message struct {
	// Group is the group to whose view the message belongs, or one's own private
	// group.
	Group string
	// Subgroup: it was sent to some members only.
	Subgroup bool
	spread.Message
}

// SelfLeave tells that this client's own leave is done.
type SelfLeave struct{ Group string }

// Rejected is a request of this client that the daemon's access policy refused.
type Rejected struct{ spread.Rejected }
