// Package sim runs daemons, each a ring machine with its group machine and its
// clients, over a network, a clock and faults that are all made up. Everything
// derives from a seed: the same seed gives the same run, byte for byte.
//
// A [World] holds the virtual clock and what happens next. A [Plan] says what a
// world is like and what goes wrong in it; [Choose] makes one from a seed, with
// a few kinds of faults at a time (swarm testing). [Run] carries a plan out:
// traffic and faults; mostly a time in which only one fault lasts ([World.Lull]) and
// those who can be together must be; then no faults and no traffic, and all daemons
// must soon be in one configuration and have delivered everything. What daemons and
// clients went through is given to package evscheck.
//
// A [Script] drives a world step by step, for cases that have a name.
//
// # The model
//
// Each daemon has a monotonic clock of its own, which runs a little fast or slow.
// Datagrams wait in a bounded receive buffer, control ahead of data, while the
// daemon is busy, and are handled in batches. Between each two daemons there is
// a link of its own: latency, jitter, loss, duplicates (late ones too), reorder,
// bit errors, cuts in one direction or both, and a size above which datagrams
// vanish. A daemon may be paused, slow, crash (its host then refuses unicast
// datagrams, as a kernel does), lose its host (silence), leave as planned, and
// start again as a new life. Operators may give daemons another configuration, at
// different times; when it comes into force is compared by the world itself
// (tenure.go).
//
// Bit errors are found by a checksum, as sealing does in the real link, so the
// ring never sees one; [Plan.Rubbish] feeds it damaged bytes all the same, and
// then only that nothing panics or hangs is of interest.
package sim
