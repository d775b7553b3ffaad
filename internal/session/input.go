package session

import "sync"

// Input buffers. A buffer is filled from the front; messages read into it are
// handed on as slices of it, so it must not be written again while any of them
// waits to be written out. When all have been, it is filled anew; otherwise the
// garbage collector frees it after the last of them. What a session leaves
// unused it gives back, so that idle sessions hold no memory and lone messages
// of many sessions share one buffer.
const (
	chunkSize    = 64 << 10
	busyChunk    = 256 << 10
	minimumSpace = 4 << 10
	keptChunks   = 64
)

// chunks keeps partly used buffers.
type chunks struct {
	mu   sync.Mutex
	free [][]byte
}

// get returns an empty buffer with room for n bytes, at most chunkSize.
func (c *chunks) get(n int) []byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	for last := len(c.free) - 1; last >= 0; last-- {
		b := c.free[last]
		c.free[last] = nil
		c.free = c.free[:last]
		if cap(b) >= n {
			return b
		}
	}
	return make([]byte, 0, chunkSize)
}

// put takes back a buffer of which b is the end that nobody has used.
func (c *chunks) put(b []byte) {
	if cap(b) < minimumSpace {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.free) < keptChunks {
		c.free = append(c.free, b[:0])
	}
}

// input is what a session has read and not yet understood.
type input struct {
	buf  []byte // unread bytes, with the buffer's free end as capacity
	base []byte // all of the buffer that is this session's, from its front
	// free: nothing of base that was taken up to the last settle waits to be
	// written. taken: something has been taken since.
	free, taken bool
	full        bool // the last read filled the buffer: the client is busy
}

// space returns room to read into. need is the size of the message that buf
// begins with, 0 if it is not known; room is made step by step, so that a
// client must send bytes to make the daemon allocate them.
func (in *input) space(need int, pool *chunks) []byte {
	have, room := len(in.buf), cap(in.buf)-len(in.buf)
	switch {
	case in.buf == nil:
		in.buf = pool.get(minimumSpace)
		in.base, in.free, in.taken = in.buf, true, false
	case room >= minimumSpace || room >= need-have && room > 0:
	case in.free && !in.taken && max(need, have+minimumSpace) <= cap(in.base) && cap(in.base) > cap(in.buf):
		in.front()
	default:
		size := chunkSize
		if in.full {
			size = busyChunk
		}
		size = max(size, min(need, 4*have), have+minimumSpace)
		if size == chunkSize {
			in.buf = append(pool.get(max(have+minimumSpace, min(need, chunkSize/4))), in.buf...)
		} else {
			in.buf = append(make([]byte, 0, size), in.buf...)
		}
		in.base, in.free, in.taken = in.buf[:0], true, false
	}
	return in.buf[len(in.buf):cap(in.buf)]
}

// read notes that n bytes have been read into what space returned.
func (in *input) read(n int) {
	in.buf = in.buf[:len(in.buf)+n]
	in.full = len(in.buf) == cap(in.buf)
}

// take removes a message of n bytes from the front.
func (in *input) take(n int) []byte {
	m := in.buf[:n]
	in.buf = in.buf[n:]
	in.taken = true
	return m
}

// front moves what is unread to the front of the buffer.
func (in *input) front() { in.buf = append(in.base[:0], in.buf...) }

// settle notes that a turn has ended: what was read and understood has been
// written out, or some of it still waits.
func (in *input) settle(written bool) {
	in.free, in.taken = in.free && written, false
	if in.free && len(in.buf) <= minimumSpace {
		in.front()
	}
}

// rest gives the buffer back when nothing more is to be read for now, and keeps
// a beginning of a message in memory of its own if it is small.
func (in *input) rest(pool *chunks) {
	have := len(in.buf)
	if have > minimumSpace {
		return
	}
	if end := in.buf[have:]; cap(end) > 0 {
		pool.put(end)
	}
	in.base, in.free = nil, false
	if have == 0 {
		in.buf = nil
		return
	}
	in.buf = append(make([]byte, 0, have), in.buf...)
}

// drop gives the buffer back for good.
func (in *input) drop(pool *chunks) {
	if in.base != nil {
		pool.put(in.buf[len(in.buf):])
	}
	*in = input{}
}
