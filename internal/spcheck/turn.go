package spcheck

import (
	"context"
	"time"

	"gospread/spread"
)

// task is what a client does next.
type task uint8

const (
	enterRound task = iota // join the groups of a new round
	sendMarker             // send the last message
	act                    // do something at random, when it is due
)

// turn waits until a client has something to do.
func (l *Load) turn(ctx context.Context, c *client) (what task, p *place, err error) {
	err = l.await(ctx, func() bool {
		p = c.place.Load()
		switch {
		case c.entered != l.record:
			what = enterRound
		case c.marked < l.attempt:
			what = sendMarker
		case l.traffic:
			what = act
		default:
			return false
		}
		return true
	})
	if ctx.Err() != nil {
		err = ctx.Err()
	}
	return what, p, err
}

// assign gives a connection its place in the round. Call it with the lock.
func (l *Load) assign(c *client) {
	c.place.Store(&place{l.record, l.record.open(c.serial, c.daemon, c.conn)})
	c.entered, c.marked, c.base = nil, 0, set{}
	c.heard = make(map[uint32]bool)
}

func (l *Load) connected(c *client, conn *spread.Conn, serial uint32) {
	l.mu.Lock()
	defer l.mu.Unlock()
	c.conn, c.serial, c.id = conn, serial, hash(conn.PrivateGroup())
	l.names[c.daemon] = conn.Daemon()
	l.assign(c)
	l.notify()
}

// unreachable notes that a daemon takes no connection.
func (l *Load) unreachable(c *client, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	c.down = err
	l.notify()
}

// closing notes that a connection is about to end: from here on nothing that was
// sent is sure to be ordered.
func (l *Load) closing(c *client) { c.place.Load().journal.end() }

// lost notes that a connection has ended.
func (l *Load) lost(c *client, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	c.place.Load().journal.end()
	c.conn, c.down = nil, err
	l.counts.turnover++
	l.notify()
}

func (l *Load) didEnter(c *client, p *place) {
	l.mu.Lock()
	defer l.mu.Unlock()
	c.entered = p.record
	l.notify()
}

// nextMarker is the attempt that the client's marker belongs to.
func (l *Load) nextMarker(c *client) uint32 {
	l.mu.Lock()
	defer l.mu.Unlock()
	c.marked = l.attempt
	return l.attempt
}

// marker notes that a client has received a marker.
func (l *Load) marker(c *client, p *place, h *head) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if c.place.Load() == p && h.marker == l.attempt {
		c.heard[h.serial] = true
		if l.wanted(c) {
			l.notify()
		}
	}
}

// wanted tells whether somebody may wait for what a client has just heard: it has
// heard as many as see each other. Call it with the lock.
func (l *Load) wanted(c *client) bool { return len(c.heard) >= min(c.base.n, len(l.clients)) }

// baseView notes whom a client sees.
func (l *Load) baseView(c *client, p *place, v *spread.View) {
	now := time.Now()
	l.mu.Lock()
	defer l.mu.Unlock()
	if c.place.Load() == p {
		c.base, c.baseAt = setOf(v.Members), now
		l.counts.turnover++
		if v.Cause == spread.CausedByNetwork {
			l.counts.changes++
		}
		l.notify()
	}
}
