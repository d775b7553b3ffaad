package sim

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"gospread/spread/internal/ringproto"
)

// Fault is a kind of fault that is on in a run.
type Fault struct {
	Kind FaultKind
	// Level is a probability for faults that are there all the time; what it is
	// for the others, see faultKinds.
	Level float64
	// Every is the mean time between two, Length the mean time that one lasts.
	Every, Length time.Duration
}

// FaultKind is what goes wrong.
type FaultKind uint8

// The kinds of faults.
const (
	Loss      FaultKind = iota // all the time: datagrams are lost,
	Duplicate                  // come twice,
	Late                       // come again much later,
	Reorder                    // overtake each other,
	Corrupt                    // are damaged
	Burst                      // a host loses much of what it sends or receives
	OneWay                     // a daemon does not hear another
	Cut                        // two daemons do not hear each other
	Partition                  // the daemons fall into parts
	Isolate                    // a host is cut off
	Spike                      // a host's datagrams take longer
	BlackHole                  // large datagrams between two hosts vanish
	Pause                      // a daemon is stopped, and goes on
	Slow                       // a daemon has little CPU
	Crash                      // a daemon ends, and starts again
	PowerCut                   // a host goes, and comes back
	Leave                      // a daemon stops as planned, and starts again
	WallJump                   // the time of day of a host is set
	Trigger                    // something happens as a datagram of some kind is sent
	Reload                     // operators get another configuration of daemons
	numFaults
)

// faultKinds tells for each kind its name, whether it is there all the time, and
// what it does when it begins. The result undoes it.
var faultKinds = [numFaults]struct {
	name     string
	constant bool
	begin    func(w *World, f *Fault) (end func())
}{
	Loss:      {name: "loss", constant: true},
	Duplicate: {name: "duplicate", constant: true},
	Late:      {name: "late", constant: true},
	Reorder:   {name: "reorder", constant: true},
	Corrupt:   {name: "corrupt", constant: true},
	Burst:     {name: "burst", begin: beginBurst},
	OneWay:    {name: "one-way", begin: beginOneWay},
	Cut:       {name: "cut", begin: beginCut},
	Partition: {name: "partition", begin: beginPartition},
	Isolate:   {name: "isolate", begin: beginIsolate},
	Spike:     {name: "spike", begin: beginSpike},
	BlackHole: {name: "black hole", begin: beginBlackHole},
	Pause:     {name: "pause", begin: beginPause},
	Slow:      {name: "slow", begin: beginSlow},
	Crash:     {name: "crash", begin: func(w *World, f *Fault) func() { return beginCrash(w, f, true) }},
	PowerCut:  {name: "power cut", begin: func(w *World, f *Fault) func() { return beginCrash(w, f, false) }},
	Leave:     {name: "leave", begin: beginLeave},
	WallJump:  {name: "wall jump", begin: beginWallJump},
	Trigger:   {name: "trigger", begin: beginTrigger},
	Reload:    {name: "reload", begin: beginReload},
}

func (f *Fault) String() string {
	return fmt.Sprintf("%s %.3g every %v for %v", faultKinds[f.Kind].name, f.Level, f.Every, f.Length)
}

// chooseFaults turns some kinds on.
func chooseFaults(r *rand.Rand) (faults []Fault) {
	share := pick(r, 0.0, 0.1, 0.1, 0.25, 0.25, 0.25, 0.5, 0.5)
	for k := range numFaults {
		if r.Float64() >= share && (k != Trigger || r.Float64() >= share) {
			continue
		}
		f := Fault{
			Kind:   k,
			Level:  pick(r, 0.001, 0.01, 0.05, 0.2),
			Every:  pick(r, 400*time.Millisecond, 2*time.Second, 5*time.Second),
			Length: pick(r, 20*time.Millisecond, 300*time.Millisecond, 2*time.Second, 6*time.Second),
		}
		switch {
		case faultKinds[k].constant:
			f.Every, f.Length = 0, 0
		case k == Trigger:
			f.Every /= 3
		}
		faults = append(faults, f)
	}
	return faults
}

// begin turns the faults of the plan on.
func (w *World) beginFaults() {
	for i := range w.Plan.Faults {
		f := &w.Plan.Faults[i]
		if !faultKinds[f.Kind].constant {
			w.repeat(f)
			continue
		}
		all := w.chance(0.5) // or only some links
		for i := range w.net.links {
			if l := &w.net.links[i]; all || w.chance(0.3) {
				switch f.Kind {
				case Loss:
					l.loss = f.Level
				case Duplicate:
					l.dup = f.Level
				case Late:
					l.late = f.Level / 4
				case Reorder:
					l.reorder = f.Level
				case Corrupt:
					l.flip = f.Level
				}
			}
		}
	}
}

