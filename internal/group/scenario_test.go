package group

import (
	"testing"

	"gospread/spread/internal/clientproto"
)

const (
	agreed = clientproto.Agreed
	safe   = clientproto.Safe
)

// trio is a network of three daemons; users are la, lb at left, and so on, each
// a member of the groups named.
func trio(t *testing.T, members map[string][]string) *world {
	w := newWorld(t, "left", "right", "third")
	for _, user := range []string{"la", "lb", "ra", "rb", "ta", "tb"} {
		w.connect(daemonOf(user), user, true)
		for _, g := range members[user] {
			w.join(user, g)
			w.settle()
		}
	}
	w.skip()
	return w
}

// sequence gives everything that waits at a daemon its place.
func (w *world) sequence(daemon string) {
	for w.hosts[daemon].node.Sequence() {
	}
}

// receive makes a daemon hold the given messages of its configuration, counted
// from the last; none means all.
func (w *world) receive(daemon string, fromLast ...int) {
	n := w.hosts[daemon].node
	missing := n.Missing()
	if len(fromLast) == 0 {
		fromLast = make([]int, len(missing))
		for i := range fromLast {
			fromLast[i] = len(missing) - i
		}
	}
	for _, i := range fromLast {
		n.Receive(missing[len(missing)-i])
	}
}

func TestSplitAndMerge(t *testing.T) {
	w := trio(t, map[string][]string{
		"la": {"net"}, "lb": {"net", "near"}, "ra": {"net", "far"}, "ta": {"net"},
	})
	near := w.hosts["left"].groups[clientproto.MakeName("near")].id
	w.form("left", "third")
	w.form("right")
	w.settle()
	for _, user := range []string{"la", "lb", "ta"} {
		w.want(user, "net transition 4", "net network 1: la lb ta |*la lb ta")
	}
	w.want("ra", "net transition 4", "net network 1: ra |*ra")
	w.send("la", agreed, "hello", "net", "far", "near")
	w.settle()
	w.want("lb", "data hello")
	w.want("ra")
	w.form("left", "right", "third")
	w.settle()
	w.want("la", "data hello", "net network 1: la lb ra ta |*la lb ta | ra")
	w.want("lb", "net network 1: la lb ra ta |*la lb ta | ra")
	w.want("ra", "net network 1: la lb ra ta | la lb ta |*ra")
	if id := w.hosts["right"].groups[clientproto.MakeName("near")].id; id != near {
		t.Errorf("the untouched group has id %v, had %v", id, near)
	}
	w.join("rb", "near")
	w.settle()
	w.want("lb", "near join 2: lb rb |*rb")
	w.finish()
}

func TestSignalStandsBetween(t *testing.T) {
	// What is known to be stable comes before the signal, SAFE and what is
	// behind it after; what only the lost one held does not come.
	w := trio(t, map[string][]string{"la": {"g"}, "ra": {"g"}, "ta": {"g"}})
	w.send("la", safe, "stable", "g")
	w.settle()
	w.send("la", safe, "safe", "g")
	w.send("la", agreed, "agreed", "g")
	w.sequence("left")
	w.send("ta", agreed, "lost", "g")
	w.sequence("third")
	w.send("la", agreed, "late", "g")
	w.sequence("left")
	w.receive("right", 1, 4)
	w.want("ra", "data stable")
	w.form("left", "right")
	w.want("ra", "g transition 3", "data safe", "data agreed", "data late", "g network 1: la ra |*la ra")
	w.form("third")
	w.want("ta", "data stable", "g transition 3", "data lost", "g network 1: ta |*ta")
	w.finish()
}

func TestGainBringsNoSignal(t *testing.T) {
	w := newWorld(t, "left", "right")
	w.form("left")
	w.form("right")
	for _, user := range []string{"la", "ra", "rb"} {
		w.connect(daemonOf(user), user, true)
	}
	w.join("la", "both", "one")
	w.join("ra", "both", "two")
	w.settle()
	w.skip()
	w.form("left", "right")
	w.settle()
	w.want("la", "both network 1: la ra |*la | ra")
	w.want("ra", "both network 1: la ra | la |*ra")
	w.want("rb")
	w.finish()
}

