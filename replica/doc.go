// Package replica keeps a state the same on several machines: each has a copy, and
// every update is applied to all copies in the same order.
//
//	r, err := replica.New(replica.Config{
//		State: "accounts", Name: "r1", Replicas: []string{"r1", "r2", "r3"},
//		Store: "/var/lib/accounts/r1",
//	}, accounts)
//	...
//	go func() { err <- r.Run(ctx) }()
//	result, err := r.Update(ctx, []byte("transfer 100 from alice to bob"))
//
// where accounts has the methods of [State]: Apply, Snapshot, Restore.
//
// # What is promised
//
// With the policy [Majority], updates are applied where more than half of the
// configured replicas are together, in one order for all, each once. An update that
// was acknowledged is in the state of a majority, on disk if they have a Store, and is not
// lost as long as no majority loses what it has: it survives crashes of any number of
// processes, daemons and machines. Replicas without a majority keep a state that is old,
// for reading, and refuse updates; they catch up when they meet the others. A replica
// that starts with nothing gets the state while the others go on.
//
// With [Everywhere] each part of a parted network goes on, and parts that meet merge
// their states by the user's own [Merger].
//
// docs/replica.md of the repository tells all of it, with the reasons, the limits and the
// messages; the Python client shares them.
package replica
