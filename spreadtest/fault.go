package spreadtest

import "time"

// Partition parts the network: daemons of different parts no longer hear each other.
// Those that are not named form one more part. It replaces all earlier partitions
// and cuts.
func (c *Cluster) Partition(parts ...[]string) {
	c.tb.Helper()
	part := make(map[*site]int)
	for i, names := range parts {
		for _, name := range names {
			s := c.node(name).site
			if _, twice := part[s]; twice {
				c.tb.Fatalf("spreadtest: Partition: daemon %q is named twice", name)
			}
			part[s] = i + 1
		}
	}
	c.hub.set(func() {
		clear(c.hub.cuts)
		for _, from := range c.hub.sites {
			for _, to := range c.hub.sites {
				if part[from] != part[to] {
					c.hub.cuts[way{from, to}] = true
				}
			}
		}
	})
}

// Cut cuts the way from one daemon to another; the other direction stays as it is.
func (c *Cluster) Cut(from, to string) {
	c.tb.Helper()
	w := way{c.node(from).site, c.node(to).site}
	c.hub.set(func() { c.hub.cuts[w] = true })
}

// Heal joins what Partition and Cut have parted.
func (c *Cluster) Heal() {
	c.hub.set(func() { clear(c.hub.cuts) })
}

// Loss lets datagrams get lost, each with the probability p from 0 to 1, on every way and
// until it is called again.
func (c *Cluster) Loss(p float64) {
	c.tb.Helper()
	if !(p >= 0 && p <= 1) {
		c.tb.Fatalf("spreadtest: Loss(%v): must be from 0 to 1", p)
	}
	c.hub.set(func() { c.hub.loss = p })
}

// Delay lets every datagram take so long to its receiver, until it is called again. None
// overtakes another.
func (c *Cluster) Delay(d time.Duration) {
	c.tb.Helper()
	if d < 0 {
		c.tb.Fatalf("spreadtest: Delay(%v): must not be negative", d)
	}
	c.hub.set(func() { c.hub.delay = d })
}

// Kill ends a daemon as a crash of its process does: at once, and without a word to
// the others. The connections of its clients break.
func (c *Cluster) Kill(name string) {
	c.tb.Helper()
	c.alive(name, c.crash)
}

// Stop ends a daemon as an operator does, and waits for that: it takes leave of the
// others, and its clients' connections end.
func (c *Cluster) Stop(name string) {
	c.tb.Helper()
	c.alive(name, c.stop)
}

// Pause lets a daemon stand still as a stopped process does, until Resume. Its clients
// remain connected; what comes for it waits, up to 8 MiB from the other daemons.
func (c *Cluster) Pause(name string) {
	c.tb.Helper()
	c.alive(name, func(_ *node, l *life) { l.plug.pause() })
}

// Resume lets a paused daemon go on. It does nothing to one that is not paused.
func (c *Cluster) Resume(name string) {
	c.tb.Helper()
	c.alive(name, func(_ *node, l *life) { l.plug.resume() })
}

// Restart starts a daemon again that was killed or stopped. Clients may connect at
// once; for its membership with the others use [Cluster.WaitForView].
func (c *Cluster) Restart(name string) {
	c.tb.Helper()
	n := c.node(name)
	n.mu.Lock()
	defer n.mu.Unlock()
	if c.lifeOf(n) != nil {
		c.tb.Fatalf("spreadtest: Restart: daemon %s is running; Kill or Stop it first", name)
	}
	if err := c.start(n); err != nil {
		c.tb.Fatalf("spreadtest: Restart: daemon %s: %v", name, err)
	}
}

// alive does something to a running daemon.
func (c *Cluster) alive(name string, do func(*node, *life)) {
	c.tb.Helper()
	n := c.node(name)
	n.mu.Lock()
	defer n.mu.Unlock()
	l := c.lifeOf(n)
	if l == nil {
		c.tb.Fatalf("spreadtest: daemon %s is down; Restart it first", name)
	}
	do(n, l)
}

func (c *Cluster) lifeOf(n *node) *life {
	c.mu.Lock()
	defer c.mu.Unlock()
	return n.life
}
