package sim

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"gospread/spread/internal/ring"
)

// Plan says what a world is like, and what goes wrong in it.
type Plan struct {
	Seed uint64
	// Daemons are in the configuration at first; Spare ones may be added by a reload.
	Daemons, Spare int
	// Sites are the segments: daemon i is in segment i*Sites/Daemons. Latency and
	// loss between sites are those of Far, inside them those of Near.
	Sites     int
	Near, Far Path
	// Multicast: a packet for everybody leaves its sender once. Else it leaves as
	// unicast datagrams, which may be refused.
	Multicast bool
	// Rate of the network interface of each host, in bytes a second.
	Rate int
	// Datagram is the largest that a daemon may send, in bytes; if Mixed, that of
	// some daemons is smaller.
	Datagram int
	Mixed    bool
	// Buffer is what a host keeps for a busy daemon, in datagrams of each class.
	Buffer int
	// Work is the time that a datagram costs its receiver.
	Work time.Duration
	// Batch is how many datagrams a daemon takes before it advances.
	Batch int
	// Windows and Timing are given to the machines.
	Windows ring.Windows
	Timing  ring.Timing
	// Stagger is the time within which the daemons start.
	Stagger time.Duration

	Traffic Traffic
	// Duration of traffic and faults. What follows is rest.
	Duration time.Duration
	Faults   []Fault
	// Lasting is what goes on when the other faults have ended.
	Lasting Lasting
	// Forgets: a daemon that starts again does not know what times its former
	// lives used in ids of configurations.
	Forgets bool
	// Rubbish feeds damaged bytes to the machines; the guarantees are not checked.
	Rubbish bool
	// Damage breaks the machines from outside, by name (see damages).
	Damage string
}

// Path is how datagrams get from one host to another.
type Path struct {
	Latency, Jitter time.Duration
	Loss            float64
}

// Limits bound what Choose may choose.
type Limits struct {
	MinDaemons, MaxDaemons int
	Duration               time.Duration
}

// Choose makes the plan of a seed.
func Choose(seed uint64, limits Limits) *Plan {
	r := rand.New(rand.NewPCG(seed, 0x706c616e))
	p := &Plan{
		Seed:      seed,
		Daemons:   limits.MinDaemons + r.IntN(limits.MaxDaemons-limits.MinDaemons+1),
		Sites:     1,
		Near:      Path{Latency: between(r, 50*time.Microsecond, 500*time.Microsecond)},
		Multicast: r.IntN(3) > 0,
		Rate:      125_000_000,
		Datagram:  pick(r, 1400, 1400, 8900, 60000, 576),
		Mixed:     r.IntN(8) == 0,
		Buffer:    pick(r, 1000, 200, 5000),
		Work:      pick(r, 0, time.Microsecond, 5*time.Microsecond, 30*time.Microsecond),
		Batch:     pick(r, 1, 8, 64),
		Stagger:   pick(r, 0, time.Millisecond, 300*time.Millisecond, 2*time.Second),
		Duration:  limits.Duration,
	}
	p.Near.Jitter = pick(r, 0, p.Near.Latency/10, p.Near.Latency)
	p.Far = p.Near
	switch r.IntN(4) {
	case 0: // wide area
		p.Sites = min(p.Daemons, 2+r.IntN(4))
		p.Far = Path{Latency: between(r, 20*time.Millisecond, 150*time.Millisecond), Loss: 0.01}
		p.Far.Jitter = time.Duration(r.Int64N(int64(p.Far.Latency / 4)))
		p.Rate = 12_500_000
	case 1: // several segments of a local network
		p.Sites = min(p.Daemons, 1+r.IntN(4))
	}
	if r.IntN(4) == 0 {
		p.Windows.Global = 10 + r.IntN(150)
		p.Windows.Personal = 1 + r.IntN(p.Windows.Global)
		p.Windows.Accelerated = r.IntN(p.Windows.Personal + 1)
	}
	p.Traffic = chooseTraffic(r, p)
	p.Faults = chooseFaults(r)
	p.chooseTiming(r)
	if r.IntN(3) == 0 {
		p.strain(r)
	}
	if slices.ContainsFunc(p.Faults, func(f Fault) bool { return f.Kind == Reload }) {
		p.Spare = r.IntN(4)
	}
	if r.IntN(2) == 0 {
		p.Lasting = Lasting(r.IntN(int(numLasting)))
	}
	return p
}

