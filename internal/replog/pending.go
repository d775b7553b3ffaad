package replog

import "slices"

// pending are the updates and syncs that were submitted here and have not ended, in
// their order.
type pending struct {
	list  []*wish
	byID  map[string]*wish
	bytes int
}

// wish is an update, or a sync if it has a number.
type wish struct {
	entry Entry
	sent  bool // at any time
	sync  uint64

	// of a sync
	heard  []string // who has answered
	placed bool     // it came back
	upto   uint64   // what must be applied then
}

func newPending() *pending { return &pending{byID: map[string]*wish{}} }

func (p *pending) add(w *wish) {
	p.list = append(p.list, w)
	p.byID[w.entry.ID] = w
	p.bytes += len(w.entry.Data)
}

func (p *pending) remove(id string) *wish {
	w := p.byID[id]
	if w == nil {
		return nil
	}
	delete(p.byID, id)
	p.bytes -= len(w.entry.Data)
	if p.list[0] == w {
		p.list[0] = nil
		p.list = p.list[1:]
	} else {
		p.list = slices.DeleteFunc(p.list, func(x *wish) bool { return x == w })
	}
	return w
}

// refuse ends all that were never sent.
func (p *pending) refuse(reason string) (out []Effect) {
	for _, w := range slices.Clone(p.list) {
		if !w.sent || w.sync > 0 {
			p.remove(w.entry.ID)
			out = append(out, Resolve{ID: w.entry.ID, Outcome: Refused, Reason: reason})
		}
	}
	return out
}