// repeat lets a fault come about from time to time.
func (w *World) repeat(f *Fault) {
	w.after(w.exp(f.Every), func() {
		if w.still {
			return
		}
		end := faultKinds[f.Kind].begin(w, f)
		if end != nil {
			w.after(w.exp(f.Length), func() {
				if !w.still {
					w.note("end of %s", faultKinds[f.Kind].name)
					end()
				}
			})
		}
		w.repeat(f)
	})
}

// two draws two different daemons.
func (w *World) two() (a, b int) {
	n := len(w.slots)
	a = w.rng.IntN(n)
	return a, (a + 1 + w.rng.IntN(max(n-1, 1))) % n
}

// any draws a daemon that runs.
func (w *World) any() *host {
	hosts := w.running()
	if len(hosts) == 0 {
		return nil
	}
	return hosts[w.rng.IntN(len(hosts))]
}

func beginBurst(w *World, _ *Fault) func() {
	a := w.rng.IntN(len(w.slots))
	share := w.rng.Float64()
	sends := w.rng.IntN(2) == 0
	each := func(add float64) {
		for b := range w.slots {
			l := w.net.link(a, b)
			if !sends {
				l = w.net.link(b, a)
			}
			l.loss += add
		}
	}
	w.note("burst of loss at %s, %.2f, sending: %v", w.slots[a].name, share, sends)
	each(share)
	return func() { each(-share) }
}

func beginOneWay(w *World, _ *Fault) func() {
	a, b := w.two()
	return w.cutOneWay(a, b)
}

// cutOneWay stops what a sends to b.
func (w *World) cutOneWay(a, b int) func() {
	w.note("cut from %s to %s", w.slots[a].name, w.slots[b].name)
	w.Seen.OneWayCuts++
	w.oneWay++
	w.oneWayBegun++
	w.net.link(a, b).cuts++
	return func() {
		w.oneWay--
		w.net.link(a, b).cuts--
	}
}

func beginCut(w *World, _ *Fault) func() {
	a, b := w.two()
	w.note("cut between %s and %s", w.slots[a].name, w.slots[b].name)
	return w.part(func(i, j int) bool { return i == a && j == b })
}

func beginPartition(w *World, _ *Fault) func() {
	parts := make([]int, len(w.slots))
	n := 2 + w.rng.IntN(2)
	for i := range parts {
		parts[i] = w.rng.IntN(n)
	}
	w.note("partition %v", parts)
	return w.part(func(i, j int) bool { return parts[i] != parts[j] })
}

func beginIsolate(w *World, _ *Fault) func() {
	a := w.rng.IntN(len(w.slots))
	w.note("%s is cut off", w.slots[a].name)
	return w.part(func(i, j int) bool { return (i == a) != (j == a) })
}

// part cuts all links, both ways, between daemons for which apart is true in one
// order.
func (w *World) part(apart func(i, j int) bool) func() {
	var cut []*link
	for i := range w.slots {
		for j := range w.slots {
			if i != j && (apart(i, j) || apart(j, i)) {
				cut = append(cut, w.net.link(i, j))
			}
		}
	}
	for _, l := range cut {
		l.cuts++
	}
	return func() {
		for _, l := range cut {
			l.cuts--
		}
	}
}

func beginSpike(w *World, _ *Fault) func() {
	a := w.rng.IntN(len(w.slots))
	by := time.Duration(w.rng.Int64N(int64(500 * time.Millisecond)))
	w.note("datagrams of %s take %v longer", w.slots[a].name, by)
	each := func(by time.Duration) {
		for b := range w.slots {
			w.net.link(a, b).spike += by
		}
	}
	each(by)
	return func() { each(-by) }
}

func beginBlackHole(w *World, _ *Fault) func() {
	a, b := w.two()
	limit := 100 + w.rng.IntN(w.Plan.Datagram)
	w.note("datagrams above %d bytes from %s to %s vanish", limit, w.slots[a].name, w.slots[b].name)
	w.Seen.BlackHoles++
	w.net.link(a, b).limit = limit
	return func() { w.net.link(a, b).limit = 0 }
}

func beginPause(w *World, _ *Fault) func() {
	h := w.any()
	if h == nil {
		return nil
	}
	h.note("paused")
	w.Seen.Pauses++
	h.pause()
	return h.resume
}

func beginSlow(w *World, _ *Fault) func() {
	h := w.any()
	if h == nil {
		return nil
	}
	by := time.Duration(w.rng.Int64N(int64(2 * time.Millisecond)))
	h.note("needs %v longer for each datagram", by)
	h.work += by
	return func() { h.work -= by }
}

func beginCrash(w *World, _ *Fault, refuses bool) func() {
	h := w.any()
	if h == nil {
		return nil
	}
	return w.Crash(h.slot.index, refuses)
}

