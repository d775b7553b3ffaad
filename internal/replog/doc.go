// Package replog is the pure core of replicated states: what one replica decides.
//
// The replicas of a state are members of a group. Each has a core and hands it
// everything that happens, in the order in which it happens: connections, views,
// signals, messages of the group. There are two: [Majority], where one part of a
// parted network goes on, and [Everywhere], where all do and are merged later.
//
// There is no clock, socket, file or goroutine here: what is to be done comes out as
// effects. docs/replica.md has the rules, the argument why they are safe, and the
// messages; the Python client has the same cores, and testdata holds histories that
// both must answer alike.
package replog
