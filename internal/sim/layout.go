package sim

import (
	"hash/crc32"
	"slices"
	"strings"

	"gospread/spread/internal/clientproto"
	"gospread/spread/internal/group"
	"gospread/spread/internal/ring"
)

// layout is what a configuration file says of the daemons. The same daemons in
// the same order are the same layout.
type layout struct {
	ring.Epoch
	slots   []int // in configuration order
	daemons []group.Daemon
}

// layoutOf is the index of the layout of these daemons, in that order.
func (w *World) layoutOf(slots []int) int {
	for k, l := range w.layouts {
		if slices.Equal(l.slots, slots) {
			return k
		}
	}
	l := &layout{slots: slices.Clone(slots)}
	var text strings.Builder
	for _, i := range slots {
		s := w.slots[i]
		l.Peers = append(l.Peers, ring.Peer{ID: s.id, Segment: s.segment})
		l.daemons = append(l.daemons, group.Daemon{ID: s.id, Name: s.name})
		text.WriteString(s.name + "\n")
	}
	l.Describe = text.String()
	l.Digest = max(1, crc32.ChecksumIEEE([]byte(l.Describe)))
	w.layouts = append(w.layouts, l)
	return len(w.layouts) - 1
}

// has tells whether a daemon is in the layout.
func (l *layout) has(slot int) bool { return slices.Contains(l.slots, slot) }

// layoutWith is the index of the layout with that digest, -1 if there is none.
func (w *World) layoutWith(digest uint32) int {
	return slices.IndexFunc(w.layouts, func(l *layout) bool { return l.Digest == digest })
}

// wanted are the daemons that must be together in the end: those of the layout
// that operators gave last, in its order.
func (w *World) wanted() []*slot {
	var list []*slot
	for _, i := range w.layouts[w.last].slots {
		list = append(list, w.slots[i])
	}
	return list
}

// removed are the daemons that run and are not wanted any more.
func (w *World) removed() []*host {
	return slices.DeleteFunc(w.running(), func(h *host) bool { return w.layouts[w.last].has(h.slot.index) })
}

// reaches tells whether a host sends to a daemon what is for everybody. Multicast
// reaches all; by unicast it goes to those that the host's layouts name.
func (h *host) reaches(to int) bool {
	w := h.w
	return w.Plan.Multicast || w.layouts[h.in].has(to) || h.offers >= 0 && w.layouts[h.offers].has(to)
}

// reload makes a daemon read its file again, as SIGHUP does.
func (h *host) reload() {
	if h.dead || h.leaving {
		return
	}
	if h.sighup = h.pauses > 0; h.sighup {
		return
	}
	k := h.slot.file
	h.note("reads its file: %v", h.w.slotNames(k))
	h.files = append(h.files, k)
	if h.offers = k; k == h.in {
		h.offers = -1
	}
	h.ring.Offer(h.w.layouts[k].Epoch)
	h.turn()
}

// epochBegins takes another layout into force.
func (h *host) epochBegins(digest uint32) {
	w := h.w
	k := w.layoutWith(digest)
	if !slices.Contains(h.files, k) {
		w.fail("epoch", "at %s %v begins, which it has never offered", h.slot.name, w.slotNames(k))
		return
	}
	h.note("EPOCH %v", w.slotNames(k))
	h.in = k
	if h.offers = h.files[len(h.files)-1]; h.offers == k {
		h.offers = -1
	}
	w.Seen.EpochsBegun++
	if w.troubled() {
		w.Seen.EpochsInTrouble++
	}
	if t := h.log.tenure; t != nil && h.log.phase == ring.RegularConfiguration {
		t.begun = append(t.begun, beginning{k, t.given})
	} else {
		w.Seen.EpochsAdopted++
	}
	h.groups.SetDaemons(w.layouts[k].daemons)
}

// troubled tells whether a fault is on that keeps daemons apart.
func (w *World) troubled() bool {
	for _, s := range w.wanted() {
		if s.host == nil || s.host.pauses > 0 {
			return true
		}
	}
	return slices.ContainsFunc(w.net.links, func(l link) bool { return l.cuts > 0 })
}

func (w *World) slotNames(k int) []string {
	if k < 0 {
		return []string{"an unknown configuration"}
	}
	var names []string
	for _, i := range w.layouts[k].slots {
		names = append(names, w.slots[i].name)
	}
	return names
}

// stranded tells which of the removed daemons is left without a ring, or apart from
// one that is in the same layout.
func (w *World) stranded() string {
	first := make(map[int]*host)
	for _, h := range w.removed() {
		if h.leaving || h.pauses > 0 {
			continue
		}
		if h.log.config == nil || h.log.phase != ring.RegularConfiguration || h.groups.Blocked() {
			return h.slot.name + ", which was removed, is in no regular configuration"
		}
		if o := first[h.in]; o == nil {
			first[h.in] = h
		} else if o.log.config.ID != h.log.config.ID {
			return h.slot.name + " and " + o.slot.name + ", which were removed, are apart"
		}
	}
	return ""
}

// ordered tells whether members are in the order of the layout that was in force at
// a daemon when its configuration was installed. Those that are not in it any more
// come last.
func (h *host) ordered(members []clientproto.Name) bool {
	l := h.w.layouts[h.lists]
	place := func(n clientproto.Name) int {
		if i := slices.Index(l.slots, h.w.slotOf(n)); i >= 0 {
			return i
		}
		return len(l.slots)
	}
	return slices.IsSortedFunc(members, func(a, b clientproto.Name) int { return place(a) - place(b) })
}

// slotOf is the index of the daemon of a client, -1 if there is none.
func (w *World) slotOf(client clientproto.Name) int {
	_, d, _ := client.SplitPrivate()
	return slices.IndexFunc(w.slots, func(s *slot) bool { return s.name == string(d) })
}

// arrange checks the order of the members of a view, and brings it into that of
// all daemons, which evscheck knows: the order of a layout changes with the first
// configuration that is installed when another has come into force.
func (h *host) arrange(v *clientproto.View) {
	w := h.w
	if len(w.layouts) == 1 {
		return // evscheck looks at it
	}
	for _, list := range append([][]clientproto.Name{v.Members}, v.Sets...) {
		if !h.ordered(list) {
			w.fail("C5", "at %s, where %v was in force, a view of %s has %v", h.slot.name, w.slotNames(h.lists), v.Group, list)
		}
		slices.SortStableFunc(list, func(a, b clientproto.Name) int { return w.slotOf(a) - w.slotOf(b) })
	}
}