func TestSameMembersNothingSeen(t *testing.T) {
	w := trio(t, map[string][]string{"la": {"g"}, "ra": {"g"}})
	w.form("left", "right", "third")
	w.settle()
	w.want("la")
	w.leave("ra", "g")
	w.settle()
	w.want("la", "g leave 3: la |*ra")
	w.finish()
}

func TestThreeParts(t *testing.T) {
	w := trio(t, map[string][]string{"la": {"g"}, "ra": {"g"}, "ta": {"g"}})
	w.form("left")
	w.form("right")
	w.form("third")
	w.skip()
	w.form("left", "right", "third")
	w.settle()
	w.want("la", "g network 1: la ra ta |*la | ra | ta")
	w.want("ta", "g network 1: la ra ta | la | ra |*ta")
	w.finish()
}

// transition brings a daemon's queued requests behind the signal of left and
// right, who lose third: an unstable SAFE message stands before them.
func (w *world) transition(requests func()) {
	w.send("tb", safe, "wall", "nobody")
	w.sequence("third")
	requests()
	for _, name := range []string{"left", "right", "third"} {
		w.sequence(name)
	}
	w.receive("left")
	w.form("left", "right")
	w.settle()
}

func TestJoinBehindSignal(t *testing.T) {
	w := trio(t, map[string][]string{
		"la": {"whole", "torn", "mine"}, "ra": {"whole", "torn"}, "ta": {"torn"},
	})
	w.transition(func() {
		w.join("rb", "whole", "torn", "fresh")
		w.sequence("right")
		w.join("tb", "mine", "late")
		w.sequence("third")
		w.join("lb", "mine", "late")
	})
	w.want("la", "torn transition 3",
		"whole join 3: la ra rb |*rb",
		"torn network 2: la ra rb ta |*la ra | ta | rb", "torn transition 2",
		"mine network 2: la tb |*la | tb", "mine transition 2",
		"mine network 3: la lb tb |*la | tb | lb", "mine transition 3",
		"mine network 1: la lb |*la lb",
		"torn network 1: la ra rb |*la ra rb")
	w.want("rb", "whole join 3: la ra rb |*rb",
		"torn network 2: la ra rb ta | la ra | ta |*rb", "torn transition 2",
		"fresh join 1: rb |*rb",
		"torn network 1: la ra rb |*la ra rb")
	w.want("lb", "mine network 3: la lb tb | la | tb |*lb", "mine transition 3",
		"late network 2: lb tb | tb |*lb", "late transition 2",
		"late network 1: lb |*lb", "mine network 1: la lb |*la lb")
	w.form("third")
	w.settle()
	w.want("tb", "mine network 2: la tb | la |*tb", "mine transition 2",
		"late join 1: tb |*tb",
		"mine network 3: la lb tb |*tb | la | lb", "mine transition 3",
		"late network 2: lb tb |*tb | lb", "late transition 2",
		"late network 1: tb |*tb", "mine network 1: tb |*tb")
	w.form("left", "right", "third")
	w.settle()
	w.want("lb", "late network 1: lb tb |*lb | tb", "mine network 1: la lb tb |*la lb | tb")
	w.finish()
}

func TestLeaveBehindSignal(t *testing.T) {
	w := trio(t, map[string][]string{
		"la": {"whole", "torn"}, "ra": {"whole", "torn"}, "rb": {"whole", "torn"}, "ta": {"torn"}, "tb": {"torn"},
	})
	w.transition(func() {
		w.leave("rb", "whole")
		w.leave("rb", "torn")
		w.sequence("right")
		w.leave("tb", "torn")
		w.sequence("third")
		w.leave("ta", "torn")
	})
	w.want("la", "torn transition 5",
		"whole leave 4: la ra |*rb",
		"torn network 2: la ra ta tb |*la ra | ta tb", "torn transition 2",
		"torn network 3: la ra ta |*la ra | ta", "torn transition 3",
		"torn network 4: la ra |*la ra", "torn transition 4",
		"torn network 1: la ra |*la ra")
	w.want("rb", "torn transition 5", "whole selfleave", "torn selfleave")
	w.form("third")
	w.settle()
	w.want("tb", "torn transition 5",
		"torn network 2: la ra ta tb |*ta tb | la | ra", "torn transition 2", "torn selfleave")
	w.finish()
}

