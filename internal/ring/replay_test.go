package ring

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// Datagrams that come again much later, from earlier rings, lives and attempts,
// change nothing: no configuration ends, nothing is delivered twice, all is
// delivered.
func TestReplays(t *testing.T) {
	for seed := range uint64(6) {
		rng := rand.New(rand.NewPCG(seed, 5))
		type old struct {
			to   DaemonID
			data []byte
		}
		var past []old
		w := newNet(t, 4)
		cut := DaemonID(0)
		w.drop = func(a, b DaemonID, data []byte) bool {
			lost := cut != 0 && (a == cut) != (b == cut)
			if !lost || rng.IntN(2) == 0 {
				past = append(past, old{b, slices.Clone(data)})
			}
			return lost || rng.IntN(50) == 0
		}
		talk := func(d time.Duration, k int) {
			for i := range k {
				id := w.ids[rng.IntN(len(w.ids))]
				if n := w.nodes[id]; !n.down {
					w.submit(id, Service(rng.IntN(6)), fmt.Sprintf("%d %v %0*d", id, w.now, rng.IntN(3000), i))
				}
				w.run(d/time.Duration(k), nil)
			}
		}
		w.start(w.ids...)
		w.run(2*time.Second, w.together(w.ids...))
		for range 4 {
			talk(300*time.Millisecond, 20)
			switch id := w.ids[rng.IntN(4)]; rng.IntN(3) {
			case 0:
				cut = id
				talk(1500*time.Millisecond, 20)
				cut = 0
			case 1:
				w.nodes[id].down = true
				talk(1500*time.Millisecond, 10)
				w.start(id)
			case 2:
				w.nodes[id].Leave(w.now)
				w.turn(id)
				w.run(time.Second, w.nodes[id].Left)
				w.nodes[id].down = true
				talk(1500*time.Millisecond, 10)
				w.start(id)
			}
			w.run(5*time.Second, w.together(w.ids...))
		}
		w.drop = nil
		w.run(time.Second, nil)
		history := past
		for _, n := range w.nodes {
			n.log = nil
		}
		before := make(map[DaemonID]uint64)
		for _, id := range w.ids {
			before[id] = w.changes(id)
		}
		sent := 0
		for range 3000 {
			x := history[rng.IntN(len(history))]
			w.nodes[x.to].Receive(w.now, x.data)
			w.turn(x.to)
			if rng.IntN(10) == 0 {
				w.submit(w.ids[rng.IntN(4)], Agreed, fmt.Sprint("new ", sent))
				sent++
			}
			w.run(time.Duration(rng.IntN(2000))*time.Microsecond, nil)
		}
		w.run(2*time.Second, nil)
		for _, id := range w.ids {
			if n := w.changes(id) - before[id]; n > 0 {
				t.Errorf("seed %d: %d has had %d changes", seed, id, n)
			}
			if !slices.Equal(w.nodes[id].log, w.nodes[1].log) || len(w.nodes[id].log) != sent {
				t.Errorf("seed %d: %d got %d messages of %d", seed, id, len(w.nodes[id].log), sent)
			}
		}
	}
}
