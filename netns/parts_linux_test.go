package netns

import (
	"context"
	"syscall"
	"testing"
	"time"
)

func TestFive(t *testing.T) {
	s := setup{daemons: 5}
	c, b := newCluster(t, s), bounds()
	c.round("two and three", func(ctx context.Context) {
		c.parted(ctx, b, []int{0, 1}, []int{2, 3, 4})
		c.healed(ctx, b)
	})
	c.round("three parts, healed at once", func(ctx context.Context) {
		c.parted(ctx, b, []int{0, 3}, []int{1, 4}, []int{2})
		c.healed(ctx, b)
	})
	c.round("three parts, step by step", func(ctx context.Context) {
		c.parted(ctx, b, []int{0, 1}, []int{2}, []int{3, 4})
		c.parted(ctx, b, []int{0, 1, 2}, []int{3, 4})
		c.healed(ctx, b)
	})
	c.round("other parts", func(ctx context.Context) {
		c.parted(ctx, b, []int{0, 1}, []int{2, 3, 4})
		c.parted(ctx, b, []int{0, 2}, []int{1, 3, 4})
		c.healed(ctx, b)
	})
	c.round("two killed at once", func(ctx context.Context) { c.killedAtOnce(ctx, b, 0, 3) })
	c.round("killed while parts merge", func(ctx context.Context) { c.killedInMerge(ctx, b) })
	c.round("parted while a change goes on", func(ctx context.Context) { c.cascade(ctx, b) })
	c.round("stopped while a change goes on", func(ctx context.Context) { c.stoppedInChange(ctx, b) })
	c.round("packets lost", func(ctx context.Context) { c.lossy(ctx) })
	c.random("at random", 8*time.Second, *seed, -1)
}

func TestFiveUnicast(t *testing.T) {
	s := setup{daemons: 5, segment: 1}
	c, b := newCluster(t, s), bounds()
	c.round("two and three", func(ctx context.Context) {
		c.parted(ctx, b, []int{0, 1}, []int{2, 3, 4})
		c.healed(ctx, b)
	})
	c.round("killed while parts merge", func(ctx context.Context) { c.killedInMerge(ctx, b) })
	c.random("at random", 8*time.Second, *seed, -1)
}

func TestEight(t *testing.T) {
	began := time.Now()
	s := setup{daemons: 8, rate: 30}
	c, b := newCluster(t, s), bounds()
	c.round("all started at once", func(ctx context.Context) {
		c.seen(ctx, "with namespaces, to the view", began, patience, c.all...)
		c.hold(ctx, time.Second)
	})
	c.round("three killed at once", func(ctx context.Context) { c.killedAtOnce(ctx, b, 0, 4, 5) })
	c.round("halves", func(ctx context.Context) {
		c.parted(ctx, b, []int{0, 2, 4, 6}, []int{1, 3, 5, 7})
		c.healed(ctx, b)
	})
	c.round("all but one started at once", func(ctx context.Context) { c.killedAtOnce(ctx, b, c.without(3)...) })
	c.round("rolling restart", func(ctx context.Context) { c.rolling(ctx, b) })
	c.random("at random", 8*time.Second, *seed, -1)
}

// parted parts the network, and waits until every part is among itself.
func (c *cluster) parted(ctx context.Context, b limits, parts ...[]int) {
	c.t.Helper()
	at := time.Now()
	c.partition(parts...)
	bound := b.silent
	if len(parts) < 5 {
		bound = max(b.silent, b.heal) // some parts may also have become larger
	}
	for _, part := range parts {
		c.seen(ctx, "parted, to the view of a part", at, bound, part...)
	}
}

func (c *cluster) healed(ctx context.Context, b limits) {
	c.t.Helper()
	at := time.Now()
	c.heal()
	c.seen(ctx, "healed, to the view", at, b.heal, c.all...)
}

func (c *cluster) killedAtOnce(ctx context.Context, b limits, nodes ...int) {
	c.t.Helper()
	c.hold(ctx, 300*time.Millisecond)
	at := time.Now()
	c.end(syscall.SIGKILL, nodes...)
	c.seen(ctx, "killed at once, to the view", at, 2*b.kill, c.without(nodes...)...)
	at = time.Now()
	for _, i := range nodes {
		c.start(i)
	}
	c.seen(ctx, "started at once, to the view", at, 2*b.restart, c.all...)
}

// killedInMerge kills a member of each part as soon as the parts begin to merge.
func (c *cluster) killedInMerge(ctx context.Context, b limits) {
	c.t.Helper()
	c.parted(ctx, b, []int{0, 1}, []int{2, 3, 4})
	at := time.Now()
	c.heal()
	c.hold(ctx, 50*time.Millisecond)
	c.kill(0)
	c.kill(3)
	c.seen(ctx, "killed in a merge, to the view", at, b.heal+b.kill, 1, 2, 4)
	at = time.Now()
	c.start(0)
	c.start(3)
	c.seen(ctx, "started, to the view", at, 2*b.restart, c.all...)
}

// cascade begins each change before the one before has come to its end.
func (c *cluster) cascade(ctx context.Context, b limits) {
	c.t.Helper()
	for _, parts := range [][][]int{
		{{0, 1}, {2, 3, 4}}, {{0, 1, 2}, {3, 4}}, {{0}, {1, 2, 3, 4}}, {{0, 4}, {1, 2}, {3}}, {{0, 1, 2, 3, 4}}, {{0, 2, 4}, {1, 3}},
	} {
		c.partition(parts...)
		c.hold(ctx, 120*time.Millisecond)
	}
	c.healed(ctx, b)
}

// stoppedInChange asks all daemons to stop while they look for a new membership, in
// which nothing that they have been given comes into an order any more.
func (c *cluster) stoppedInChange(ctx context.Context, b limits) {
	c.t.Helper()
	first := 550 * time.Millisecond // of what is most likely to meet the change
	if target.original {
		first = 150 * time.Millisecond
	}
	for after := first; after < first+800*time.Millisecond; after += 100 * time.Millisecond {
		c.partition([]int{0, 2}, []int{1, 4}, []int{3})
		c.hold(ctx, after)
		c.end(syscall.SIGTERM, c.all...)
		c.heal()
		for _, i := range c.all {
			c.start(i)
		}
		c.seen(ctx, "all started, to the view", time.Now(), 2*b.restart, c.all...)
	}
}

// lossy has two nodes lose packets, which nobody may notice.
func (c *cluster) lossy(ctx context.Context) {
	c.t.Helper()
	changes := c.load.Changes()
	c.lose(1, 0.01)
	c.lose(4, 0.05)
	c.hold(ctx, 3*time.Second)
	c.progress(ctx, "with loss", c.all...)
	if now := c.load.Changes(); now != changes && !target.original {
		c.t.Errorf("the membership changed because packets were lost: %d network views", now-changes)
	}
	c.heal()
}
