package seal

// windowSize is how many counters back a datagram may come, in datagrams. The
// token has a socket of its own and overtakes all that waits in the buffer of the
// data socket: 16 MB as the kernel counts them, which is some 20,000 small datagrams.
const windowSize = 1 << 15

// window remembers which of the last counters have come.
type window struct {
	next uint64 // one above the highest that has come
	seen [windowSize / 64]uint64
}

// take notes that a counter has come. It reports false for one that had come
// before, or is too old to tell.
func (w *window) take(c uint32) bool {
	n := uint64(c) + 1
	switch {
	case n > w.next:
		w.forget(n)
	case w.next-n >= windowSize:
		return false
	}
	word, bit := &w.seen[c%windowSize/64], uint64(1)<<(c%64)
	if *word&bit != 0 {
		return false
	}
	*word |= bit
	return true
}

// forget moves on to next, and clears the places of the counters in between.
func (w *window) forget(next uint64) {
	if next-w.next >= windowSize {
		w.seen = [windowSize / 64]uint64{}
		w.next = next
		return
	}
	for w.next < next {
		at := w.next % windowSize
		if at%64 == 0 && next-w.next >= 64 {
			w.seen[at/64] = 0
			w.next += 64
			continue
		}
		w.seen[at/64] &^= 1 << (at % 64)
		w.next++
	}
}
