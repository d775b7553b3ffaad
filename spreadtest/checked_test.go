package spreadtest_test

import (
	"context"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"testing"
	"time"

	"gospread/spread/internal/spcheck"
	"gospread/spread/spreadtest"
)

// The guarantees hold for real daemons and clients while faults come and go. SEED
// and STEPS in the environment make another or a longer run of it.
func TestGuaranteesUnderFaults(t *testing.T) {
	t.Parallel()
	seed, steps := number("SEED", 1), number("STEPS", 4)
	c := spreadtest.New(t, 5, spreadtest.WithSeed(seed))
	o := spcheck.Defaults()
	o.Seed, o.Rate, o.Bytes = seed, 50, 10_000
	for _, name := range c.Names() {
		o.Daemons = append(o.Daemons, c.Addr(name))
	}
	l, err := spcheck.Start(o)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	ctx, cancel := context.WithTimeout(t.Context(), time.Duration(steps+10)*10*time.Second)
	defer cancel()
	if err := l.Begin(ctx); err != nil {
		t.Fatal(err)
	}
	s := &schedule{t: t, ctx: ctx, c: c, l: l, rng: rand.New(rand.NewPCG(seed, 1))}
	for range steps {
		s.step()
	}
	if err := l.Settle(ctx); err != nil {
		t.Error(err)
	}
	r := l.Check()
	for _, v := range r.Violations {
		t.Error(v)
	}
	if r.Signals == 0 || r.Compared.OrderPairs == 0 {
		t.Errorf("nothing was tried: %+v", r.Counts)
	}
	t.Logf("seed %d, %d steps: %+v, %+v", seed, steps, r.Counts, r.Compared)
}

func number(name string, or uint64) uint64 {
	if n, err := strconv.ParseUint(os.Getenv(name), 10, 32); err == nil {
		return n
	}
	return or
}

// schedule makes faults at random.
type schedule struct {
	t   *testing.T
	ctx context.Context
	c   *spreadtest.Cluster
	l   *spcheck.Load
	rng *rand.Rand
}

// step makes one fault, waits until those who remain together go on, and mends it.
func (s *schedule) step() {
	names := s.c.Names()
	order := s.rng.Perm(len(names))
	one, others := order[0], slices.Sorted(slices.Values(order[1:]))
	name := names[one]
	if s.rng.IntN(3) == 0 {
		s.c.Loss(0.02)
	}
	what := s.rng.IntN(5)
	s.t.Logf("fault %d, of %s", what, name)
	switch what {
	case 0:
		n := 1 + s.rng.IntN(len(names)/2)
		var part []string
		for _, d := range order[:n] {
			part = append(part, names[d])
		}
		s.c.Partition(part)
		s.await(order[:n])
		s.await(order[n:])
		s.c.Heal()
	case 1:
		s.c.Kill(name)
		s.await(others)
		s.c.Restart(name)
	case 2:
		s.c.Stop(name)
		s.await(others)
		s.c.Restart(name)
	case 3:
		s.c.Pause(name)
		s.await(others)
		s.c.Resume(name)
	case 4:
		for _, d := range others {
			s.c.Cut(name, names[d])
		}
		s.await(others)
		s.c.Heal()
	}
	s.c.Loss(0)
	if s.rng.IntN(3) > 0 { // else the next fault comes while they merge
		s.await([]int{0, 1, 2, 3, 4})
	}
}

func (s *schedule) await(daemons []int) {
	s.t.Helper()
	if _, err := s.l.AwaitView(s.ctx, daemons...); err != nil {
		s.t.Fatal(err)
	}
}
