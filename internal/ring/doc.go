// Package ring gives payloads of all daemons one place each in a total order,
// and mixes into that order the changes of the set of daemons that share it
// (extended virtual synchrony, semantics 1.2).
//
// # How it is driven
//
// A [Machine] is the ring of one daemon. It calls no socket, clock, goroutine,
// random source or log: the caller feeds it and takes out what is due, one call
// at a time.
//
//	Receive, Refused          what came from the network
//	Submit, SubmitExchange    what is to be ordered; queued
//	Offer, Tune, SetDatagram  what the operator or the network has changed
//	Leave                     a planned stop
//	Advance                   does what is due, and appends it to an Output
//	Deadline                  when Advance must be called at the latest
//
// After any of the first calls, or when the deadline has come, the caller calls
// Advance, keeps Output.Time for the next life of this daemon, sends
// Output.Packets, applies Output.Events in their order to the group layer,
// tells [Machine.Hold] whether the group layer lets clients multicast, and
// calls Advance again until it has no more events.
//
// Time is an argument: a duration since some fixed moment of the process, which
// never goes back. Only differences count. A call that comes long after the
// deadline tells the machine that this daemon did not run, and that silence
// meanwhile means nothing.
//
// # The order
//
// Packets have numbers, which only the daemon that holds the token gives. The
// token stays with who used it last until another asks for it (token.go). A
// packet holds whole small messages or parts of large ones (outbox.go); a
// message stands where its last part does. Every datagram of the ring tells
// what its sender holds without gaps (aru) and what it knows to be held by all
// (stable), so nothing has to travel around the ring before a SAFE message may
// be delivered (deliver.go). What is missing is asked for by name (ack.go), and
// how many packets may be under way is bounded (flow.go). Memory is bounded by
// that, as numbers beyond it are not accepted.
//
// # Membership
//
// A machine is in one of five states.
//
//	gathering    finds out who is there and who hears whom (gather.go, choose.go)
//	forming      has told a coordinator what it holds, and accepts nothing more (form.go)
//	recovering   knows what it must have before the new configuration, and gets it (form.go)
//	operational  the token is alive (operate.go)
//	departed     has left for good (probe.go)
//
// The first of a group, in configuration order, coordinates it (coordinate.go):
// it collects the states of all, plans, and lets all install when each has what
// the plan says (install.go). While the ring is operational it looks for signs
// of life (watch.go) and for daemons outside of it (probe.go). Which daemons
// there are at all is an [Epoch], which changes at a place in the order like
// everything else (epoch.go).
//
// # Hostile input
//
// No datagram may make a machine panic, hang or use memory without bound, also
// without a seal. What is malformed, foreign, of another configuration of
// daemons or out of date is counted ([Counters]) and dropped.
package ring
