package spcheck

import (
	"context"
	"errors"

	"gospread/spread"
	check "gospread/spread/internal/evscheck"
)

// errQuit ends a session because the client has chosen to.
var errQuit = errors.New("the client closed its connection")

// Of 10,000 actions, so many are not messages.
const (
	joins       = 40
	leaves      = 40
	disconnects = 5
)

// enter joins the groups of a new round.
func (c *client) enter(ctx context.Context, conn *spread.Conn, p *place) error {
	if err := c.leaveOld(ctx, conn, p); err != nil {
		return err
	}
	if err := c.join(ctx, conn, p, p.record.names.base); err != nil {
		return err
	}
	for _, g := range p.record.names.groups {
		if c.rand.IntN(3) > 0 {
			if err := c.join(ctx, conn, p, g); err != nil {
				return err
			}
		}
	}
	c.load.didEnter(c, p)
	return nil
}

// leaveOld leaves all groups of the round before.
func (c *client) leaveOld(ctx context.Context, conn *spread.Conn, p *place) error {
	if p.record.round == 1 {
		return nil
	}
	old := makeNames(p.record.run, p.record.round-1, len(p.record.names.groups))
	for _, g := range append(old.groups, old.base) {
		if err := conn.Leave(ctx, g); err != nil {
			return err
		}
	}
	return nil
}

func (c *client) join(ctx context.Context, conn *spread.Conn, p *place, group string) error {
	p.record.request(p.journal, check.Join, group)
	return conn.Join(ctx, group)
}

// mark sends the message behind which nothing comes any more.
func (c *client) mark(ctx context.Context, conn *spread.Conn, p *place) error {
	m := spread.Outgoing{Service: spread.Safe, Groups: []string{p.record.names.base}}
	p.record.send(p.journal, &m, headSize, c.load.nextMarker(c))
	return conn.Send(ctx, &m)
}

// act does one thing at random.
func (c *client) act(ctx context.Context, conn *spread.Conn, p *place) error {
	groups := p.record.names.groups
	switch x := c.rand.IntN(10_000); {
	case x < joins:
		return c.join(ctx, conn, p, groups[c.rand.IntN(len(groups))])
	case x < joins+leaves:
		g := groups[c.rand.IntN(len(groups))]
		p.record.request(p.journal, check.Leave, g)
		return conn.Leave(ctx, g)
	case x < joins+leaves+disconnects:
		if c.rand.IntN(2) == 0 {
			c.again = conn.Name()
		}
		return errQuit
	}
	m := spread.Outgoing{
		Service:     c.load.o.Services[c.rand.IntN(len(c.load.o.Services))],
		SelfDiscard: c.rand.IntN(20) == 0,
		Type:        int16(c.rand.Uint32()),
		Groups:      c.receivers(p),
	}
	p.record.send(p.journal, &m, c.size(), 0)
	return conn.Send(ctx, &m)
}

// receivers chooses where a message goes: one in five to two groups, one in ten to
// the group of all, one in fifty to some client.
func (c *client) receivers(p *place) []string {
	n := &p.record.names
	to := n.groups[c.rand.IntN(len(n.groups))]
	switch x := c.rand.IntN(100); {
	case x < 10:
		to = n.base
	case x < 12:
		to = c.load.someone(c.rand, to)
	case x < 32 && len(n.groups) > 1:
		other := n.groups[c.rand.IntN(len(n.groups))]
		if other != to {
			return []string{to, other}
		}
	}
	return []string{to}
}

// size chooses the size of a message: one in twenty has some kilobytes, one in
// five hundred is larger.
func (c *client) size() int {
	most := 600
	switch x := c.rand.IntN(500); {
	case x == 0:
		most = c.load.o.Bytes
	case x < 25:
		most = 9000
	}
	most = min(most, c.load.o.Bytes)
	return minBytes + c.rand.IntN(most-minBytes+1)
}
