// Package jobtable is the pure core of work queues: what one worker decides.
//
// The workers of a queue are the members of a group. Each has a [Core] and hands
// it everything that happens, in the order in which it happens: connections,
// views, messages of the group. As all members get the same messages and views
// in the same order, all hold the same table of jobs and decide alike which
// worker does which job; nobody leads. After each view the members compare their
// tables, and merge them if they differ (exchange.go).
//
// There is no clock, socket or goroutine here: what is to be done comes out as
// effects. docs/workqueue.md describes the messages and the rules; the Python
// client has the same core, and testdata holds histories that both must answer
// alike.
package jobtable