// Crash ends a daemon. refuses tells that its host lives on and refuses unicast
// datagrams. The result starts the daemon again.
func (w *World) Crash(index int, refuses bool) (restart func()) {
	s := w.slots[index]
	how := "crashes"
	if !refuses {
		how = "loses power"
		w.Seen.PowerCuts++
	} else {
		w.Seen.Crashes++
	}
	if s.host != nil {
		w.stop(s.host, how)
	}
	s.up = refuses
	return func() { w.Start(index) }
}

// Start starts a daemon, unless it runs, has no configuration, or its operator does
// not want it to run.
func (w *World) Start(index int) {
	if s := w.slots[index]; s.host == nil && s.file >= 0 && !s.stopped && !s.down {
		w.Seen.started(w.start(s))
	}
}

// beginLeave: a daemon that is not told that it may go ends all the same.
func beginLeave(w *World, f *Fault) func() {
	h := w.any()
	if h == nil {
		return nil
	}
	h.leave()
	w.after(time.Second, func() { w.stop(h, "left without word") })
	return func() {
		if h.dead {
			w.Start(h.slot.index)
		} else {
			w.after(time.Second, func() { w.Start(h.slot.index) })
		}
	}
}

func beginWallJump(w *World, _ *Fault) func() {
	s := w.slots[w.rng.IntN(len(w.slots))]
	s.wall += time.Duration(w.rng.Int64N(int64(2*time.Hour))) - time.Hour
	w.note("the clock of %s is off by %v", s.name, s.wall)
	w.Seen.WallJumps++
	return nil
}

// beginTrigger waits for a daemon to send a datagram of some kind, and then lets
// something happen to it or to another: what matters is the step of the protocol.
func beginTrigger(w *World, f *Fault) func() {
	kind := ringproto.Kind(1 + w.rng.IntN(int(ringproto.Piece)))
	if w.chance(0.7) {
		kind = pick(w.rng, ringproto.Join, ringproto.Propose, ringproto.State, ringproto.Plan, ringproto.Ready, ringproto.Install)
	}
	t := &trigger{kind: kind, skip: w.rng.IntN(4), fault: f}
	w.triggers = append(w.triggers, t)
	return func() {
		w.triggers = slices.DeleteFunc(w.triggers, func(o *trigger) bool { return o == t })
	}
}

// trigger is armed until a datagram of its kind is sent, after some others.
type trigger struct {
	kind  ringproto.Kind
	skip  int
	fault *Fault
}

// triggered looks at what is sent.
func (w *World) triggered(d *Datagram) Verdict {
	if len(w.held) > 0 && ringproto.Kind(d.Kind()) == ringproto.Propose {
		for _, late := range w.held {
			w.after(w.exp(2*time.Millisecond), late)
		}
		w.held = nil
	}
	for _, t := range w.triggers {
		if t.kind != ringproto.Kind(d.Kind()) || w.still {
			continue
		}
		if t.skip--; t.skip == -1 {
			w.note("trigger: %v of %s", t.kind, w.slots[d.From].name)
			w.Seen.Triggers++
			return w.pull(d, t.fault)
		}
	}
	return Pass
}

// pull does what a trigger is for.
func (w *World) pull(d *Datagram, f *Fault) Verdict {
	h := w.slots[d.From].host
	if h == nil {
		return Pass
	}
	undo := func(fn func()) {
		w.after(w.exp(f.Length), func() {
			if !w.still {
				fn()
			}
		})
	}
	switch w.rng.IntN(8) {
	case 0: // the sender ends before it is sent
		undo(w.Crash(d.From, true))
		return Drop
	case 1: // or after
		w.after(0, func() {
			if w.slots[d.From].host == h && !w.still {
				undo(w.Crash(d.From, w.chance(0.5)))
			}
		})
	case 2: // another ends
		if o := w.any(); o != nil && o != h {
			undo(w.Crash(o.slot.index, w.chance(0.5)))
		}
	case 3: // the sender is paused
		h.pause()
		undo(h.resume)
	case 4: // the network parts
		undo(beginPartition(w, f))
	case 5:
		return Drop
	case 6, 7: // it comes much later, or when the next attempt begins
		w.Seen.Held++
		late := w.net.hold(d)
		if w.chance(0.5) {
			w.held = append(w.held, late)
		} else {
			w.after(5*time.Millisecond+time.Duration(w.rng.Int64N(int64(800*time.Millisecond))), late)
		}
		return Drop
	}
	return Pass
}

// damages break a machine from outside, so that it can be seen that the checks
// find it. Each is a hook on what daemons send.
var damages = map[string]func(*Datagram) Verdict{
	"no ACK":  dropKind(ringproto.Ack),
	"no PLAN": dropKind(ringproto.Plan),
	"no JOIN": dropKind(ringproto.Join),
}

func dropKind(k ringproto.Kind) func(*Datagram) Verdict {
	return func(d *Datagram) Verdict {
		if ringproto.Kind(d.Kind()) == k {
			return Drop
		}
		return Pass
	}
}
