package ring

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"gospread/spread/internal/ringproto"
)

// What only chance had found is made to happen here. The numbers are those of
// docs/track-record.md.

// 3: at its first token a daemon does not believe to have slept since time began.
func TestFirstTokenLate(t *testing.T) {
	w := newNet(t, 5)
	w.now = 1000 * time.Hour
	w.start(1, 2, 3, 4, 5)
	w.run(time.Second, w.together(1, 2, 3, 4, 5))
	for i, id := range w.ids {
		w.submit(id, Agreed, "hello")
		w.run(time.Second, w.got(i+1, w.ids...))
	}
	for _, id := range w.ids {
		if slices.ContainsFunc(w.nodes[id].noted, func(n Note) bool { return n.Kind == NoteOverslept }) {
			t.Errorf("%d: %v", id, w.nodes[id].noted)
		}
	}
}

// 6: a member that has been asked by who does not hold the token, and whose answer was
// lost, is asked again before it is suspected.
func TestAnswerIsLost(t *testing.T) {
	w := running(t, 3)
	w.submit(1, Agreed, "1 holds the token")
	w.run(time.Second, w.got(1, 1, 2, 3))
	lost := 0
	w.drop = func(from, to DaemonID, b []byte) bool {
		l := from == 3 && to == 2 && lost == 0 && kindOf(b) == ringproto.Ack
		if l {
			lost++
		}
		return l
	}
	w.nodes[2].ping(w.nodes[2].byID[3])
	w.turn(2)
	w.run(3*LocalTiming().Loss, nil)
	if lost != 1 || w.changes(2) != 1 {
		t.Errorf("%d answers lost, %d memberships", lost, w.changes(2))
	}
}

// 10: the coordinator names all configurations of a change, also the transitional ones
// of parts that it comes not from.
func TestCoordinatorNamesAll(t *testing.T) {
	w := running(t, 4)
	apart := true
	w.drop = func(from, to DaemonID, _ []byte) bool { return apart && (from < 3) != (to < 3) }
	w.run(3*time.Second, func() bool { return w.together(1, 2)() && w.together(3, 4)() })
	apart = false
	w.run(3*time.Second, w.together(1, 2, 3, 4))
	for _, id := range w.ids {
		if n := w.nodes[id]; n.signal.ID.Leader != 1 || n.config.ID.Leader != 1 || n.signal.ID.Time >= n.config.ID.Time {
			t.Errorf("%d: signal %v, configuration %v", id, n.signal.ID, n.config.ID)
		}
	}
}

// 22: where most large datagrams are lost and small ones are not, what is missing comes
// all the same, and not one packet a second.
func TestMostLargeAreLost(t *testing.T) {
	for seed := range uint64(5) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			rng := rand.New(rand.NewPCG(seed, 22))
			w := running(t, 3, func(w *net) { w.datagram = 8900 })
			w.drop = func(_, _ DaemonID, b []byte) bool { return len(b) > 1500 && rng.IntN(50) > 0 }
			const messages = 60
			for i := range messages {
				w.submit(DaemonID(1+i%3), Agreed, strings.Repeat("x", 8000))
			}
			w.run(3*time.Second, w.got(messages, 1, 2, 3))
		})
	}
}

// 30: between segments that are near, silence counts as soon as within one.
func TestSilentInAnotherSegment(t *testing.T) {
	w := running(t, 3, func(w *net) { w.segments = map[DaemonID]int{2: 1, 3: 2} })
	w.drop = func(from, to DaemonID, _ []byte) bool { return (from == 3) != (to == 3) }
	w.run(2*LocalTiming().Loss, func() bool { return w.together(1, 2)() && w.together(3)() })
}

// 23: what a member sends unasked in a recovery leaves the line free for answers.
func TestRecoveredUnasked(t *testing.T) {
	w := running(t, 3, func(w *net) { w.windows = Windows{Global: 1000, Personal: 1000} })
	w.drop = func(_, to DaemonID, b []byte) bool { return kindOf(b) == ringproto.Data && to != 3 }
	for range 400 {
		w.submit(3, Agreed, strings.Repeat("x", 1300))
	}
	w.run(10*time.Millisecond, nil)
	if held := w.nodes[3].ring.aru - w.nodes[1].ring.aru; held < 300 {
		t.Fatal("3 alone should hold much:", held)
	}
	unasked := 0
	w.drop = func(from, _ DaemonID, b []byte) bool {
		data := kindOf(b) == ringproto.Data
		if data && from == 3 && w.nodes[3].state == recovering {
			unasked += len(b)
		}
		return data || kindOf(b) == ringproto.Ack // nobody can ask
	}
	w.nodes[2].beginGather()
	w.turn(2)
	w.run(time.Second, func() bool { return w.nodes[3].state == recovering })
	w.run(20*time.Millisecond, nil)
	if copies := 2; unasked == 0 || unasked > copies*(mostRecovered+2000) {
		t.Errorf("%d bytes, may be %d", unasked, mostRecovered)
	}
	w.drop = nil
	w.run(5*time.Second, w.got(400, 1, 2, 3))
}
