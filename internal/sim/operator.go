package sim

import (
	"slices"
	"time"
)

// give gives a daemon's operator a new file. It is read at once if the daemon runs;
// a daemon that is new, or was stopped for good, is started.
func (w *World) give(index, k int) {
	s := w.slots[index]
	fresh := s.file < 0 || s.stopped
	s.file, s.stopped = k, false
	switch {
	case s.host != nil:
		s.host.reload()
	case fresh || w.still:
		w.Start(index)
	}
}

// rollOut gives a layout to all operators concerned, each at some time within some
// time; but one, if that is not negative, does not get it. What was under way ends.
// Some of those that are removed stop their daemons.
func (w *World) rollOut(k int, within time.Duration, but int) {
	w.note("new configuration %v", w.slotNames(k))
	w.last = k
	w.rollouts++
	mine := w.rollouts
	soon := func(from time.Duration, do func()) {
		w.after(from+time.Duration(w.rng.Int64N(int64(within)+1)), func() {
			if w.rollouts == mine {
				do()
			}
		})
	}
	for _, i := range w.layouts[k].slots {
		if i != but {
			soon(0, func() { w.give(i, k) })
		}
	}
	for _, s := range w.slots {
		if !w.layouts[k].has(s.index) && s.file >= 0 && !s.stopped && w.chance(0.5) {
			soon(within/2, func() { w.stopForGood(s) })
		}
	}
}

// stopForGood lets an operator stop a daemon that is not needed any more.
func (w *World) stopForGood(s *slot) {
	s.stopped = true
	if h := s.host; h != nil && !h.leaving {
		h.leave()
		w.after(time.Second, func() { w.stop(h, "stopped") })
	}
}

// beginReload: a new configuration is given to the operators of all daemons, or of
// all but one. It may be taken back.
func beginReload(w *World, f *Fault) func() {
	was := w.last
	but := -1
	k := w.layoutOf(w.changed())
	if w.chance(0.2) {
		but = pick(w.rng, w.layouts[k].slots...)
	}
	w.Seen.Reloads++
	w.rollOut(k, pick(w.rng, 0, 50*time.Millisecond, f.Length, 3*time.Second), but)
	if !w.chance(0.2) {
		return nil
	}
	mine := w.rollouts
	return func() {
		if w.rollouts == mine {
			w.Seen.TakenBack++
			w.rollOut(was, pick(w.rng, 0, 50*time.Millisecond, f.Length), -1)
		}
	}
}

// changed draws a layout that differs a little from the last one.
func (w *World) changed() []int {
	order := slices.Clone(w.layouts[w.last].slots)
	var others []int
	for i := range w.slots {
		if !slices.Contains(order, i) {
			others = append(others, i)
		}
	}
	add := func() {
		if len(others) > 0 {
			n := w.rng.IntN(len(others))
			order = slices.Insert(order, w.rng.IntN(len(order)+1), others[n])
			others = slices.Delete(others, n, n+1)
		}
	}
	remove := func() {
		if len(order) > 1 {
			n := w.rng.IntN(len(order))
			order = slices.Delete(order, n, n+1)
		}
	}
	switch w.rng.IntN(8) {
	case 0, 1:
		add()
	case 2, 3:
		remove()
	case 4: // some are replaced
		for range 1 + w.rng.IntN(2) {
			add()
			remove()
		}
	case 5: // another order
		w.rng.Shuffle(len(order), func(i, j int) { order[i], order[j] = order[j], order[i] })
	case 6: // one from before
		order = slices.Clone(w.layouts[w.rng.IntN(len(w.layouts))].slots)
	case 7: // anything
		all := w.rng.Perm(len(w.slots))
		order = all[:1+w.rng.IntN(len(all))]
	}
	return order
}
