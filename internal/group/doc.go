// Package group keeps the process groups of a daemon: who is in which group at
// every point of the total order, which local sessions a message goes to, and
// which views, transitional signals and other notices they get (semantics 4).
//
// It is a state machine over the events of the ring. It calls no clock, socket,
// log or random source, runs no goroutine, and its results depend on nothing but
// the order of what it is given: daemons that are given the same ordered events
// hold the same groups in the same order. It is not safe for concurrent use.
//
// # When a message may be delivered
//
// The ring decides when a payload is due (semantics 1.2); the group layer hands
// it on at once, with one exception: while a state exchange is under way nothing
// but the exchange itself takes effect.
//
//	service                      before the signal            after the signal
//	UNRELIABLE, RELIABLE         on receipt, gaps or not      in order, if not yet delivered
//	  longer than one packet     as AGREED                    as AGREED
//	FIFO, CAUSAL, AGREED         all lower numbers delivered  gaps only where the sender is lost
//	SAFE                         and every member of the      and every member of the transitional
//	                             configuration holds it       configuration delivers it
//	all, exchange under way      after the exchange, before anything later in the order
//
// What is held back during an exchange that a further change interrupts is
// dropped: only loose messages (UNRELIABLE and RELIABLE of one packet) of other
// daemons can be, because nobody may multicast for its clients before it has
// finished the exchange (see [Machine.Blocked]).
//
// # Ids of views
//
// A view is named by the configuration in which it came about and an index. A
// new group has index 1, each change adds one, a view caused by the network has
// 1 again; a change between the signal and the next regular configuration is
// named by the transitional configuration. The words of the configuration are
// always those of the present one, never of an older one: two daemons that have
// lost each other may both hold an untouched group of the same id, and their
// next views of it must differ. A group that dies and comes back under one
// configuration goes on above its last index. So no id is used twice for one
// group name.
package group
