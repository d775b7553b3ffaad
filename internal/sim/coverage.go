package sim

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	"gospread/spread/internal/clientproto"
	"gospread/spread/internal/evscheck"
	"gospread/spread/internal/group"
	"gospread/spread/internal/ring"
	"gospread/spread/internal/ringproto"
)

// Coverage counts what a run went through. A test fails when something that
// matters never comes about.
type Coverage struct {
	// Of the network.
	Packets, Lost, Corrupted, Reordered, Duplicated, Overflowed, Refused int
	Retransmissions, Pieces                                              int
	Relayed                                                              int // packets passed on within a segment
	// Of the daemons.
	Starts, Crashes, PowerCuts, Leaves, Pauses, OneWayCuts, BlackHoles, Triggers, WallJumps, Reloads, TakenBack, LastingDeaths, LastingParts, NarrowLinks, Held int
	// Of the configurations.
	Configurations  int // installed, over all daemons
	Cascaded        int // attempts given up after a plan was made
	MergesOfTwo     int // configurations whose members came from so many others
	MergesOfMore    int
	StartsInGather  int // daemons that started while others gathered
	OneWayStable    int // configurations that lasted while a one-way cut did
	LargeHoles      int // ACKs that asked for some 30 ranges and more
	MoreHoles       int // of these, asked for as many as one may, so for a part of the holes only
	SafeAfterSignal int
	AfterSignal     int // ordered deliveries after the signal
	BehindHole      int // of these, behind a hole
	// Of the configurations of daemons: how often one came into force at a daemon;
	// while some were apart; as another membership was installed; configurations that
	// removed daemons formed without the others.
	EpochsBegun, EpochsInTrouble, EpochsAdopted, RemovedRegrouped int
	// Of the groups.
	Signals, NetworkViews, MergedViews, Exchanges, Interrupted, Provisional int
	FinishedLate                                                            int // exchanges that ended behind the signal that interrupted them
}

// mostRanges is how many ranges an ACK of internal/ring lists at most.
const mostRanges = 100

// Add sums coverage up.
func (c *Coverage) Add(o *Coverage) {
	a, b := reflect.ValueOf(c).Elem(), reflect.ValueOf(o).Elem()
	for i := range a.NumField() {
		a.Field(i).SetInt(a.Field(i).Int() + b.Field(i).Int())
	}
}

// Missing lists what never came about.
func (c *Coverage) Missing() (names []string) {
	v := reflect.ValueOf(c).Elem()
	for i := range v.NumField() {
		if v.Field(i).Int() == 0 {
			names = append(names, v.Type().Field(i).Name)
		}
	}
	return names
}

// String is a line for each kind.
func (c *Coverage) String() string {
	var b strings.Builder
	v := reflect.ValueOf(c).Elem()
	for i := range v.NumField() {
		fmt.Fprintf(&b, "%s %d, ", v.Type().Field(i).Name, v.Field(i).Int())
	}
	return strings.TrimSuffix(b.String(), ", ")
}

// packet looks at what a daemon sends.
func (c *Coverage) packet(h *host, d *Datagram) {
	c.Packets++
	kind := ringproto.Kind(d.Kind())
	switch kind {
	case ringproto.Piece:
		c.Pieces++
	case ringproto.Join:
		h.gathers = h.w.now
	case ringproto.Plan:
		h.planned = true
	case ringproto.Propose:
		if h.planned {
			c.Cascaded++
			h.planned = false
		}
	case ringproto.Ack:
		const stamp = 8
		if b := d.Packet.Data; len(b) > ringproto.RingSize+64 {
			c.LargeHoles++
			var a ringproto.AckBody
			if a.Parse(b[ringproto.RingSize+stamp:]) == nil && len(a.Missing.Ranges()) >= mostRanges {
				c.MoreHoles++
			}
		}
	case ringproto.Data:
		hd, err := ringproto.ParseHeader(d.Packet.Data)
		switch {
		case err != nil:
		case hd.Flags&ringproto.Again != 0:
			c.Retransmissions++
		case hd.Flags&ringproto.Relayed != 0:
			c.Relayed++
		}
	}
}

