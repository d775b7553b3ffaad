package daemon

// arena holds encoded notices one behind the other, so that a client that gets
// several in a turn gets them in one run of memory. Nothing is written twice;
// the garbage collector frees a block after the last notice in it.
type arena struct{ block []byte }

const (
	arenaBlock   = 32 << 10
	arenaLargest = arenaBlock / 4
)

// add appends a notice of at most size bytes and returns it.
func (a *arena) add(size int, encode func([]byte) []byte) []byte {
	if size > arenaLargest {
		return encode(make([]byte, 0, size))
	}
	if cap(a.block)-len(a.block) < size {
		a.block = make([]byte, 0, arenaBlock)
	}
	start := len(a.block)
	a.block = encode(a.block)
	return a.block[start:]
}
