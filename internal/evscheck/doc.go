// Package evscheck checks traces of daemons and of client connections against the
// guarantees of extended virtual synchrony: D1 to D20 (semantics 1.2) and C1 to
// C22 (semantics 1.4), and one more, C23. It knows nothing of how a trace came about.
//
// Give [Check] a [Run] with the traces of daemons, of connections, or both. A
// trace of a daemon may leave out all messages, and have the configurations only:
// then it serves to tell where the rules for clients hold in a weaker form; see
// Run.Interrupted.
//
// There is no common clock, and traces do not tell what a daemon holds but has not
// delivered. So these rules are checked as far as their traces go:
//
//   - D3 demands more than the text: a member list has one order, and a regular and
//     a transitional configuration do not share an id.
//   - D4: where a member came from that never installed the next configuration is
//     not known.
//   - D5: that a delivery follows its sending is seen at the sender only.
//   - D15: a member that never installed the configuration is excused if any life
//     of it has ended.
//   - D17: an AGREED message that is the first behind the signal is refused if all
//     packets between it and the last one before the signal were delivered; a SAFE
//     one if a daemon that goes the same way had a Stable event for it. Numbers
//     of packets start at 1. That the signal comes early enough is left to D15.
//   - D18 is D7 and D8 where the message that was not waited for is SAFE.
//   - C10: the own set of a view that the network caused has only members of the
//     view before, or of a first view the connection alone: a set is those who came
//     together (semantics 4.4, 4.5).
//   - C11: a signal has a reason (semantics 1.3, rule 1): a member is on a daemon
//     outside the transitional configuration; without traces of daemons, at least
//     on another daemon. Only behind a view that came about between a signal and the
//     next configuration a signal needs none (semantics 4.4).
//   - C12 is read both ways: a view that the network caused lacks members of the view
//     before only if a signal came between (semantics 1.3, rules 1 and 2), unless
//     Run.LossInExchange.
//   - C23, which the semantics do not number, is D19 and D20 for clients: what was
//     sequenced in the configuration in which the run came to rest has reached all
//     who were in a group that it was sent to, or connected if it was sent to them,
//     before that configuration, and are still. It needs the traces of the daemons. Which
//     messages are meant, must show in the traces of clients: something that is
//     named after that configuration was received before, by the sender or by one
//     who received the message.
//   - D20 and C22, and D19 where all members must have a message, are checked in
//     runs that came to rest (Run.Quiet).
package evscheck
