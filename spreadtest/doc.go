// Package spreadtest runs a cluster of daemons inside a test, so that a program
// that uses Spread can be tested against several of them, and against what goes
// wrong between them: networks that part and heal, daemons that crash, stop, hang
// and come back, links that lose, delay or go one way only.
//
//	func TestOrdersSurviveACrash(t *testing.T) {
//		c := spreadtest.New(t, 3) // the daemons "a", "b" and "c"
//		alice := c.Dial("a", spread.WithName("alice"))
//		bob := c.Dial("b", spread.WithName("bob"))
//		// ... both join a group and work in it ...
//		c.Kill("b")
//		c.WaitForView(t.Context(), "a", "c")
//		// ... alice has got the view without bob; bob's connection is broken ...
//		c.Restart("b")
//		c.WaitTogether(t.Context())
//	}
//
// The daemons are real ones and run in this process. Clients reach them by TCP on
// free ports of the loopback address, also programs in other languages
// ([Cluster.Addr]). What the daemons send each other passes through memory, where
// the faults are made; it takes neither multicast nor privileges. Several clusters may run
// at a time, in parallel tests as well. When the test ends, its cluster ends with
// it: connections, goroutines, and the files, which are in the test's temporary
// directory. If the test has failed, it then shows the daemons' logs.
//
// # What is as it would be in reality
//
// Daemons find failures by the same evidence and in the same times as elsewhere:
// a process that has ended is noticed at once by the datagrams that its host refuses,
// silence takes longer. A fault acts from when its method returns: after
// [Cluster.Partition] not one more datagram crosses. When daemons and clients notice it is
// theirs: wait for what the test needs, for a view of a group with
// [spread.Conn.Receive], for the daemons with [Cluster.WaitForView].
//
// # Goroutines
//
// Methods may be called by several goroutines at once. Those that cannot do what
// they are asked, such as for a name that no daemon has, end the test by
// FailNow, which is for the goroutine of the test only.
package spreadtest
