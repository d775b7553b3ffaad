package daemon

import (
	"sync/atomic"
	"time"
)

// Bytes that wait for their place in the order. Above the first mark clients are
// not read, until less than the second waits.
const (
	backlogHigh = 1 << 20
	backlogLow  = 512 << 10
)

// pace holds clients back while the ring cannot take what they send.
type pace struct {
	room atomic.Pointer[chan struct{}] // closed when there is room again; nil: there is
}

// update takes the state of the ring after a turn, within it.
func (p *pace) update(backlog int, blocked bool) {
	room := p.room.Load()
	switch full := blocked || backlog > backlogHigh || room != nil && backlog > backlogLow; {
	case full && room == nil:
		c := make(chan struct{})
		p.room.Store(&c)
	case !full && room != nil:
		p.room.Store(nil)
		close(*room)
	}
}

// full returns what to wait for before more is submitted, nil if there is room.
func (p *pace) full() <-chan struct{} {
	if room := p.room.Load(); room != nil {
		return *room
	}
	return nil
}

// alarm makes a turn when the ring's deadline comes. Its fields belong to the
// engine's lock.
type alarm struct {
	ring  func() // makes the turn, in a goroutine of its own
	timer *time.Timer
	at    time.Duration
	armed bool
	off   bool
}

// early is how much too early the alarm may ring: it finds nothing to do then, and
// is set anew, which costs more than to set it once in a while.
const early = time.Millisecond

// set lets the alarm ring at the deadline at the latest, and not much before.
func (a *alarm) set(deadline, now time.Duration, last bool) {
	switch {
	case a.ring == nil || a.off:
	case last:
		a.stop()
	case a.armed && a.at <= deadline && deadline-a.at < early:
	case a.timer == nil:
		a.timer = time.AfterFunc(deadline-now, a.ring)
		a.at, a.armed = deadline, true
	default:
		a.timer.Reset(deadline - now)
		a.at, a.armed = deadline, true
	}
}

// stop ends the alarm for good.
func (a *alarm) stop() {
	a.off = true
	if a.timer != nil {
		a.timer.Stop()
	}
}
