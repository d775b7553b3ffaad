package link

import "sync/atomic"

// Counters are what a link has done since Open. Datagrams sent are counted once
// for each address they went to, and are those that the kernel has taken.
type Counters struct {
	DatagramsIn, BytesIn   uint64 // delivered to the handler
	DatagramsOut, BytesOut uint64
	CallsIn, CallsOut      uint64 // system calls that moved datagrams
	MessagesOut            uint64 // what the kernel was given: a segmented message is one

	Own       uint64 // own datagrams that came back, dropped
	Strangers uint64 // of unknown senders, dropped unless Config.Strangers
	Truncated uint64 // longer than the buffer, dropped
	Overflow  uint64 // lost in the kernel for want of receive buffer

	DropFull        uint64 // not sent: the kernel's buffers stayed full
	DropUnreachable uint64 // not sent: no route, network down, forbidden
	DropSize        uint64 // not sent: empty or too large
	DropUnknown     uint64 // not sent: no such daemon

	Refused      uint64 // answers that nobody is bound to the port
	Unreachable  uint64 // other answers: host or network unreachable, filtered
	EventsLost   uint64 // reports of refusal that the handler was too slow for
	Unsegmented  uint64 // destinations for which segmentation was given up
	ReceiveFails uint64 // receive calls that failed for reasons of their own
	Moves        uint64 // interfaces that were replaced, and whose groups were joined anew
}

type counters struct {
	datagramsIn, bytesIn, callsIn, own, strangers, truncated      atomic.Uint64
	_                                                             [64]byte // receivers and senders write apart
	datagramsOut, bytesOut, callsOut, messagesOut                 atomic.Uint64
	dropFull, dropUnreachable, dropSize, dropUnknown, unsegmented atomic.Uint64
	refused, unreachable, eventsLost, receiveFails, moves         atomic.Uint64
}

func (c *counters) snapshot() Counters {
	return Counters{
		DatagramsIn: c.datagramsIn.Load(), BytesIn: c.bytesIn.Load(),
		DatagramsOut: c.datagramsOut.Load(), BytesOut: c.bytesOut.Load(),
		CallsIn: c.callsIn.Load(), CallsOut: c.callsOut.Load(), MessagesOut: c.messagesOut.Load(),
		Own: c.own.Load(), Strangers: c.strangers.Load(), Truncated: c.truncated.Load(),
		DropFull: c.dropFull.Load(), DropUnreachable: c.dropUnreachable.Load(),
		DropSize: c.dropSize.Load(), DropUnknown: c.dropUnknown.Load(),
		Refused: c.refused.Load(), Unreachable: c.unreachable.Load(), EventsLost: c.eventsLost.Load(),
		Unsegmented: c.unsegmented.Load(), ReceiveFails: c.receiveFails.Load(), Moves: c.moves.Load(),
	}
}
