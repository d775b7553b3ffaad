package ring

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"gospread/spread/internal/ringproto"
)

// Daemons that are far from each other, with whatever times, find each other again
// after they have been alone.
func TestFarAwayHeals(t *testing.T) {
	const ms = time.Millisecond
	file := Timing{Loss: 1250 * ms, Beat: 416 * ms, Join: 250 * ms, Start: 1750 * ms, Gather: 1750 * ms, Form: 1250 * ms, Probe: 2000 * ms}
	for _, c := range []struct {
		name    string
		timing  Timing
		latency time.Duration
	}{{"default", Timing{}, 300 * ms}, {"wide", WideTiming(), 250 * ms}, {"file", file, 200 * ms}} {
		t.Run(c.name, func(t *testing.T) {
			w := newNet(t, 2)
			w.timing, w.latency = c.timing, c.latency
			w.start(1, 2)
			w.run(30*time.Second, w.together(1, 2))
			cut := true
			w.drop = func(_, _ DaemonID, _ []byte) bool { return cut }
			w.run(30*time.Second, nil)
			cut = false
			w.run(2*time.Minute, w.together(1, 2))
		})
	}
}

// In a large ring at rest a daemon hears most others every few seconds only. One that
// is far away is waited for all the same when another dies.
func TestFarStaysInLargeRing(t *testing.T) {
	const far = 24
	for _, rest := range []time.Duration{21474 * time.Millisecond, 22211 * time.Millisecond} {
		w := newNet(t, far)
		w.far = map[DaemonID]time.Duration{far: 300 * time.Millisecond}
		w.start(w.ids...)
		w.run(2*time.Minute, w.together(w.ids...))
		w.submit(5, Agreed, "x")
		w.run(rest, nil)
		before := w.changes(1)
		w.nodes[7].down = true
		w.run(2*time.Minute, w.together(slices.DeleteFunc(slices.Clone(w.ids), func(id DaemonID) bool { return id == 7 })...))
		if n := w.changes(1) - before; n != 1 {
			t.Errorf("rest %v: %d memberships, want 1", rest, n)
		}
	}
}

// Links of a wide area that stay broken lead to a membership that stays, too, which
// takes in all whose links are whole.
func TestFarLinksStayBroken(t *testing.T) {
	const ms = time.Millisecond
	data := func(b []byte) bool { return kindOf(b) == ringproto.Data }
	for _, c := range []struct {
		name    string
		n       int
		latency time.Duration
		refused bool
		lost    func(w *net, a, b DaemonID, d []byte) bool
	}{
		{"alone, 1 to 2, refused", 2, 30 * ms, true, func(w *net, a, b DaemonID, _ []byte) bool { return a == 1 && b == 2 && !w.toAll }},
		{"second port of 3", 3, 120 * ms, false, func(w *net, a, b DaemonID, d []byte) bool { return (a == 3 || b == 3) && !w.toAll && !data(d) }},
		{"all of 2 refused", 3, 150 * ms, true, func(w *net, a, b DaemonID, _ []byte) bool { return a == 2 && (b == 3 || !w.toAll) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newNet(t, c.n)
			w.latency = c.latency
			w.breaks(c.refused, func(a, b DaemonID, d []byte) bool { return c.lost(w, a, b, d) })
			w.start(w.ids...)
			w.run(time.Minute, nil)
			before := make(map[DaemonID]uint64)
			for _, id := range w.ids {
				before[id] = w.changes(id)
			}
			w.run(30*time.Second, nil)
			for _, id := range w.ids {
				if n := w.changes(id) - before[id]; n > 0 || w.nodes[id].config == nil {
					t.Errorf("%d: %d memberships in 30 s; %s", id, n, w.states())
				}
			}
		})
	}
}

// ways are those in which a link can be broken in one direction.
var ways = []struct {
	name    string
	refused bool
	lost    func(w *net, d []byte) bool
}{
	{"alone", false, func(w *net, _ []byte) bool { return !w.toAll }},
	{"to all", false, func(w *net, _ []byte) bool { return w.toAll }},
	{"all", false, func(*net, []byte) bool { return true }},
	{"alone, refused", true, func(w *net, _ []byte) bool { return !w.toAll }},
	{"second port", false, func(w *net, _ []byte) bool { return !w.toAll && !w.bulk }},
	{"all, refused", true, func(*net, []byte) bool { return true }},
}

// Whatever links stay broken, and however far daemons are from each other, the
// membership stays, and all come together when the links are whole again.
func TestLinksBrokenAtRandom(t *testing.T) {
	type link struct{ from, to DaemonID }
	for seed := range uint64(150) {
		random := rand.New(rand.NewPCG(seed, 1))
		n := 2 + random.IntN(4)
		w := newNet(t, n)
		w.latency = time.Duration(1+random.IntN(200_000)) * time.Microsecond
		broken := make(map[link]int)
		for range 1 + random.IntN(n*(n-1)/2+1) {
			a, b, way := DaemonID(1+random.IntN(n)), DaemonID(1+random.IntN(n)), random.IntN(len(ways))
			broken[link{a, b}] = way
			if random.IntN(2) == 0 {
				broken[link{b, a}] = way
			}
		}
		w.drop = func(a, b DaemonID, d []byte) bool {
			way, ok := broken[link{a, b}]
			if !ok || !ways[way].lost(w, d) {
				return false
			}
			return w.lose(a, b, ways[way].refused)
		}
		w.start(w.ids...)
		talk := func(d time.Duration) {
			for end := w.now + d; w.now < end; {
				w.submit(w.ids[random.IntN(n)], Service(random.IntN(6)), fmt.Sprint(w.now))
				w.run(time.Duration(random.Int64N(int64(200*time.Millisecond))), nil)
			}
		}
		talk(40 * time.Second)
		before := make(map[DaemonID]uint64)
		for _, id := range w.ids {
			before[id] = w.changes(id)
		}
		talk(30 * time.Second)
		for _, id := range w.ids {
			if k := w.changes(id) - before[id]; k > 2 || w.nodes[id].config == nil {
				t.Errorf("seed %d: %d: %d memberships in 30 s; broken are %v; %s", seed, id, k, broken, w.states())
			}
		}
		clear(broken)
		w.run(20*time.Second, w.together(w.ids...))
	}
}