func TestDisconnectBehindSignal(t *testing.T) {
	w := trio(t, map[string][]string{
		"la": {"whole", "torn"}, "ra": {"whole"}, "rb": {"whole", "torn"}, "ta": {"torn"},
	})
	w.transition(func() {
		w.kill("rb")
		w.sequence("right")
		w.kill("ta")
	})
	w.want("la", "torn transition 3",
		"torn network 2: la ta |*la | ta", "torn transition 2",
		"whole disconnect 4: la ra |*rb",
		"torn network 3: la |*la", "torn transition 3",
		"torn network 1: la |*la")
	if w.sessions["rb"] != nil {
		t.Error("the session of rb is not told that it is over")
	}
	w.finish()
}

func TestRebornBehindSignal(t *testing.T) {
	w := trio(t, map[string][]string{"la": {"g"}, "ra": {"h"}, "ta": {"g"}})
	w.transition(func() {
		w.leave("la", "g")
		w.sequence("left")
		w.receive("third")
		w.leave("ta", "g")
		w.sequence("third")
		w.receive("left")
		w.join("la", "g")
		w.leave("la", "g")
		w.join("la", "g")
	})
	w.want("la", "g transition 2", "g selfleave", "g join 3: la |*la", "g selfleave", "g join 4: la |*la")
	w.want("ra")
	w.finish()
}

func TestRestartUnderTheSameName(t *testing.T) {
	w := trio(t, map[string][]string{"la": {"g"}, "ta": {"g"}, "ra": {"g", "h"}})
	w.crash("right")
	w.start("right")
	w.connect("right", "ra", true)
	w.form("left", "right", "third")
	w.settle()
	w.want("la", "g transition 3", "g network 1: la ta |*la ta")
	w.want("ra")
	w.join("ra", "g")
	w.settle()
	w.want("la", "g join 2: la ra ta |*ra")
	w.want("ra", "g join 2: la ra ta |*ra")
	w.finish()
}

func TestExchangeInterrupted(t *testing.T) {
	w := trio(t, map[string][]string{"la": {"g", "pair"}, "ra": {"g", "pair"}, "ta": {"g"}})
	w.form("third")
	w.form("left", "right")
	w.skip()
	w.form("left", "right", "third")
	// The tables are on their way when third is lost again, and then right.
	w.sequence("left")
	w.receive("right")
	w.form("left", "right")
	w.want("la")
	w.form("left", "right", "third")
	w.form("left", "third")
	w.want("la", "g transition 1", "pair transition 2")
	w.settle()
	w.want("la", "g network 1: la ta |*la | ta", "pair network 1: la |*la")
	w.finish()
}

func TestMergeDuringMerge(t *testing.T) {
	w := trio(t, map[string][]string{"la": {"g"}, "ra": {"g"}, "ta": {"g"}})
	for _, name := range []string{"left", "right", "third"} {
		w.form(name)
	}
	w.skip()
	w.form("left", "right")
	w.sequence("left")
	w.receive("right")
	w.form("left", "right", "third")
	w.settle()
	w.want("la", "g network 1: la ra ta |*la | ra | ta")
	w.finish()
}

