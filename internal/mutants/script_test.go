package mutants

import (
	"testing"
	"time"

	"gospread/spread/internal/ring"
	"gospread/spread/internal/ringproto"
	"gospread/spread/internal/sim"
)

// TestCommitSet is a case that random runs hardly ever come to. d4 ends, and nobody
// has its last message; behind that there is one of d1. d1 and d2 recover together,
// but only d1 gets as far as installing, and has then delivered its message. d2,
// cut off from d1, recovers with d3: it must deliver the message too, and so must d3,
// although it has never heard of the attempt (semantics 3.5).
func TestCommitSet(t *testing.T) {
	const ms = time.Millisecond
	for _, service := range []ring.Service{ring.Agreed, ring.Safe} {
		s := sim.NewScript(t, sim.Local(4))
		s.Form()
		s.Join("d1 d2 d3 d4", "g0")
		s.For(100 * ms)
		s.Drop(ringproto.Data, "d4", "", 1000)
		s.Send("d4", "g0", service, 1, 100)
		s.For(5 * ms)
		s.Send("d1", "g0", service, 1, 100)
		s.For(20 * ms)
		s.Crash("d4")
		s.Partition("d1 d2 | d3 | d4")
		s.Pause("d3", 900*ms)
		s.On(ringproto.Install, "d1", 1, func(string) { s.Partition("d1 | d2 d3 | d4") })
		s.For(3 * time.Second)
		s.Finish()
	}
}
