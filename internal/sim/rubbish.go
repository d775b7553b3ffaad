package sim

import (
	"encoding/binary"
	"slices"
)

// rubbish feeds a daemon what no seal would have let through: damaged copies of
// what it has just received, old datagrams, random bytes.
func (w *World) rubbish(h *host, data []byte) {
	if w.calm || w.rng.IntN(4) > 0 {
		w.net.keep(data)
		return
	}
	b := slices.Clone(data)
	switch w.rng.IntN(7) {
	case 0:
		for range 1 + w.rng.IntN(8) {
			b[w.rng.IntN(len(b))] ^= 1 << w.rng.IntN(8)
		}
	case 1:
		b = b[:w.rng.IntN(len(b)+1)]
	case 2: // a number somewhere becomes extreme, small, or a little wrong
		if i := w.rng.IntN(len(b)); i+8 <= len(b) {
			v := binary.BigEndian.Uint64(b[i:])
			binary.BigEndian.PutUint64(b[i:], pick(w.rng, 0, 1, 1<<63, 1<<64-1, 1<<32-1, v+1, v-1, w.rng.Uint64()>>w.rng.IntN(64)))
		}
	case 3: // of another kind
		if len(b) > 1 {
			b[1] = byte(w.rng.IntN(20))
		}
	case 4: // half of this, half of an old one
		if len(w.net.old) > 0 {
			b = append(b[:w.rng.IntN(len(b)+1)], w.net.old[w.rng.IntN(len(w.net.old)):]...)
		}
	case 5:
		b = make([]byte, w.rng.IntN(200))
		for i := range b {
			b[i] = byte(w.rng.Uint32())
		}
		if len(b) > 1 && w.rng.IntN(2) == 0 {
			b[0], b[1] = 1, byte(w.rng.IntN(20))
		}
	case 6: // an old one again
		b = slices.Clone(w.net.old)
	}
	if w.trace != nil {
		h.note("< rubbish %s", describe(b))
	}
	h.ring.Receive(h.now(), b)
}

// keep remembers a datagram now and then.
func (n *network) keep(data []byte) {
	if n.w.rng.IntN(20) == 0 {
		n.old = append(n.old[:0], data...)
	}
}