func between(r *rand.Rand, low, high time.Duration) time.Duration {
	return low + time.Duration(r.Int64N(int64(high-low)+1))
}

func pick[T any](r *rand.Rand, choices ...T) T { return choices[r.IntN(len(choices))] }

func (p *Plan) wide() bool { return p.Far.Latency > 5*time.Millisecond }

// bound is the time within which all must be well again when the faults stop. A
// machine whose times follow the round trips knows for some time only those of the
// spikes before: then it judges silence as it would in a wide area. A path that
// swallows large datagrams costs failed attempts, which in a wide area take seconds
// each.
func (p *Plan) bound() time.Duration {
	if p.wide() && p.Lasting == StayNarrow {
		return time.Minute
	}
	spikes := slices.ContainsFunc(p.Faults, func(f Fault) bool { return f.Kind == Spike })
	if p.wide() || spikes && p.Timing == (ring.Timing{}) {
		return 30 * time.Second
	}
	return 10 * time.Second
}

// chooseTiming gives the machines times, as a configuration file does, or lets them
// follow the round trips.
func (p *Plan) chooseTiming(r *rand.Rand) {
	switch n := r.IntN(4); {
	case p.wide() && n < 2:
		p.Timing = ring.WideTiming()
	case p.wide():
	case n == 0:
		p.Timing = ring.LocalTiming()
	case n == 1:
		k := pick(r, 1, 2, 5)
		ms := func(n int) time.Duration { return time.Duration(k*n) * time.Millisecond }
		p.Timing = ring.Timing{Loss: ms(100), Beat: ms(30), Join: ms(10), Start: ms(40), Gather: ms(50), Form: ms(50), Probe: ms(100)}
	}
}

// strain makes it heavy going: much at a time, or through small windows, or both.
func (p *Plan) strain(r *rand.Rand) {
	n := r.IntN(3)
	if n > 0 {
		p.Traffic.heavy(r, p)
	}
	if n < 2 {
		p.Windows = ring.Windows{Global: pick(r, 1, 2, 4, 10, 30)}
		p.Windows.Personal = 1 + r.IntN(p.Windows.Global)
		// What the windows let through in some seconds.
		turn := 4*p.Far.Latency + 2*p.Far.Jitter + 2*time.Millisecond
		most := int(5*time.Second/turn) * p.Windows.Global * min(p.Datagram, 1400)
		if most < p.Traffic.Most || p.Traffic.Most == 0 {
			p.Traffic.Most = most
		}
	}
}

// String tells the plan in a few lines.
func (p *Plan) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d daemons and %d spare, %d sites, near %v, far %v, multicast %v, datagram %d (mixed %v), buffer %d, work %v, batch %d, windows %+v, timing %v, stagger %v\n",
		p.Daemons, p.Spare, p.Sites, p.Near, p.Far, p.Multicast, p.Datagram, p.Mixed, p.Buffer, p.Work, p.Batch,
		p.Windows, p.Timing.Loss, p.Stagger)
	fmt.Fprintf(&b, "traffic %+v for %v\n", p.Traffic, p.Duration)
	fmt.Fprintf(&b, "lasting: %v\n", p.Lasting)
	for i := range p.Faults {
		fmt.Fprintf(&b, "fault %v\n", &p.Faults[i])
	}
	return b.String()
}

func (p Path) String() string {
	return fmt.Sprintf("%v+%v/%.2g%%", p.Latency, p.Jitter, p.Loss*100)
}
