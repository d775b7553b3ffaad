package ring

import (
	"math/bits"
	"time"

	"gospread/spread/internal/ringproto"
	"gospread/spread/internal/seqset"
)

// installed is a regular configuration that has been installed: its members, and
// what is known of the packets numbered in it.
type installed struct {
	id      ringproto.Config
	config  *Configuration
	members []*peer           // in configuration order
	me      int               // own place among them
	by      ringproto.Attempt // what brought it about

	// The order.
	high   uint64   // the highest number known to be given
	aru    uint64   // all received up to here
	stable uint64   // held by all up to here
	have   []uint64 // the aru of each member, as far as known
	store  store
	pool   *pool

	// The token.
	hop      uint64   // how often it has been passed
	got      uint64   // hop of the last token received
	holder   int      // who has it, as far as known
	holding  bool     // it is here
	held     []uint64 // the hop with which each member last had it, as far as known
	visit    visit
	wanted   wanted   // who is known to want it
	asks     []uint64 // with which hop each member has asked for it while it was elsewhere; 0: not
	passing  passing
	wake     wake
	progress time.Duration // when a sign of the token was last seen

	acks acks
	gaps gaps
	flow flow

	// Delivery.
	next     uint64 // the packet to be delivered next
	offset   int    // how much of its chunks has been
	index    int    // how many messages of it have been
	partials []partial

	// commit are those whose messages must be delivered also behind a gap,
	// because somebody may have done so (semantics 3.5).
	commit map[DaemonID]bool

	offers []uint32 // the digest that each member offers, 0 for nothing
	relays relays
}

// mostMembers is how many daemons a configuration of daemons may have.
const mostMembers = 128

// wanted is a set of members, by place.
type wanted [mostMembers / 64]uint64

func (w *wanted) add(i int)      { w[i>>6] |= 1 << (i & 63) }
func (w *wanted) remove(i int)   { w[i>>6] &^= 1 << (i & 63) }
func (w *wanted) has(i int) bool { return w[i>>6]>>(i&63)&1 != 0 }
func (w *wanted) count() int     { return bits.OnesCount64(w[0]) + bits.OnesCount64(w[1]) }

// merge adds what another daemon knows; members are below n.
func (w *wanted) merge(list []uint64, n int) {
	for i, v := range list {
		if i < len(w) {
			w[i] |= v
		}
	}
	for i := n; i < 64*len(w); i++ {
		w.remove(i)
	}
}

func newInstalled(id ringproto.Config, members []*peer, self *peer, pool *pool, now time.Duration) *installed {
	r := &installed{pool: pool, acks: acks{beatAt: now}, visit: visit{since: now}, id: id, members: members, me: -1, store: newStore(), next: 1, progress: now,
		asks: make([]uint64, len(members)), offers: make([]uint32, len(members)), have: make([]uint64, len(members)), held: make([]uint64, len(members)), partials: make([]partial, len(members)),
		commit: map[DaemonID]bool{self.id: true}}
	ids := make([]DaemonID, len(members))
	for i, p := range members {
		ids[i] = p.id
		if p == self {
			r.me = i
		}
	}
	r.relays = newRelays(members, r.me)
	r.config = &Configuration{ID: ID{Leader: DaemonID(id.Leader), Time: id.Time}, Members: ids}
	return r
}

// member is the member with that id, or nil.
func (r *installed) member(id DaemonID) *peer {
	for _, p := range r.members {
		if p.id == id {
			return p
		}
	}
	return nil
}

// accepts tells whether packet seq may be kept.
func (r *installed) accepts(seq uint64) bool {
	return seq > r.stable && seq >= r.store.low && seq-r.store.low < maxWindow && r.store.get(seq) == nil
}

// keep adds a packet to the store.
func (r *installed) keep(p *packet) {
	r.store.put(p)
	r.high = max(r.high, p.seq)
	if p.seq != r.aru+1 {
		return
	}
	for r.aru++; r.aru < r.high && r.store.get(r.aru+1) != nil; {
		r.aru++
	}
	r.have[r.me] = r.aru
}

// settle computes what is stable, and frees what nobody needs.
func (r *installed) settle() {
	line := r.aru
	for _, n := range r.have {
		line = min(line, n)
	}
	r.raise(line)
}

// raise takes the knowledge that everybody holds everything up to line.
func (r *installed) raise(line uint64) {
	if line > r.stable {
		r.stable = line
	}
	r.store.free(min(r.stable+1, r.next), r.pool)
}

// missing are the numbers up to limit that are not held.
func (r *installed) missing(limit uint64, into *seqset.Set) {
	into.Reset()
	for seq := r.aru + 1; seq <= limit; seq++ {
		if seq < r.store.low || r.store.get(seq) != nil {
			continue
		}
		lo := seq
		for seq < limit && r.store.get(seq+1) == nil {
			seq++
		}
		into.Add(lo, seq)
	}
}

// shownHop is how often the token is known to have been passed. While it is on its
// way, nobody is told of the hop that it makes: what others say of that is the sign
// that it has arrived.
func (r *installed) shownHop() uint64 {
	if r.passing.active {
		return r.passing.hop - 1
	}
	return r.hop
}

// known is what this daemon says of itself in every datagram.
func (r *installed) known() ringproto.Ring {
	return ringproto.Ring{Hop: r.hop, Aru: r.aru, Stable: min(r.stable, r.aru), High: r.high}
}
