package ring

import (
	"time"

	"gospread/spread/internal/stats"
)

// times are the histograms of a machine, of nanoseconds.
type times struct{ rotation, wait, delivery stats.Histogram }

func newTimes() times {
	h := stats.Of(stats.Latency)
	return times{h, h, h}
}

// timeToken measures how long the token that has come now was away. What rests for
// long shows itself; what has not can have rested for a Beat at most.
func (m *Machine) timeToken() {
	r := m.ring
	if away := m.now - r.visit.since; r.visit.moving && away < m.t.Beat {
		m.times.rotation.Record(int64(away))
	}
	if r.wake.active {
		m.times.wait.Record(int64(m.now - r.wake.since))
	}
}

// Status is a machine as operators see it.
type Status struct {
	// State is gathering, forming, recovering, operational or departed.
	State string
	// Config is the last configuration installed, nil before the first; it must not be
	// changed.
	Config   *Configuration
	Epoch    uint32 // the digest of the configuration of daemons in force
	Counters Counters
	// Aru is the highest number up to which this daemon has everything, Stable that
	// for all members, High the highest that it has heard of; of Config.
	Aru, Stable, High uint64
	// Window, Personal and Accelerated are the windows in force, in packets.
	Window, Personal, Accelerated int
	Backlog                       int // see [Machine.Backlog]
	Datagram                      int // the size in use, in bytes
	Peers                         []PeerStatus
	// Rotation is, in nanoseconds as all of these, from one visit of the token to the
	// next while it moves; Wait from when it wants the token until
	// it has it; Delivery from when an own packet got its number until all of it was
	// delivered here.
	Rotation, Wait, Delivery stats.Histogram
}

// PeerStatus is what is known of a daemon of the configuration.
type PeerStatus struct {
	ID DaemonID
	// RoundTrip is the smoothed time of its answers, 0 if none was measured.
	RoundTrip time.Duration
	// Heard is how long ago its last datagram came, 0 for this daemon itself;
	// negative: never.
	Heard time.Duration
	// Alive: it has been heard of, and nothing says that it has ended since.
	Alive bool
	// Mismatch: it has another configuration of daemons, and has said so lately.
	Mismatch bool
}

// Status tells where the machine stands.
func (m *Machine) Status() Status {
	s := Status{State: m.state.String(), Epoch: m.epoch.Digest, Counters: m.counts, Backlog: m.Backlog(), Datagram: m.datagram,
		Rotation: m.times.rotation, Wait: m.times.wait, Delivery: m.times.delivery,
		Accelerated: m.acceleration(), Peers: make([]PeerStatus, len(m.peers))}
	if r := m.ring; r != nil {
		s.Config = r.config
		s.Aru, s.Stable, s.High = r.aru, r.stable, r.high
		s.Window = m.window()
		s.Personal = m.personal(s.Window)
	}
	for i, p := range m.peers {
		s.Peers[i] = m.statusOf(p)
	}
	return s
}

func (m *Machine) statusOf(p *peer) PeerStatus {
	s := PeerStatus{ID: p.id, Heard: -1, Alive: p.alive()}
	switch {
	case p == m.self:
		s.Heard = 0
	case p.heard != never:
		s.Heard = max(m.now-p.heard, 0)
	}
	if p.rtt.n > 0 {
		s.RoundTrip = p.rtt.mean
	}
	s.Mismatch = p.mismatch != never && m.now-p.mismatch < 2*mismatchEvery && (p.heard == never || p.mismatch > p.heard)
	return s
}

// State names where the machine stands.
func (m *Machine) State() string { return m.state.String() }

// Counters are the numbers since the machine was made.
func (m *Machine) Counters() Counters { return m.counts }
