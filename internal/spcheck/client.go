package spcheck

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"gospread/spread"
)

// Waits between attempts to connect.
const (
	firstRetry = 20 * time.Millisecond
	lastRetry  = 100 * time.Millisecond
)

// client keeps one connection to its daemon, and makes a new one whenever that
// ends. One goroutine connects and sends, another receives.
type client struct {
	load       *Load
	daemon     int // index of its daemon
	membership bool
	rand       *rand.Rand
	again      string // the private name to take again; "" for a new one

	// place is where events of the connection are written down.
	place atomic.Pointer[place]

	// What follows belongs to the lock of load.
	conn    *spread.Conn // nil while there is none
	down    error        // why there is none
	serial  uint32
	id      uint64  // its private group, hashed
	entered *record // the round that it has joined its groups of
	marked  uint32  // the last marker that it has sent
	base    set     // the last view of the base group
	baseAt  time.Time
	heard   map[uint32]bool // connections whose marker has come
}

// place is a connection's part of a round.
type place struct {
	record  *record
	journal *journal
}

// live connects again and again until ctx ends.
func (c *client) live(ctx context.Context) {
	retry := firstRetry
	for ctx.Err() == nil {
		serial := c.load.newSerial()
		conn, err := c.dial(ctx, serial)
		if err != nil {
			c.load.unreachable(c, err)
			if !wait(ctx, retry) {
				return
			}
			retry = min(2*retry, lastRetry)
			continue
		}
		retry = firstRetry
		c.session(ctx, conn, serial)
	}
}

// wait waits for a time, and returns false if ctx ends before.
func wait(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

func (c *client) dial(ctx context.Context, serial uint32) (*spread.Conn, error) {
	name := c.again
	if c.again = ""; name == "" {
		name = userName(c.load.run, serial)
	}
	opts := []spread.Option{spread.WithName(name), spread.WithMembership(c.membership), spread.WithReceiveQueue(8 << 20)}
	if dial := c.load.o.Dial; dial != nil {
		opts = append(opts, dial(c.daemon)...)
	}
	ctx, cancel := context.WithTimeout(ctx, c.load.o.Limit)
	defer cancel()
	return spread.Dial(ctx, c.load.o.Daemons[c.daemon], opts...)
}

// session is the life of one connection.
func (c *client) session(ctx context.Context, conn *spread.Conn, serial uint32) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	c.load.connected(c, conn, serial)
	received := make(chan error, 1)
	go func() {
		received <- c.receive(ctx, conn)
		cancel()
	}()
	sending := c.send(ctx, conn)
	c.load.closing(c)
	_ = conn.Close()
	err := <-received
	if !errors.Is(err, spread.ErrConnectionClosed) {
		err = sending
	}
	c.load.lost(c, err)
}

// receive notes what comes, until the connection ends.
func (c *client) receive(ctx context.Context, conn *spread.Conn) error {
	for {
		ev, err := conn.Receive(ctx)
		if err != nil {
			return err
		}
		p := c.place.Load()
		switch ev := ev.(type) {
		case *spread.Message:
			if h, ok := p.record.message(p.journal, ev); ok && h.marker != 0 {
				c.load.marker(c, p, &h)
			}
		case *spread.View:
			if p.record.names.mine(ev.Group) {
				p.record.view(p.journal, ev)
				if ev.Group == p.record.names.base {
					c.load.baseView(c, p, ev)
				}
			}
		case *spread.Transition:
			if p.record.names.mine(ev.Group) {
				p.record.transition(p.journal, ev)
			}
		case *spread.SelfLeave:
			if p.record.names.mine(ev.Group) {
				p.record.selfLeave(p.journal, ev.Group)
			}
		case *spread.Rejected:
			c.load.refused(c, ev)
		}
	}
}

// send does what is to be done, until the connection ends or is given up.
func (c *client) send(ctx context.Context, conn *spread.Conn) error {
	pace := newPace(c.load.o.Rate, c.rand)
	for {
		what, p, err := c.load.turn(ctx, c)
		if err != nil {
			return err
		}
		switch what {
		case enterRound:
			err = c.enter(ctx, conn, p)
		case sendMarker:
			err = c.mark(ctx, conn, p)
		case act:
			if pace.wait(ctx, c.load.changes()) {
				err = c.act(ctx, conn, p)
			}
		}
		if err != nil {
			return err
		}
	}
}

// pace spreads actions over time, at random intervals.
type pace struct {
	rand *rand.Rand
	mean time.Duration
	next time.Time
}

func newPace(rate int, r *rand.Rand) *pace {
	return &pace{rand: r, mean: time.Second / time.Duration(rate), next: time.Now()}
}

// wait returns true when an action is due, and false if something else has
// changed before. What is missed for more than a moment is not made up for.
func (p *pace) wait(ctx context.Context, changed <-chan struct{}) bool {
	now := time.Now()
	if now.Sub(p.next) > 100*time.Millisecond {
		p.next = now
	}
	if d := p.next.Sub(now); d > 0 {
		timer := time.NewTimer(d)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-changed:
			return false
		case <-ctx.Done():
			return false
		}
	}
	p.next = p.next.Add(time.Duration(p.rand.ExpFloat64() * float64(p.mean)))
	return true
}
