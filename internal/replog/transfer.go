package replog

import "slices"

// outgoing is a state on its way to others, a window of messages at a time.
type outgoing struct {
	to    []string // where it is sent
	from  []string // whose receipts count
	got   map[string]uint64
	parts [][]byte
	next  uint64
}

func newOutgoing(to, from []string, blob []byte, part int) *outgoing {
	o := &outgoing{to: to, from: from, got: map[string]uint64{}}
	for p := range slices.Chunk(blob, part) {
		o.parts = append(o.parts, p)
	}
	if len(o.parts) == 0 {
		o.parts = [][]byte{nil}
	}
	return o
}

// more returns the messages that may go now.
func (o *outgoing) more(view string) (out []Effect) {
	least := uint64(len(o.parts))
	for _, f := range o.from {
		least = min(least, o.got[f])
	}
	for o.next < uint64(len(o.parts)) && o.next < least+window {
		o.next++
		out = append(out, Send{To: o.to, Data: encode("state", o.parts[o.next-1], view, o.next, uint64(len(o.parts)))})
		o.parts[o.next-1] = nil // the view may last
	}
	return out
}

// incoming is a state on its way here.
type incoming struct {
	next, of uint64
	blob     []byte
}

// take adds a part. It tells whether it was the next one, and whether all is there.
func (in *incoming) take(n, of uint64, data []byte) (ok, done bool) {
	if of == 0 || of > maxStream || n != in.next+1 || in.of != 0 && in.of != of {
		return false, false
	}
	in.next, in.of = n, of
	in.blob = append(in.blob, data...)
	return true, n == of
}
