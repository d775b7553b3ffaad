package daemon

import "sync/atomic"

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