// event looks at what a daemon delivers, and what its groups make of it.
func (c *Coverage) event(h *host, e *ring.Event, before, after group.State) {
	switch e.Kind {
	case ring.RegularConfiguration:
		h.planned = false
		c.Configurations++
		if after == group.GGATHER {
			c.Exchanges++
		}
		if h.w.oneWay > 0 {
			h.config(h.w)
		}
	case ring.TransitionalConfiguration:
		if before == group.GGATHER {
			c.Interrupted++
		}
	case ring.Deliver:
		if h.log.phase == ring.TransitionalConfiguration && !e.Message.Loose {
			c.AfterSignal++
			if e.Message.Service == ring.Safe {
				c.SafeAfterSignal++
			}
		}
		if before == group.GGT && after == group.GTRANS {
			c.FinishedLate++
		}
	}
}

// config counts a configuration that lasts while a one-way cut does.
func (h *host) config(w *World) {
	was, cuts := h.log.config, w.oneWayBegun
	w.after(stableTime, func() {
		if !h.dead && h.log.config == was && w.oneWay > 0 && w.oneWayBegun == cuts {
			w.Seen.OneWayStable++
		}
	})
}

// view looks at a membership notice.
func (c *Coverage) view(h *host, v *clientproto.View) {
	if v.Cause != clientproto.CausedByNetwork {
		return
	}
	c.NetworkViews++
	if len(v.Sets) > 1 {
		c.MergedViews++
	}
	if h.groups.State() == group.GTRANS {
		c.Provisional++
	}
}

// started looks at a daemon that starts.
func (c *Coverage) started(h *host) {
	c.Starts++
	for _, o := range h.w.running() {
		if o != h && o.gathers > 0 && h.w.now-o.gathers < h.w.Plan.Far.Latency+gatherTime {
			c.StartsInGather++
			return
		}
	}
}

// finish counts what only whole traces show.
func (c *Coverage) finish(w *World) {
	from := make(map[evscheck.ConfigID][]evscheck.ConfigID) // by configuration: where its members came from
	for _, h := range w.lives {
		c.holes(w, h)
		last := evscheck.ConfigID{Leader: uint32(h.slot.id), Time: uint32(h.life)} // of nobody else
		for i := range h.log.Events {
			if e := &h.log.Events[i]; e.Kind == evscheck.Installed {
				if id := e.Config.ID; !slices.Contains(from[id], last) {
					from[id] = append(from[id], last)
				}
				last = e.Config.ID
			}
		}
	}
	for _, olds := range from {
		switch n := len(olds); {
		case n == 2:
			c.MergesOfTwo++
		case n > 2:
			c.MergesOfMore++
		}
	}
}

const (
	stableTime = 2 * time.Second
	gatherTime = 50 * time.Millisecond
)

// holes counts what the daemon delivered after a signal behind a hole: numbers
// that were given in its configuration and that it never delivers.
func (c *Coverage) holes(w *World, h *host) {
	if w.places == nil {
		w.places = make(map[evscheck.ConfigID][]uint64)
		for _, o := range w.lives {
			var id evscheck.ConfigID
			for i := range o.log.Events {
				switch e := &o.log.Events[i]; e.Kind {
				case evscheck.Installed:
					id = e.Config.ID
				case evscheck.Sequenced:
					if !e.Message.Loose {
						w.places[id] = append(w.places[id], e.Message.Seq)
					}
				}
			}
		}
		for _, list := range w.places {
			slices.Sort(list)
		}
	}
	var all []uint64 // of the configuration
	next, signal, hole := 0, false, false
	for i := range h.log.Events {
		switch e := &h.log.Events[i]; e.Kind {
		case evscheck.Installed:
			all, next, signal, hole = w.places[e.Config.ID], 0, false, false
		case evscheck.Signalled:
			signal = true
		case evscheck.Delivered:
			if e.Message.Loose {
				continue
			}
			for next < len(all) && all[next] < e.Message.Seq {
				hole = true
				next++
			}
			next++
			if hole && signal {
				c.BehindHole++
			}
		}
	}
}
