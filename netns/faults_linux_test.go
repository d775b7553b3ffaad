package netns

import (
	"context"
	"os"
	"strings"
	"testing"
	"time"
)

// limits are how long changes may take until all clients have been told.
type limits struct {
	kill    time.Duration // killed, to the view without it
	stop    time.Duration // asked to stop, to the view without it
	silent  time.Duration // cable pulled or process asleep, to the view without it
	restart time.Duration // started, to the view with it
	heal    time.Duration // network healed, to the view of all
}

// bounds are three times what is aimed at; the original's are those of its
// time-outs here.
func bounds() limits {
	if target.original {
		return limits{kill: 2 * time.Second, stop: 2 * time.Second, silent: 2 * time.Second, restart: 2 * time.Second, heal: 6 * time.Second}
	}
	b := limits{
		kill: 900 * time.Millisecond, stop: 90 * time.Millisecond, silent: 3600 * time.Millisecond,
		restart: 900 * time.Millisecond, heal: 4500 * time.Millisecond,
	}
	if raceDetector { // some five times slower
		b = limits{2 * b.kill, 12 * b.stop, 2 * b.silent, 2 * b.restart, 2 * b.heal}
	}
	return b
}

func TestThreeMulticast(t *testing.T) { testEach(t, setup{daemons: 3}) }
func TestTwoSegments(t *testing.T)    { testEach(t, setup{daemons: 4, segment: 2}) }
func TestThreeUnicast(t *testing.T)   { testEach(t, setup{daemons: 3, segment: 1}) }

// TestSegments has other kinds of segments.
func TestSegments(t *testing.T) {
	for _, k := range []struct {
		name, addrs string
		v6          bool
	}{
		{"broadcast", "198.18.77.255:4803", false},
		{"two addresses", "225.0.77.1:4803 225.0.77.2", false},
		{"IPv6", "[ff02::77]:4803", true},
	} {
		t.Run(k.name, func(t *testing.T) {
			c := newCluster(t, setup{daemons: 3, addrs: k.addrs, v6: k.v6})
			b := bounds()
			c.round("kill the first", func(ctx context.Context) { c.killed(ctx, b, 0) })
			c.round("cable of the second", func(ctx context.Context) { c.unplugged(ctx, b, 1) })
			for _, d := range c.daemons {
				text, err := os.ReadFile(d.log)
				if err != nil {
					t.Fatal(err)
				}
				if strings.Contains(string(text), "each member is sent a copy instead") {
					t.Errorf("%s does not use the address of the segment:\n%s", d.name, text)
				}
			}
		})
	}
}

// testEach has each kind of fault happen once to each kind of member.
func testEach(t *testing.T, s setup) {
	c := newCluster(t, s)
	b := bounds()
	first, last := 0, len(c.all)-1
	c.round("nothing", func(ctx context.Context) { c.hold(ctx, time.Second) })
	if !target.original {
		c.round("the last naps", func(ctx context.Context) { c.napped(ctx, last) })
		c.round("the first is starved", func(ctx context.Context) { c.starved(ctx, first) })
	}
	c.round("kill the first", func(ctx context.Context) { c.killed(ctx, b, first) })
	c.round("kill the last", func(ctx context.Context) { c.killed(ctx, b, last) })
	c.round("stop the first", func(ctx context.Context) { c.stopped(ctx, b, first) })
	c.round("pause the last", func(ctx context.Context) { c.paused(ctx, b, last) })
	c.round("pause the first", func(ctx context.Context) { c.paused(ctx, b, first) })
	c.round("cable of the first", func(ctx context.Context) { c.unplugged(ctx, b, first) })
	c.round("cable of the second", func(ctx context.Context) { c.unplugged(ctx, b, 1) })
	c.round("the last is deaf", func(ctx context.Context) { c.deafened(ctx, b, last) })
	c.round("the second is mute", func(ctx context.Context) { c.muted(ctx, b, 1) })
	c.round("one way cut", func(ctx context.Context) { c.oneWay(ctx, b, first, last) })
	c.round("rolling restart", func(ctx context.Context) { c.rolling(ctx, b) })
}

func (c *cluster) killed(ctx context.Context, b limits, i int) {
	c.t.Helper()
	c.hold(ctx, 300*time.Millisecond)
	at := time.Now()
	c.kill(i)
	c.seen(ctx, "killed, to the view", at, b.kill, c.without(i)...)
	at = time.Now()
	c.start(i)
	c.seen(ctx, "started, to the view", at, b.restart, c.all...)
}

func (c *cluster) stopped(ctx context.Context, b limits, i int) {
	c.t.Helper()
	c.hold(ctx, 300*time.Millisecond)
	at := time.Now()
	c.stop(i)
	c.seen(ctx, "asked to stop, to the view", at, b.stop, c.without(i)...)
	at = time.Now()
	c.start(i)
	c.seen(ctx, "started, to the view", at, b.restart, c.all...)
}

func (c *cluster) paused(ctx context.Context, b limits, i int) {
	c.t.Helper()
	c.hold(ctx, 300*time.Millisecond)
	at := time.Now()
	c.pause(i)
	c.seen(ctx, "paused, to the view", at, b.silent, c.without(i)...)
	at = time.Now()
	c.resume(i)
	c.seen(ctx, "resumed, to the view", at, b.heal, c.all...)
}

// napped: a node sleeps for so short a time that it must stay.
func (c *cluster) napped(ctx context.Context, i int) {
	c.t.Helper()
	c.stays(ctx, "slept for 400 ms", func() bool { return c.nap(ctx, i, 400*time.Millisecond) })
}

