package sim

import (
	"slices"

	"gospread/spread/internal/ring"
)

// tenure is the time of a life in a regular configuration, as far as layouts are
// concerned.
type tenure struct {
	h     *host
	given uint64 // the last ordered message delivered
	alive uint64 // that, while the ring was alive for sure
	begun []beginning
}

// beginning is the place at which a layout came into force: behind an ordered
// message.
type beginning struct {
	layout int
	after  uint64
}

// installed looks at a configuration that a life installs: all members are in one
// layout, and in its order.
func (w *World) installed(h *host, c *ring.Configuration) {
	last := -1
	for _, id := range c.Members {
		i := slices.IndexFunc(w.layouts[h.in].Peers, func(p ring.Peer) bool { return p.ID == id })
		if i <= last {
			w.fail("epoch", "%s installs %v, but %v is in force there", h.slot.name, w.names(c.Members), w.slotNames(h.in))
			return
		}
		last = i
	}
	i := slices.IndexFunc(w.tenures, func(t *tenures) bool { return t.id == c.ID })
	if i < 0 {
		i = len(w.tenures)
		w.tenures = append(w.tenures, &tenures{id: c.ID, layout: h.in})
	}
	of := w.tenures[i]
	if of.layout != h.in {
		w.fail("epoch", "%v begins in %v at %s, in %v elsewhere", c.ID, w.slotNames(h.in), h.slot.name, w.slotNames(of.layout))
	}
	h.log.tenure = &tenure{h: h}
	of.list = append(of.list, h.log.tenure)
	if len(c.Members) > 1 && !w.layouts[w.last].has(h.slot.index) {
		w.Seen.RemovedRegrouped++
	}
}

// tenures are those in one regular configuration.
type tenures struct {
	id     ring.ID
	layout int // that it begins in
	list   []*tenure
}

// inForce is the layout in force behind an ordered message, in a configuration that
// began in another.
func (t *tenure) inForce(after uint64, layout int) int {
	for _, b := range t.begun {
		if b.after <= after {
			layout = b.layout
		}
	}
	return layout
}

// checkEpochs compares where layouts came into force: at one place for all members
// that they name, as far as these have lived to get there. One that comes back at the
// place where it was replaced has never ended for those whom the other did not name.
func (w *World) checkEpochs() {
	for _, of := range w.tenures {
		for _, t := range of.list {
			for _, b := range t.begun {
				for _, o := range of.list {
					if o.alive > b.after && w.layouts[b.layout].has(o.h.slot.index) && !slices.Contains(o.begun, b) &&
						(o.inForce(b.after, of.layout) != b.layout || t.inForce(b.after, of.layout) != b.layout) {
						w.fail("epoch", "in %v, %v begins behind %#x at %s, but at %s, which delivers %#x, begin %v", of.id,
							w.slotNames(b.layout), b.after, t.h.slot.name, o.h.slot.name, o.alive, o.begun)
						return
					}
				}
			}
		}
	}
}
