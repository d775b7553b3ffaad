package spreadtest

import (
	"bytes"
	"math/rand/v2"
	"net/netip"
	"sync"
	"time"

	"gospread/spread/internal/link"
)

// hub is the network between the daemons. One lock guards it and all that is
// plugged in.
type hub struct {
	mu    sync.Mutex
	rng   *rand.Rand
	sites []*site // in the order of the configuration
	cuts  map[way]bool
	loss  float64 // of every datagram, 0 to 1
	delay time.Duration
}

// site is a daemon's place at the hub.
type site struct {
	name    string
	id      uint32
	addr    netip.AddrPort // as the configuration has it
	segment int
	plug    *plug // nil: the daemon is down
}

// way leads from one site to another.
type way struct{ from, to *site }

// parcel is on its way to a plug.
type parcel struct {
	from    *site
	refused bool // there is nobody at from; else a datagram
	token   bool
	data    []byte
	due     time.Time
}

func newHub(seed uint64) *hub {
	return &hub{rng: rand.New(rand.NewPCG(seed, 0)), cuts: make(map[way]bool)}
}

// lost decides whether the way takes what is sent now.
func (h *hub) lost(w way) bool {
	return h.cuts[w] || h.loss > 0 && h.rng.Float64() < h.loss
}

// carry takes a datagram to a site. Where there is nobody, one that was sent to
// that site alone is refused, as by a living host: within its own segment a daemon
// multicasts what is for all, the others get copies.
func (h *hub) carry(d *link.Datagram, from, to *site, now time.Time) {
	there, back := way{from, to}, way{to, from}
	switch {
	case h.lost(there):
	case to.plug != nil:
		to.plug.put(parcel{from: from, token: d.To != 0 && !d.Bulk, data: bytes.Clone(d.Data), due: now.Add(h.delay)})
	case (d.To != 0 || from.segment != to.segment) && !h.lost(back):
		from.plug.put(parcel{from: to, refused: true, due: now.Add(2 * h.delay)})
	}
}

// unplug makes a site one where nobody is, if p is what is plugged in there.
func (h *hub) unplug(p *plug) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if p.site.plug == p {
		p.site.plug = nil
		p.queue, p.bytes = nil, 0
	}
}

// set changes the network.
func (h *hub) set(change func()) {
	h.mu.Lock()
	defer h.mu.Unlock()
	change()
}
