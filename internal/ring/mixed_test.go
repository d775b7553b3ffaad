package ring

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"
)

// Daemons whose files set different times, as while an administrator changes them on
// one machine after the other, form a ring that stays, at rest and with some traffic.
func TestMixedTimes(t *testing.T) {
	const ms = time.Millisecond
	times := []Timing{
		{},
		{Loss: 5000 * ms, Beat: 1666 * ms, Join: 1000 * ms, Start: 7000 * ms, Gather: 7000 * ms, Form: 5000 * ms, Probe: 8000 * ms},
		{Loss: 200 * ms, Beat: 20 * ms, Join: 50 * ms, Start: 250 * ms, Gather: 250 * ms, Form: 250 * ms, Probe: 5000 * ms},
	}
	for i := range 2 * len(times) * len(times) * len(times) {
		w := newNet(t, 3)
		mix, talk := i/2, i%2 == 0
		for id, k := range []int{mix % 3, mix / 3 % 3, mix / 9} {
			w.timing = times[k]
			w.start(DaemonID(id + 1))
		}
		w.run(time.Minute, w.together(1, 2, 3))
		changes := func() uint64 { return w.changes(1) + w.changes(2) + w.changes(3) }
		before := changes()
		random := rand.New(rand.NewPCG(1, 2))
		for end := w.now + 30*time.Second; w.now < end; {
			if talk {
				w.submit(DaemonID(1+random.IntN(3)), Safe, fmt.Sprint(w.now))
			}
			w.run(time.Duration(1+random.IntN(400))*ms, nil)
		}
		if n := changes() - before; n > 0 {
			t.Errorf("times %d, talk %v: %d memberships in 30 s", mix, talk, n)
		}
	}
}