// starved: a node runs for a small part of the time only, and must stay.
func (c *cluster) starved(ctx context.Context, i int) {
	c.t.Helper()
	c.stays(ctx, "was starved", func() bool {
		short := true
		for range 8 {
			short = c.nap(ctx, i, 300*time.Millisecond) && short
			c.hold(ctx, 50*time.Millisecond)
		}
		return short
	})
}

// nap pauses a node and reports whether that was no longer than meant: where the
// machine is busy, whoever is to resume it comes late.
func (c *cluster) nap(ctx context.Context, i int, d time.Duration) bool {
	began := time.Now()
	c.pause(i)
	c.hold(ctx, d)
	c.resume(i)
	return time.Since(began) < d+50*time.Millisecond
}

// stays checks that nobody is thrown out by what is done, if it was done as meant.
func (c *cluster) stays(ctx context.Context, what string, do func() (asMeant bool)) {
	c.t.Helper()
	for try := 1; ; try++ {
		changes := c.load.Changes()
		asMeant := do()
		c.progress(ctx, what, c.all...)
		now := c.load.Changes()
		if now == changes {
			return
		}
		if asMeant || try == 5 {
			c.t.Errorf("the membership changed because a daemon %s: %d network views", what, now-changes)
			return
		}
	}
}

func (c *cluster) unplugged(ctx context.Context, b limits, i int) {
	c.t.Helper()
	c.hold(ctx, 300*time.Millisecond)
	at := time.Now()
	c.plug(i, false)
	c.seen(ctx, "cable out, to the view", at, b.silent, c.without(i)...)
	c.seen(ctx, "cable out, to the view of the one", at, b.silent, i)
	at = time.Now()
	c.plug(i, true)
	c.seen(ctx, "cable in, to the view", at, b.heal, c.all...)
}

// deafened: a node hears nobody, and everybody hears it.
func (c *cluster) deafened(ctx context.Context, b limits, i int) {
	c.t.Helper()
	at := time.Now()
	for _, from := range c.without(i) {
		c.silence(from, i)
	}
	c.smaller(ctx, "deaf, to the view", at, b, i)
}

// muted: nobody hears a node, and it hears everybody.
func (c *cluster) muted(ctx context.Context, b limits, i int) {
	c.t.Helper()
	at := time.Now()
	for _, to := range c.without(i) {
		c.silence(i, to)
	}
	c.smaller(ctx, "mute, to the view", at, b, i)
}

// smaller waits for the view without a node, which must last, and heals. The
// original never finds one while a link works one way: it only must heal.
func (c *cluster) smaller(ctx context.Context, what string, at time.Time, b limits, i int) {
	c.t.Helper()
	if target.original {
		c.hold(ctx, 1500*time.Millisecond)
	} else {
		c.seen(ctx, what, at, b.silent, c.without(i)...)
		c.seen(ctx, what+" of the one", at, b.silent, i)
		c.lasts(ctx, time.Second, c.without(i)...)
	}
	at = time.Now()
	c.heal()
	c.seen(ctx, "healed, to the view", at, b.heal, c.all...)
}

// lasts checks that a view that all have does not change for a time.
func (c *cluster) lasts(ctx context.Context, d time.Duration, daemons ...int) {
	c.t.Helper()
	changes := c.load.Changes()
	c.hold(ctx, d)
	if now := c.load.Changes(); now != changes {
		c.t.Errorf("the membership changed although nothing happened: %d more network views", now-changes)
	}
	if _, err := c.load.AwaitView(ctx, daemons...); err != nil {
		c.t.Error(err)
	}
}

// oneWay: of two nodes one does not hear the other; all other links work. Either
// the others help out, or one of the two must go, it does not matter which.
func (c *cluster) oneWay(ctx context.Context, b limits, from, to int) {
	c.t.Helper()
	c.silence(from, to)
	if target.original {
		c.hold(ctx, 1500*time.Millisecond)
	} else {
		c.stable(ctx, c.all, c.without(from), c.without(to))
	}
	at := time.Now()
	c.heal()
	c.seen(ctx, "healed, to the view", at, b.heal, c.all...)
}

// stable waits until one of some sets of nodes is among itself, has messages going
// round, and stays so for a second.
func (c *cluster) stable(ctx context.Context, sets ...[]int) {
	c.t.Helper()
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	began := time.Now()
	for {
		nodes := c.anyOf(ctx, sets...)
		changes := c.load.Changes()
		c.hold(ctx, time.Second)
		attempt, stop := context.WithTimeout(ctx, time.Second)
		err := c.load.AwaitProgress(attempt, nodes...)
		stop()
		if err == nil && c.load.Changes() == changes {
			c.t.Logf("  stable with the nodes %v after %.1f s", nodes, time.Since(began).Seconds())
			return
		}
	}
}

// anyOf waits until the clients of one of some sets of nodes are among themselves.
func (c *cluster) anyOf(ctx context.Context, sets ...[]int) []int {
	c.t.Helper()
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	found := make(chan []int, len(sets))
	for _, nodes := range sets {
		go func() {
			if _, err := c.load.AwaitView(ctx, nodes...); err == nil {
				found <- nodes
			}
		}()
	}
	select {
	case nodes := <-found:
		return nodes
	case <-ctx.Done():
		c.t.Fatalf("none of %v are among themselves", sets)
		return nil
	}
}

// rolling restarts one after the other, as for an upgrade.
func (c *cluster) rolling(ctx context.Context, b limits) {
	c.t.Helper()
	for _, i := range c.all {
		c.stop(i)
		at := time.Now()
		c.start(i)
		c.seen(ctx, "restarted, to the view", at, b.restart, c.all...)
	}
}
