package tool

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"sync"
)

// ReadAhead bounds what is read and not yet used, in bytes; a read more may be
// added to it.
const ReadAhead = 1 << 20

// Input reads in a goroutine of its own, so that messages can be shown meanwhile,
// and hands out lines. Lines may be asked for by one goroutine only.
type Input struct {
	mu   sync.Mutex
	buf  []byte
	err  error // why nothing more will come: ErrEnd, or that of reading
	gen  int   // grows with every change of buf and err by the reader
	seen int   // gen as of the last Line or Stands
	wake context.CancelFunc
	room chan struct{} // holds a token when buf has become shorter
}

// ErrEnd is the end of the input. It is not io.EOF, which errors of a lost
// connection may wrap.
var ErrEnd = errors.New("end of input")

// NewInput begins to read. It goes on until the end of r, or until ctx has ended and
// the Read under way has returned.
func NewInput(ctx context.Context, r io.Reader) *Input {
	in := &Input{wake: func() {}, room: make(chan struct{}, 1)}
	go in.read(ctx, r)
	return in
}

func (in *Input) read(ctx context.Context, r io.Reader) {
	chunk := make([]byte, 4096)
	for {
		n, err := r.Read(chunk)
		b := chunk[:n]
		if runtime.GOOS == "windows" {
			b = bytes.ReplaceAll(b, []byte("\r\n"), []byte("\n"))
		}
		switch {
		case errors.Is(err, io.EOF):
			err = ErrEnd
		case err != nil:
			err = fmt.Errorf("read input: %w", err)
		}
		in.mu.Lock()
		in.buf = append(in.buf, b...)
		in.err = err
		in.gen++
		in.wake()
		full := len(in.buf) >= ReadAhead
		in.mu.Unlock()
		if err != nil {
			return
		}
		for full {
			select {
			case <-in.room:
			case <-ctx.Done():
				return
			}
			in.mu.Lock()
			full = len(in.buf) >= ReadAhead
			in.mu.Unlock()
		}
	}
}

// Line returns the next line with its line end, or limit bytes of it if it is
// longer, or what stands before the end of the input. It returns nil if the line
// is not complete yet, with an error such as ErrEnd if there will be none.
func (in *Input) Line(limit int) ([]byte, error) {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.seen = in.gen
	n := min(len(in.buf), limit)
	if i := bytes.IndexByte(in.buf[:n], '\n'); i >= 0 {
		n = i + 1
	} else if n < limit && (in.err == nil || n == 0) {
		return nil, in.err
	}
	line := bytes.Clone(in.buf[:n])
	in.buf = in.buf[n:]
	select {
	case in.room <- struct{}{}:
	default:
	}
	return line, nil
}

// Stands tells whether no more will be read for now: at the end of the input, or
// because what was read waits to be used.
func (in *Input) Stands() (ended, full bool) {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.seen = in.gen
	return in.err != nil, len(in.buf) >= ReadAhead
}

// Changed returns a context that ends when Line or Stands may have something new
// to say.
func (in *Input) Changed(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(ctx)
	in.mu.Lock()
	defer in.mu.Unlock()
	in.wake = cancel
	if in.gen != in.seen {
		cancel()
	}
	return ctx, cancel
}

// Await waits for a line and receives nothing meanwhile.
func (in *Input) Await(ctx context.Context, limit int) ([]byte, error) {
	for {
		line, err := in.Line(limit)
		if line != nil || err != nil {
			return line, err
		}
		changed, cancel := in.Changed(ctx)
		<-changed.Done()
		cancel()
		if err := ctx.Err(); err != nil {
			return nil, err
		}
	}
}
