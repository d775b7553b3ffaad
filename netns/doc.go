// Package netns has tests of several real daemons: each is a process in a network
// namespace of its own, joined to the others by a bridge, while the tests kill and
// stop daemons, pull cables and cut the network in parts. Checked clients
// (internal/spcheck) are connected to all daemons throughout, and nothing that was
// promised to them may be broken. Linux only, as root; otherwise the tests are skipped.
//
// Everything is in namespaces without a name, which the kernel removes with the
// last process in them, and daemons are killed with the thread that started them:
// however the tests end, nothing is left.
//
//	go test ./netns -v                             # shows how long each change took
//	go test ./netns -run Long -long 30m -timeout 0 # 5 daemons, 20 clients, faults at random
//
// SPREAD_NETNS_DAEMON names another daemon to be tested, which is then expected to
// behave as release 5.0 of the original; with SPREAD_NETNS_RULES=ours it is not.
package netns
