package ring

import (
	"testing"
	"time"
)

// Parts merge however short the time between probes is that the file gives.
func TestShortProbes(t *testing.T) {
	for _, ms := range []int{1, 3, 5, 20} {
		w := newNet(t, 4)
		w.timing = LocalTiming()
		w.timing.Probe = time.Duration(ms) * time.Millisecond
		w.start(w.ids...)
		w.run(2*time.Second, w.together(w.ids...))
		cut := true
		w.drop = func(a, b DaemonID, _ []byte) bool { return cut && (a <= 2) != (b <= 2) }
		w.run(5*time.Second, w.together(1, 2))
		w.run(5*time.Second, w.together(3, 4))
		cut = false
		w.run(time.Second, w.together(w.ids...))
	}
}
