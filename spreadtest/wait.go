package spreadtest

import (
	"context"
	"fmt"
	"slices"
	"strings"
)

// Membership returns the names of the daemons that a daemon shares a membership with
// at this moment, itself among them, in the order of the configuration; nil while it
// is down or has none yet.
func (c *Cluster) Membership(name string) []string {
	c.tb.Helper()
	n := c.node(name)
	c.mu.Lock()
	defer c.mu.Unlock()
	if n.life == nil {
		return nil
	}
	return slices.Clone(n.life.view.members)
}

// WaitForView waits until the named daemons share one membership that consists of
// them and nobody else. Their clients learn of it soon after, by the views of their
// groups. It ends the test when ctx ends first; without a deadline it waits for at
// most 30 seconds.
func (c *Cluster) WaitForView(ctx context.Context, names ...string) {
	c.tb.Helper()
	if len(names) == 0 {
		c.tb.Fatalf("spreadtest: WaitForView: no daemon is named; WaitTogether waits for all that run")
	}
	var nodes []*node
	for _, name := range names {
		if n := c.node(name); !slices.Contains(nodes, n) {
			nodes = append(nodes, n)
		}
	}
	c.wait(ctx, func() []*node { return nodes })
}

// WaitTogether waits, as WaitForView does, until all running daemons share one
// membership.
func (c *Cluster) WaitTogether(ctx context.Context) {
	c.tb.Helper()
	c.wait(ctx, func() (nodes []*node) {
		for _, n := range c.nodes {
			if n.life != nil {
				nodes = append(nodes, n)
			}
		}
		return nodes
	})
}

// wait waits until the daemons that who returns are together.
func (c *Cluster) wait(ctx context.Context, who func() []*node) {
	c.tb.Helper()
	if _, ok := ctx.Deadline(); !ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, patience)
		defer cancel()
	}
	for {
		c.mu.Lock()
		nodes, changed := who(), c.changed
		done, err := together(nodes), startError(nodes)
		c.mu.Unlock()
		switch {
		case done:
			return
		case err != nil:
			c.tb.Fatalf("spreadtest: %v", err)
		}
		select {
		case <-changed:
		case <-ctx.Done():
			c.tb.Fatalf("spreadtest: not together: %s (%v)", c.state(nodes), ctx.Err())
		}
	}
}

// together tells whether the nodes share one membership without others. The caller
// holds Cluster.mu.
func together(nodes []*node) bool {
	for _, n := range nodes {
		if n.life == nil || n.life.view.id != nodes[0].life.view.id || len(n.life.view.members) != len(nodes) {
			return false
		}
	}
	return true
}

// startError tells of a daemon that could not start. The caller holds Cluster.mu.
func startError(nodes []*node) error {
	for _, n := range nodes {
		if n.life != nil && n.life.err != nil {
			return fmt.Errorf("daemon %s: %w", n.name, n.life.err)
		}
	}
	return nil
}

// state tells what memberships there are.
func (c *Cluster) state(nodes []*node) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	var parts []string
	for _, n := range nodes {
		switch {
		case n.life == nil:
			parts = append(parts, n.name+" is down")
		case n.life.view.members == nil:
			parts = append(parts, n.name+" has no membership yet")
		default:
			parts = append(parts, fmt.Sprintf("%s is with %s", n.name, list(n.life.view.members)))
		}
	}
	return strings.Join(parts, ", ")
}

func list(names []string) string { return "{" + strings.Join(names, " ") + "}" }
