package daemon

import (
	"testing"
	"time"

	"gospread/spread/internal/conf"
	"gospread/spread/internal/ring"
)

// TestTiming: timers of the file bind; without them the ring has times of its own.
func TestTiming(t *testing.T) {
	const ms = time.Millisecond
	const all = "TokenTimeout = 3000 HurryTimeout = 500 AliveTimeout = 10 JoinTimeout = 20 RepTimeout = 30 SegTimeout = 40 GatherTimeout = 50 FormTimeout = 60 LookupTimeout = 4000"
	for _, c := range []struct {
		text string
		want ring.Timing
	}{
		{"", ring.Timing{}},
		{all, ring.Timing{Loss: 3000 * ms, Beat: 500 * ms, Join: 20 * ms, Start: 90 * ms, Gather: 90 * ms, Form: 60 * ms, Probe: 4000 * ms}},
		{all + " HurryTimeout = 2000", ring.Timing{Loss: 3000 * ms, Beat: 1000 * ms, Join: 20 * ms, Start: 90 * ms, Gather: 90 * ms, Form: 60 * ms, Probe: 4000 * ms}},
		{"WideAreaNetwork = true", ring.WideTiming()},
		{"WideAreaNetwork = false", ring.Timing{}},
	} {
		cfg, err := conf.Parse([]byte("Spread_Segment 127.0.0.255:6000 { a 127.0.0.1 }\n"+c.text), "", conf.Env{})
		if err != nil {
			t.Fatal(err)
		}
		if have := timing(&cfg.Options); have != c.want {
			t.Errorf("%q: %+v, want %+v", c.text, have, c.want)
		}
	}
}
