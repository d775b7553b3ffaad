package spread

import (
	"fmt"
	"io"

	"gospread/spread/internal/clientproto"
)

// Sizes of reading, in bytes.
const (
	// minChunk and maxChunk bound what one read takes, and what small messages
	// share. Chunks grow and shrink with what reads bring, by chunkStep.
	minChunk  = 4 << 10
	maxChunk  = 64 << 10
	chunkStep = 4
	// minOwn is the size from which a message that does not fit the chunk gets
	// memory of its own; smaller ones move to the next chunk.
	minOwn = maxChunk / 4
	// trusted is the memory that a header's word is good for. A longer message
	// gets more as its bytes arrive.
	trusted = 256 << 10
	// maxEmpty is how many reads may bring neither bytes nor an error.
	maxEmpty = 100
	// maxFrame bounds what a daemon can make the client hold. Only views come
	// near it, with 100,000 members.
	maxFrame = 8 << 20
)

// frame is one whole message. Its bytes may be kept: nothing is written over
// them.
type frame struct {
	clientproto.Header
	b []byte
}

// framer cuts a stream of bytes into messages. It reads much at once, and
// neither copies nor allocates for each small message.
type framer struct {
	src   io.Reader
	chunk []byte
	r, w  int // chunk[r:w] has been read and not been cut
	// lent: something before r has been handed out.
	lent bool
	// length is that of the next chunk, most what one read brought to this one.
	length, most int
	empty        int // reads in a row that brought nothing
	// own is a message too long for the chunk, of which n bytes are here and size
	// are to come.
	own     []byte
	n, size int
}

// newFramer makes a framer; begun is what has been read already.
func newFramer(src io.Reader, begun []byte) *framer {
	f := &framer{src: src, chunk: make([]byte, max(minChunk, len(begun))), length: minChunk}
	f.w = copy(f.chunk, begun)
	return f
}

// next cuts off the next message; ok is false if more must be read first. After
// an error the stream is lost.
func (f *framer) next() (fr frame, ok bool, err error) {
	if f.own != nil {
		if f.n < f.size {
			return frame{}, false, nil
		}
		fr = frame{b: f.own}
		f.own = nil
		fr.Header, err = clientproto.ParseHeader(fr.b)
		return fr, true, err
	}
	if f.w-f.r < clientproto.HeaderSize {
		return frame{}, false, nil
	}
	fr.Header, err = clientproto.ParseHeader(f.chunk[f.r:])
	if err != nil {
		return frame{}, false, err
	}
	if err := checkIncoming(&fr.Header); err != nil {
		return frame{}, false, err
	}
	size := fr.Size()
	if size > f.w-f.r {
		f.size = size
		return frame{}, false, nil
	}
	fr.b = f.chunk[f.r : f.r+size : f.r+size]
	f.r += size
	f.lent = true
	return fr, true, nil
}

// checkIncoming reports a header that cannot be right. Data messages come from
// clients, which have narrow limits.
func checkIncoming(h *clientproto.Header) error {
	if err := clientproto.CheckReply(h); err != nil {
		return err
	}
	if h.Type&clientproto.Services != 0 && (h.NumGroups > clientproto.MaxGroups || h.DataLen > clientproto.MaxData) {
		return fmt.Errorf("message from the daemon with %d groups and data length %d, at most %d and %d are possible",
			h.NumGroups, h.DataLen, clientproto.MaxGroups, clientproto.MaxData)
	}
	if size := h.Size(); size > maxFrame {
		return fmt.Errorf("message of %d bytes from the daemon, at most %d are possible", size, maxFrame)
	}
	return nil
}

// read reads once, after next has found no more.
func (f *framer) read() error {
	if f.own == nil {
		f.makeRoom()
	}
	if f.own != nil {
		n, err := f.src.Read(f.growOwn())
		f.n += n
		return f.some(n, err)
	}
	room := f.chunk[f.w:]
	n, err := f.src.Read(room)
	f.w += n
	f.most = max(f.most, n)
	if n == len(room) {
		f.length = min(f.length*chunkStep, maxChunk)
	}
	return f.some(n, err)
}

// some drops the error of a read that brought something: the next read will
// meet it again. Nothing at all, again and again, is an error.
func (f *framer) some(n int, err error) error {
	if n > 0 {
		f.empty = 0
		return nil
	}
	if f.empty++; err == nil && f.empty > maxEmpty {
		return io.ErrNoProgress
	}
	return err
}

// makeRoom sees to it that the message that has begun fits, in the chunk, in a
// new one or in memory of its own.
func (f *framer) makeRoom() {
	begun := f.w - f.r
	if begun == 0 && !f.lent {
		f.r, f.w = 0, 0
	}
	size := 0
	if begun >= clientproto.HeaderSize {
		size = f.size
	}
	switch {
	case size > len(f.chunk)-f.r && size >= minOwn:
		f.own = make([]byte, max(begun, min(size, trusted)))
		f.n = copy(f.own, f.chunk[f.r:f.w])
		f.r = f.w
		if !f.lent {
			f.r, f.w = 0, 0
		}
	case size > len(f.chunk)-f.r, size == 0 && len(f.chunk)-f.w < len(f.chunk)/8:
		old := f.chunk[f.r:f.w]
		switch {
		case size > f.length:
			f.length = maxChunk
		case f.most < f.length/(chunkStep*chunkStep):
			f.length = max(f.length/chunkStep, minChunk)
		}
		f.chunk = make([]byte, f.length)
		f.r, f.w, f.lent, f.most = 0, copy(f.chunk, old), false, 0
	}
}

// growOwn returns where the next bytes of a long message go.
func (f *framer) growOwn() []byte {
	if f.n == len(f.own) {
		f.own = append(f.own, make([]byte, min(f.size-f.n, f.n))...)
	}
	return f.own[f.n:min(f.size, len(f.own))]
}
