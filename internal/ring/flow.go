package ring

import "time"

// flow adapts how many packets may be under way where the configuration does not
// say. Loss is no reason to slow down as such, as single packets are repaired
// cheaply; much of it is, as then a buffer overflows somewhere.
type flow struct {
	window int
	sent   int // since the last adjustment
	resent int
}

const (
	firstWindow    = 128
	leastWindow    = 32
	mostInFlight   = 4 << 20 // bytes
	defaultOverlap = 16
	// maxQueueing is how long answers may queue before the window stops growing.
	maxQueueing = 20 * time.Millisecond
)

// window is how many numbers may be in use beyond the stable ones.
func (m *Machine) window() int {
	if w := m.o.Windows.Global; w > 0 {
		return min(w, MostWindow)
	}
	f := &m.ring.flow
	if f.window == 0 {
		f.window = firstWindow
	}
	return min(f.window, max(leastWindow, mostInFlight/m.datagram), MostWindow)
}

// quota is how many packets may be sent now.
func (m *Machine) quota() int {
	r := m.ring
	w := m.window()
	left := w - int(r.high-r.stable)
	if r.nextWanted() < 0 {
		return left
	}
	return min(left, m.personal(w)-r.visit.sent)
}

// personal is how many packets of a window may be sent in one visit of the token.
func (m *Machine) personal(window int) int {
	if p := m.o.Windows.Personal; p > 0 {
		return p
	}
	return max(8, window/(2*(m.ring.wanted.count()+1)))
}

// acceleration is how many packets may follow the token.
func (m *Machine) acceleration() int {
	switch a := m.o.Windows.Accelerated; {
	case a > 0:
		return a
	case a < 0:
		return 0
	}
	return defaultOverlap
}

// queueing tells whether answers take much longer than the path does: then what is
// under way only makes queues longer.
func (m *Machine) queueing() bool {
	for _, p := range m.ring.members {
		if p != m.self && p.rtt.n > 0 && p.rtt.mean > 2*p.rtt.least()+maxQueueing {
			return true
		}
	}
	return false
}

// adjust follows the path once a window's worth of packets has been sent.
func (m *Machine) adjust() {
	f := &m.ring.flow
	w := m.window()
	if f.sent < w {
		return
	}
	switch {
	case f.resent*5 > f.sent:
		f.window = max(leastWindow, f.window*7/10)
	case m.queueing():
	case f.resent*50 < f.sent:
		f.window = min(MostWindow, f.window*2)
	default:
		f.window = min(MostWindow, f.window+f.window/8)
	}
	f.sent, f.resent = 0, 0
}
