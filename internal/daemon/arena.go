package daemon

// notice is an encoded notice; shared tells that its memory is its own.
type notice struct {
	b      []byte
	shared bool
}

// arena holds encoded notices one behind the other, so that a client that gets
// several in a turn gets them in one run of memory. Nothing is written twice;
// the garbage collector frees a block after the last notice in it.
type arena struct{ block []byte }

const arenaBlock = 32 << 10

// add encodes a notice of at most size bytes for a number of receivers. It gets
// memory of its own if it is large, or if copies for receivers that lag would
// take more than that.
func (a *arena) add(size, receivers int, encode func([]byte) []byte) notice {
	if size > arenaBlock/4 || size*receivers > arenaBlock {
		return notice{encode(make([]byte, 0, size)), true}
	}
	if cap(a.block)-len(a.block) < size {
		a.block = make([]byte, 0, arenaBlock)
	}
	start := len(a.block)
	a.block = encode(a.block)
	return notice{a.block[start:], false}
}
