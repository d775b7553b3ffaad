package ring

import (
	"math"
	"time"

	"gospread/spread/internal/ringproto"
)

// never is before any time.
const never = time.Duration(math.MinInt64 / 4)

// peer is what is known of a daemon of the configuration.
type peer struct {
	id    DaemonID
	place int // in the configuration
	index int // in the present ring, or -1
	// segment is that of the configuration of daemons in force; see relays.
	segment int

	incarnation uint32        // of its present life, 0: not known
	digest      uint32        // of its configuration of daemons
	latest      uint32        // time of the latest membership that it has spoken from
	mismatch    time.Duration // when it was last told that ours is another
	noted       time.Duration // when the operator was
	heard       time.Duration // when its last datagram came
	said        time.Duration // when something came that it has sent to everybody
	rtt         estimate      // of its answers
	guess       time.Duration // at that, from other daemons, while nothing has been measured

	asked    time.Duration // when its silence since began to count; 0: it has answered
	refusals int           // since heard
	refused  time.Duration // when the last one came
	// ended is the incarnation that is known to be over.
	ended uint32
	left  time.Duration // when it took its leave

	join       ringproto.JoinBody // its last one
	joined     time.Duration      // when that came
	joinConfig ringproto.Config   // where it was then

	attempted uint64 // the number of the last attempt of its that we took part in

	// deaf: it has not answered a proposal, or what else was sent to it alone. Until
	// it does, it counts as not heard.
	deaf   bool
	pinged time.Duration // when it was last asked for that, or for its round trip

	pieces assemblies
}

func (p *peer) life() ringproto.Life {
	return ringproto.Life{ID: uint32(p.id), Incarnation: p.incarnation}
}

// alive tells whether p has a life that is not known to be over.
func (p *peer) alive() bool { return p.incarnation != 0 && p.incarnation != p.ended }

// anew begins a new life of the peer.
func (p *peer) anew(incarnation uint32) {
	p.incarnation = incarnation
	p.refusals, p.attempted, p.deaf, p.latest = 0, 0, false, 0
	p.join, p.joined = ringproto.JoinBody{}, never
	p.pieces = assemblies{}
}

// firstAnswer is how long an answer may take while nothing has been measured.
const firstAnswer = 10 * time.Millisecond

// answerTime is how long an answer of p may take before it is asked again.
func (p *peer) answerTime(least time.Duration) time.Duration {
	if p.rtt.n == 0 {
		return max(firstAnswer, p.guess)
	}
	return min(max(p.rtt.bound(), least), time.Second)
}
