package ring

import (
	"math"
	"time"
)

// Peer is an entry of the configuration.
type Peer struct {
	ID DaemonID
	// Segment is the index of its segment.
	Segment int
}

// Options say what a Machine is and how it is to behave.
type Options struct {
	Self DaemonID
	// Incarnation is the start of this life in seconds since 1970. It exceeds
	// that of every earlier life of this daemon.
	Incarnation uint32
	// Peers are all daemons in configuration order, Self among them.
	Peers []Peer
	// Digest is that of the configuration. Datagrams with another are noted, and
	// not used.
	Digest uint32
	// Describe is the configuration as text, for daemons that have another.
	Describe string
	// Datagram is the largest datagram that can be sent, in bytes.
	Datagram int
	Timing   Timing
	Windows  Windows
	// Trace fills Output.Sent.
	Trace bool
}

// Timing is how long the machine waits for what. The zero Timing is that of
// [LocalTiming], and grows with the round trips that are measured.
type Timing struct {
	// Loss: a member that is silent this long is suspected.
	Loss time.Duration
	// Beat is how often a resting token shows itself when there is nothing to do.
	Beat time.Duration
	// Join is how often a Join is repeated.
	Join time.Duration
	// Start is how long a daemon looks for others before it begins alone.
	Start time.Duration
	// Gather is how long others are waited for that have been there before.
	Gather time.Duration
	// Form is how long an attempt may make no progress.
	Form time.Duration
	// Probe is how often a leader looks for daemons outside its ring.
	Probe time.Duration
}

// LocalTiming is for daemons on one local network.
func LocalTiming() Timing {
	const ms = time.Millisecond
	return Timing{Loss: 560 * ms, Beat: 180 * ms, Join: 40 * ms, Start: 150 * ms, Gather: 400 * ms, Form: 300 * ms, Probe: 500 * ms}
}

// WideTiming is for daemons on several networks.
func WideTiming() Timing {
	const ms = time.Millisecond
	return Timing{Loss: 2000 * ms, Beat: 250 * ms, Join: 150 * ms, Start: 800 * ms, Gather: 1200 * ms, Form: 1500 * ms, Probe: 1000 * ms}
}

// stretched is the timing for daemons whose answers take up to rtt.
func (t Timing) stretched(rtt time.Duration) Timing {
	rtt = min(rtt, mostStretch)
	t.Loss, t.Beat, t.Join = max(t.Loss, 6*rtt), max(t.Beat, rtt/2), max(t.Join, rtt/2)
	t.Start, t.Gather = max(t.Start, 3*rtt), max(t.Gather, 4*rtt)
	t.Form, t.Probe = max(t.Form, 4*rtt), max(t.Probe, 3*rtt)
	return t
}

// fill replaces what is zero.
func (t *Timing) fill() {
	d := LocalTiming()
	for _, f := range []struct{ to, from *time.Duration }{
		{&t.Loss, &d.Loss}, {&t.Beat, &d.Beat}, {&t.Join, &d.Join}, {&t.Start, &d.Start},
		{&t.Gather, &d.Gather}, {&t.Form, &d.Form}, {&t.Probe, &d.Probe},
	} {
		if *f.to <= 0 {
			*f.to = *f.from
		}
	}
}

// Windows bound how many packets are under way. Zero values adapt to path and
// load.
type Windows struct {
	// Global is for the whole ring: packets not yet known to be held by all.
	Global int
	// Personal is for one visit of the token.
	Personal int
	// Accelerated is how many of them follow the token instead of preceding it;
	// negative: none.
	Accelerated int
}

// MostWindow is the largest window that has an effect, in packets.
const MostWindow = maxWindow / 2

// LastTime is the highest time that a configuration may have, in seconds since 1970.
const LastTime = math.MaxUint32 - 16

const (
	// maxWindow is the most numbers that may be in use beyond the stable ones.
	// Packets beyond are not accepted, so that memory is bounded.
	maxWindow = 1 << 14
	// mostStretch is the longest round trip that timing follows.
	mostStretch = time.Second
	// firstGrow and mostGrow bound how long small datagrams are used before larger
	// ones are tried again.
	firstGrow, mostGrow = 10 * time.Second, 10 * time.Minute
	// repairBeat is the longest time between two tries to repair something, however
	// rarely the token shows itself.
	repairBeat = 80 * time.Millisecond
	// minDatagram is the smallest Options.Datagram: every path takes that.
	minDatagram = 576
	// safeDatagram is what is tried when larger ones do not arrive.
	safeDatagram = 1200
	// mostDatagram is more than any datagram of UDP has, in bytes: one in pieces may claim more.
	mostDatagram = 1<<16 - 1
	// maxMessage is the largest payload that is put together from chunks, in bytes.
	maxMessage = 4 << 20
)
