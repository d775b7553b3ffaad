package sim

import (
	"fmt"
	"time"

	"gospread/spread/internal/ring"
)

// Lasting is something that stays wrong when all other faults have ended. Traffic
// goes on meanwhile. Who can be together must be, and stay so.
type Lasting uint8

// What may last.
const (
	Nothing    Lasting = iota
	StayDown           // some daemons, or their hosts, end for good
	StayParted         // the network stays in two parts
	StayDeaf           // some daemons never hear some others
	StayNarrow         // large datagrams vanish on some links, also in the rest of the run
	numLasting
)

func (l Lasting) String() string {
	return [...]string{"nothing", "stay down", "stay parted", "stay deaf", "stay narrow"}[l]
}

// narrowest is the least size of datagrams that every path takes: daemons try no
// smaller one.
const narrowest = 1200

// Lull ends all faults but the one that lasts, and looks whether the daemons come
// to terms with that.
func (w *World) Lull() {
	w.note("lull: %v", w.Plan.Lasting)
	w.cease()
	if w.Plan.Lasting != StayNarrow {
		w.Run(w.exp(500 * time.Millisecond))
	}
	list := w.wanted()
	parts := [][]*slot{list}
	switch w.Plan.Lasting {
	case StayDown:
		parts[0] = nil
		keep := w.rng.IntN(len(list))
		for i, s := range list {
			if i != keep && w.chance(0.5) {
				w.Crash(s.index, w.chance(0.5))
				s.down = true
			} else {
				parts[0] = append(parts[0], s)
			}
		}
		w.Seen.LastingDeaths++
	case StayParted:
		parts = make([][]*slot, 2)
		part := make([]int, len(w.slots))
		for _, s := range list {
			n := w.rng.IntN(2)
			part[s.index] = n
			parts[n] = append(parts[n], s)
		}
		w.part(func(i, j int) bool { return part[i] != part[j] })
		w.Seen.LastingParts++
	case StayDeaf:
		n := 1 + w.rng.IntN(3)
		for range n {
			a, b := w.two()
			w.cutOneWay(a, b)
		}
		w.deaf(n)
		return
	case StayNarrow:
		for i := range w.net.links {
			if w.chance(0.3) {
				w.net.links[i].narrow = narrowest + w.rng.IntN(max(1, w.Plan.Datagram-narrowest))
			}
		}
		w.Seen.NarrowLinks++
	}
	w.meet(parts)
	w.Run(3 * time.Second) // what was before may still have its effect
	w.meet(parts)
	w.lasts(parts)
}

// meet runs until the daemons of each part are together.
func (w *World) meet(parts [][]*slot) {
	end := w.now + w.Plan.bound()
	for len(w.broken) == 0 && w.apart(parts) != "" {
		if w.now >= end {
			w.fail("D20", "%v after the end of all faults but %v %s", w.Plan.bound(), w.Plan.Lasting, w.apart(parts))
			return
		}
		w.Run(20 * time.Millisecond)
	}
}

// cease ends all faults: the network is whole, every daemon runs, and its operator
// has the last configuration. Those that are not in it may go on, too.
func (w *World) cease() {
	w.still, w.ceased = true, w.queue.seq
	w.rollouts++
	w.net.heal()
	w.oneWay = 0
	for _, s := range w.slots {
		s.down = false
		if h := s.host; h != nil {
			if h.leaving { // its announcement stands
				w.stop(h, "left")
			} else {
				h.work = w.Plan.Work
				h.pauses = min(h.pauses, 1)
				if h.pauses > 0 {
					h.resume()
				}
			}
		}
	}
	for _, s := range w.wanted() {
		if s.host == nil || s.file != w.last {
			w.give(s.index, w.last)
		}
		w.Start(s.index)
	}
}

// apart tells what is missing until the daemons of each part are in one
// configuration, and with nobody else.
func (w *World) apart(parts [][]*slot) string {
	for _, list := range parts {
		for _, s := range list {
			h, first := s.host, list[0].host
			switch {
			case h == nil || first == nil:
				return s.name + " does not run"
			case h.log.config == nil || h.log.phase != ring.RegularConfiguration:
				return s.name + " is in no regular configuration"
			case len(h.log.config.Members) != len(list):
				return fmt.Sprintf("%s is with %v only", s.name, w.names(h.log.config.Members))
			case h.log.config.ID != first.log.config.ID:
				return fmt.Sprintf("%s is in %v, %s in %v", s.name, h.log.config.ID, first.slot.name, first.log.config.ID)
			case h.ring.State() != "operational":
				return s.name + " is " + h.ring.State()
			case h.groups.Blocked():
				return "the state exchange at " + s.name + " is not over"
			}
		}
	}
	return ""
}

// lasts looks whether what the daemons have come to stays so.
func (w *World) lasts(parts [][]*slot) {
	was := make(map[*slot]ring.ID)
	for _, list := range parts {
		for _, s := range list {
			if s.host != nil && s.host.log.config != nil {
				was[s] = s.host.log.config.ID
			}
		}
	}
	w.Run(3 * time.Second)
	if len(w.broken) > 0 {
		return
	}
	for _, list := range parts {
		for _, s := range list {
			if s.host == nil || s.host.log.config.ID != was[s] {
				w.fail("rest", "%v, where %s was, did not last, though nothing had changed", was[s], s.name)
				return
			}
		}
	}
}

// deaf looks whether links that work one way lead to configurations that stay. One
// that nothing goes over may show only when the token moves, so each may end a
// configuration once more, and one of its parts may try in vain to merge.
func (w *World) deaf(links int) {
	w.Run(w.Plan.bound() + 10*time.Second)
	before := w.Seen.Configurations
	const long = 20 * time.Second
	w.Run(long)
	if n := w.Seen.Configurations - before; len(w.broken) == 0 && n > 2*links*len(w.running()) {
		w.fail("rest", "links that work one way: %d installations in %v, long after all other faults", n, long)
	}
}
