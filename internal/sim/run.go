package sim

import (
	"fmt"
	"math"
	"strings"
	"time"

	"gospread/spread/internal/ring"
)

// Result is what came of a run.
type Result struct {
	Plan       *Plan
	Violations []Violation
	Seen       Coverage
	Virtual    time.Duration
	Recovery   time.Duration // from the end of the faults until all was well
	Steps      uint64
	Hash       uint64
}

// Run carries a plan out, and checks it.
func Run(p *Plan) *Result { return finish(NewWorld(p)) }

// finish carries out the plan of a world in which nothing has happened yet.
func finish(w *World) *Result {
	w.Begin()
	w.Run(w.Plan.Duration)
	if w.Plan.Lasting != Nothing && !w.Plan.Rubbish {
		w.Lull()
	}
	w.Calm()
	stopped := w.now
	if w.Plan.Rubbish {
		w.Run(time.Second) // what rubbish led to may last
	} else {
		w.Settle()
	}
	recovery := w.now - stopped
	w.Rest()
	r := &Result{Plan: w.Plan, Violations: w.Check(len(w.broken) == 0)}
	w.Seen.finish(w)
	r.Seen, r.Virtual, r.Recovery, r.Steps, r.Hash = w.Seen, w.now, recovery, w.steps, w.hash
	return r
}

// Begin starts all daemons, traffic and faults.
func (w *World) Begin() {
	for i := range w.slots {
		var d time.Duration
		if w.Plan.Stagger > 0 {
			d = time.Duration(w.rng.Int64N(int64(w.Plan.Stagger)))
		}
		w.after(d, func() { w.Start(i) })
	}
	w.beginFaults()
	if w.Plan.Traffic.Pauses {
		w.alternate()
	}
}

// alternate lets times with traffic and times without follow each other.
func (w *World) alternate() {
	w.after(w.exp(3*time.Second), func() {
		w.silent = !w.silent
		w.alternate()
	})
}

// Calm ends traffic and faults.
func (w *World) Calm() {
	w.note("calm")
	w.calm = true
	w.cease()
}

// Settle runs until all is well. It reports what is not after the time that the
// plan allows, or, if much waits for its place, when nothing has moved for a part of
// that time.
func (w *World) Settle() {
	bound := w.Plan.bound()
	end, left := w.now+bound, math.MaxInt
	for len(w.broken) == 0 && w.amiss() != "" {
		if n := w.backlog(); n < left {
			end, left = max(end, w.now+bound/3), n
		}
		if w.now >= end {
			w.fail("D20", "%v after the end of all faults %s", bound, w.amiss())
			return
		}
		w.Run(20 * time.Millisecond)
	}
}

// backlog is how many bytes wait for their place and, once all daemons are
// together, how many messages for their delivery.
func (w *World) backlog() (n int) {
	list := w.wanted()
	together := true
	given := 0
	for _, s := range list {
		h := s.host
		if h == nil || h.log.config == nil || len(h.log.config.Members) != len(list) {
			together = false
		}
		if h == nil {
			continue
		}
		n += h.ring.Backlog()
		for _, c := range h.clients {
			for _, r := range c.pending {
				n += len(r.payload)
			}
		}
		given += h.log.placed*len(list) - h.log.given
	}
	if together {
		n += given
	}
	return n
}

// amiss tells what is missing until all is well, also with those who were removed.
func (w *World) amiss() string {
	if s := w.unwell(); s != "" {
		return s
	}
	return w.stranded()
}

// unwell tells what is missing until all wanted daemons are in one
// configuration and have delivered everything.
func (w *World) unwell() string {
	list := w.wanted()
	first := list[0].host
	if first == nil {
		return list[0].name + " does not run"
	}
	for _, s := range list {
		h := s.host
		switch {
		case h == nil:
			return s.name + " does not run"
		case h.log.config == nil || h.log.phase != ring.RegularConfiguration:
			return s.name + " is in no regular configuration"
		case len(h.log.config.Members) != len(list):
			return fmt.Sprintf("%s is with %v only", s.name, w.names(h.log.config.Members))
		case h.log.config.ID != first.log.config.ID:
			return fmt.Sprintf("%s is in %v, %s in %v", s.name, h.log.config.ID, first.slot.name, first.log.config.ID)
		case h.in != w.last:
			return fmt.Sprintf("%v is in force at %s", w.slotNames(h.in), s.name)
		case h.groups.Blocked():
			return "the state exchange at " + s.name + " is not over"
		case h.ring.Backlog() > 0 || h.waits() > 0:
			return fmt.Sprintf("%s has no place for %d bytes and %d requests of clients", s.name, h.ring.Backlog(), h.waits())
		}
	}
	sum := 0
	for _, s := range list {
		sum += s.host.log.placed
	}
	for _, s := range list {
		if n := s.host.log.given; n != sum {
			return fmt.Sprintf("%s has delivered %d of %d messages", s.name, n, sum)
		}
	}
	return ""
}

// waits is how many requests of clients have not been read.
func (h *host) waits() (n int) {
	for _, c := range h.clients {
		n += len(c.pending)
	}
	return n
}

// Rest looks whether what has settled stays so, and compares the daemons. Before
// that it lets some time pass, in which a late datagram may do harm once more.
func (w *World) Rest() {
	if w.Plan.Rubbish || len(w.broken) > 0 {
		return
	}
	if w.Run(time.Second); w.Plan.wide() {
		w.Run(4 * time.Second)
	}
	w.Settle()
	if len(w.broken) > 0 {
		return
	}
	first := w.wanted()[0]
	id := first.host.log.config.ID
	rate := 0
	for range quietWithin {
		before := w.sends()
		w.Run(time.Second)
		if len(w.broken) > 0 {
			return
		}
		if rate = (w.sends() - before) / len(w.wanted()); rate <= idleRate {
			break
		}
	}
	if now := w.unwell(); now != "" || first.host.log.config.ID != id {
		w.fail("rest", "%v does not last; now %v, %s", id, first.host.log.config.ID, now)
		return
	}
	if rate > idleRate {
		w.fail("rest", "an idle daemon sends %d datagrams a second", rate)
	}
	w.compareGroups()
	for _, h := range w.removed() {
		w.stop(h, "stopped")
	}
}

// idleRate is how many datagrams a second a daemon of an idle ring may send, on
// average. Datagrams that were delayed by seconds are answered when they come, so one
// of quietWithin seconds must be as quiet as that.
const (
	idleRate    = 60
	quietWithin = 5
)

// sends is how many packets the wanted daemons have sent.
func (w *World) sends() (n int) {
	for _, s := range w.wanted() {
		n += s.host.sends
	}
	return n
}

func (w *World) compareGroups() {
	var first string
	list := w.wanted()
	for i, s := range list {
		h := s.host
		var b strings.Builder
		for g := range h.groups.Groups() {
			fmt.Fprintf(&b, "%s %v %v\n", g.Name, g.ID, h.groups.Members(g.Name))
		}
		if i == 0 {
			first = b.String()
		} else if b.String() != first {
			w.fail("groups", "at %s\n%sat %s\n%s", list[0].name, first, s.name, b.String())
		}
		if c := h.groups.Counters(); c.Malformed+c.Foreign+c.Unordered > 0 {
			w.fail("groups", "%s refused something: %+v", s.name, c)
		}
	}
}
