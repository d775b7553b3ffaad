package netns

import (
	"context"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// disturber chooses faults at random.
type disturber struct {
	*cluster
	rand   *rand.Rand
	spared int    // is never ended; -1: none is
	down   []bool // has no process
	asleep []bool
	loose  []bool // has no cable
}

// random has faults happen at random for a time, and then heals everything. One node,
// if it is not -1, keeps its process.
func (c *cluster) random(name string, d time.Duration, seed uint64, spared int) {
	c.t.Helper()
	c.t.Logf("%s: -seed %d", name, seed)
	n := len(c.daemons)
	x := &disturber{
		cluster: c, rand: rand.New(rand.NewPCG(seed, 0)), spared: spared,
		down: make([]bool, n), asleep: make([]bool, n), loose: make([]bool, n),
	}
	c.round(name, func(ctx context.Context) {
		x.disturb(ctx, d)
		x.repair()
		ctx, cancel := context.WithTimeout(ctx, patience)
		defer cancel()
		if _, err := c.load.AwaitView(ctx, c.all...); err != nil {
			c.t.Error(err)
		}
	})
}

func (x *disturber) disturb(ctx context.Context, d time.Duration) {
	end := time.Now().Add(d)
	for time.Now().Before(end) && ctx.Err() == nil {
		x.fault()
		x.hold(ctx, time.Duration(x.rand.IntN(1000))*time.Millisecond)
		select {
		case <-x.load.Full():
			return
		default:
		}
	}
}

// fault does something to a node, or to the network. What a node has already
// suffered ends instead.
func (x *disturber) fault() {
	x.t.Helper()
	i := x.rand.IntN(len(x.all))
	switch what := x.rand.IntN(20); {
	case x.down[i]:
		x.start(i)
		x.down[i] = false
	case x.asleep[i]:
		x.resume(i)
		x.asleep[i] = false
	case x.loose[i]:
		x.plug(i, true)
		x.loose[i] = false
	case what < 3 && i == x.spared:
	case what < 2:
		x.kill(i)
		x.down[i] = true
	case what < 3:
		x.stop(i)
		x.down[i] = true
	case what < 5:
		x.pause(i)
		x.asleep[i] = true
	case what < 8:
		x.plug(i, false)
		x.loose[i] = true
	case what < 12:
		x.partition(x.parts()...)
	case what < 14:
		x.silence(i, x.rand.IntN(len(x.all)))
	case what < 16:
		x.lose(i, 0.1*x.rand.Float64())
	default:
		x.heal()
	}
}

// parts parts the nodes into two or three.
func (x *disturber) parts() [][]int {
	parts := make([][]int, 2+x.rand.IntN(2))
	for _, i := range x.all {
		p := x.rand.IntN(len(parts))
		parts[p] = append(parts[p], i)
	}
	return parts
}

func (x *disturber) repair() {
	x.t.Helper()
	x.heal()
	for _, i := range x.all {
		switch {
		case x.down[i]:
			x.start(i)
		case x.asleep[i]:
			x.resume(i)
		}
		if x.loose[i] {
			x.plug(i, true)
		}
	}
}

// TestLong goes on as long as -long says: 5 daemons, 20 clients, faults at random,
// and the memory of the daemons must not grow. Most live for half a minute only, so
// what counts is the memory of one that is never ended.
func TestLong(t *testing.T) {
	if *long == 0 {
		t.Skip("-long 30m runs it")
	}
	const spared = 2
	c := newCluster(t, setup{daemons: 5, clients: 4, rate: *rate})
	var memory []int // of the spared one, a round
	for end := time.Now().Add(*long); time.Now().Before(end); {
		c.random("round", 20*time.Second, *seed+uint64(len(memory)), spared)
		var sizes []int
		for _, d := range c.daemons {
			sizes = append(sizes, d.resident()>>20)
		}
		t.Logf("resident memory in MB: %v", sizes)
		memory = append(memory, sizes[spared])
	}
	if n := len(memory); n >= 8 {
		early, late := slices.Max(memory[n/4:n/2]), slices.Max(memory[3*n/4:])
		if late > early*5/4+10 {
			t.Errorf("the daemon that was never ended had %d MB early and has %d MB now", early, late)
		}
	}
}
