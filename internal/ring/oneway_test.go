package ring

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"
)

// Whatever links are dead for good, one way or both, for multicast or unicast or
// all: the daemons come to rest, and those who do not rest with all they could
// reach at least change no more. Everybody has a configuration. When the links are
// good again, all are together.
func TestDeadLinks(t *testing.T) {
	t.Run("both", func(t *testing.T) { deadLinks(t, func(*rand.Rand) int { return 2 }) })
	t.Run("either", func(t *testing.T) {
		deadLinks(t, func(rng *rand.Rand) int { return rng.IntN(3) })
	})
}

// deadLinks tries random sets of links, of which kind says what is dead: 0 unicast,
// 1 multicast, 2 both.
func deadLinks(t *testing.T, kind func(rng *rand.Rand) int) {
	seeds := 100
	if testing.Short() {
		seeds = 30
	}
	type link struct {
		from, to DaemonID
		how      int
	}
	for seed := range uint64(seeds) {
		rng := rand.New(rand.NewPCG(seed, 11))
		n := 2 + rng.IntN(4)
		dead := make(map[link]bool)
		for range 1 + rng.IntN(n*(n-1)/2+1) {
			a, b, how := DaemonID(1+rng.IntN(n)), DaemonID(1+rng.IntN(n)), kind(rng)
			dead[link{a, b, how}] = true
			if rng.IntN(2) == 0 {
				dead[link{b, a, how}] = true
			}
		}
		w := newNet(t, n)
		good := false
		w.drop = func(a, b DaemonID, _ []byte) bool {
			how := 0 // unicast
			if w.toAll {
				how = 1
			}
			return !good && (dead[link{a, b, how}] || dead[link{a, b, 2}])
		}
		w.start(w.ids...)
		traffic := func(d time.Duration) {
			for end := w.now + d; w.now < end; {
				id := w.ids[rng.IntN(n)]
				w.submit(id, Service(rng.IntN(6)), fmt.Sprint(w.now))
				w.run(time.Duration(rng.Int64N(int64(100*time.Millisecond))), nil)
			}
		}
		traffic(10 * time.Second)
		before := make(map[DaemonID]uint64)
		for _, id := range w.ids {
			before[id] = w.changes(id)
		}
		const watched = 30 * time.Second
		traffic(watched)
		for _, id := range w.ids {
			x := w.nodes[id]
			if x.config == nil {
				t.Errorf("seed %d: %d has no configuration", seed, id)
			}
			if changed := w.changes(id) - before[id]; changed > 6 {
				t.Errorf("seed %d: %d has changed %d times in %v; dead are %v", seed, id, changed, watched, dead)
			}
		}
		good = true
		w.run(20*time.Second, w.together(w.ids...))
		if t.Failed() {
			return
		}
	}
}