func TestExchangeFinishedByOneOnly(t *testing.T) {
	// Left has all tables and shows the merged view; right is cut off before
	// the last one, and never shows it.
	w := trio(t, map[string][]string{"la": {"g"}, "ra": {"g"}})
	w.form("left")
	w.form("right")
	w.skip()
	w.form("left", "right")
	w.sequence("left")
	w.sequence("right")
	w.receive("left")
	w.want("la", "g network 1: la ra |*la | ra")
	w.form("left")
	w.want("la", "g transition 1", "g network 1: la |*la")
	w.form("left", "right")
	w.settle()
	w.want("la", "g network 1: la ra |*la | ra")
	w.want("ra", "g network 1: la ra | la |*ra")
	w.finish()
}

func TestLooseMessageWaitsForExchange(t *testing.T) {
	w := trio(t, map[string][]string{"la": {"g"}, "ra": {"g"}})
	w.form("left")
	w.form("right")
	w.skip()
	w.form("left", "right")
	w.sequence("left")
	w.sequence("right")
	w.receive("left")
	w.send("la", clientproto.Reliable, "loose", "g")
	w.sequence("left")
	w.want("la", "g network 1: la ra |*la | ra", "data loose")
	w.receive("right", 1)
	w.want("ra")
	w.receive("right")
	w.want("ra", "g network 1: la ra | la |*ra", "data loose")
	w.finish()
}

func TestClientsWaitForExchange(t *testing.T) {
	w := trio(t, map[string][]string{"la": {"g"}, "ra": {"g"}})
	w.form("left")
	w.form("right")
	w.skip()
	w.send("ra", agreed, "early", "g")
	w.join("rb", "g")
	w.form("left", "right")
	w.settle()
	w.want("la", "g network 1: la ra |*la | ra", "data early", "g join 2: la ra rb |*rb")
	w.want("ra", "g network 1: la ra | la |*ra", "data early", "g join 2: la ra rb |*rb")
	w.finish()
}

func TestSafeWaitsForStability(t *testing.T) {
	w := trio(t, map[string][]string{"la": {"g"}, "ra": {"g"}})
	w.send("la", safe, "safe", "g")
	w.send("la", agreed, "behind", "g")
	w.send("la", clientproto.Reliable, "loose", "g")
	w.sequence("left")
	w.receive("right")
	w.hosts["left"].node.Learn()
	w.want("la", "data loose")
	w.receive("third", 3)
	w.hosts["left"].node.Learn()
	w.want("la", "data safe", "data behind")
	w.want("ra", "data loose")
	w.hosts["right"].node.Learn()
	w.want("ra", "data safe", "data behind")
	w.finish()
}

func TestAgreedWaitsForGaps(t *testing.T) {
	w := trio(t, map[string][]string{"ra": {"g"}})
	for _, svc := range []clientproto.Type{clientproto.FIFO, clientproto.Causal, agreed, clientproto.Unreliable} {
		w.send("la", svc, nameOf(svc), "g")
	}
	w.sequence("left")
	w.receive("right", 3, 2, 1)
	w.want("ra", "data loose")
	w.receive("right")
	w.want("ra", "data fifo", "data causal", "data agreed")
	w.finish()
}

func nameOf(t clientproto.Type) string {
	return map[clientproto.Type]string{
		clientproto.FIFO: "fifo", clientproto.Causal: "causal", agreed: "agreed", clientproto.Unreliable: "loose",
	}[t]
}

func TestPartsOfOneInterruptedExchange(t *testing.T) {
	// Left, and right with third, meet but are interrupted: right goes on with
	// left, third is lost. Both parts now know g under the same id, that of the
	// transitional configuration; the order of sets must still be one.
	w := newWorld(t, "left", "right", "third", "fourth")
	for _, user := range []string{"la", "ra", "ta"} {
		w.connect(daemonOf(user), user, true)
		w.join(user, "g")
	}
	w.connect("fourth", "f", true)
	w.join("f", "g")
	w.settle()
	w.form("left", "fourth")
	w.form("right", "third")
	w.settle()
	w.skip()
	w.form("left", "right", "third", "fourth")
	w.form("left", "right")
	w.settle()
	w.want("la", "g transition 1", "g network 1: la ra |*la | ra")
	w.want("ra", "g transition 1", "g network 1: la ra | la |*ra")
	w.finish()
}
