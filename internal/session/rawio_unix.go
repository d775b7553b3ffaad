//go:build unix

package session

import (
	"errors"
	"io"
	"syscall"

	"golang.org/x/sys/unix"
)

var errWouldBlock = errors.New("would block")

// rawIO reads and writes a connection's descriptor without waiting, so that the
// goroutine at hand can do what would otherwise need a switch to another one.
type rawIO struct {
	conn syscall.RawConn

	// Arguments and results of the one write and the one read call at a time;
	// the functions are made once, so that a call allocates nothing.
	wbuf  []byte
	wn    int
	werr  error
	write func(fd uintptr) bool
}

func newRawIO(c syscall.Conn) (*rawIO, error) {
	rc, err := c.SyscallConn()
	if err != nil {
		return nil, err
	}
	r := &rawIO{conn: rc}
	r.write = func(fd uintptr) bool {
		r.wn, r.werr = ignoringEINTR(func() (int, error) { return unix.Write(int(fd), r.wbuf) })
		return true
	}
	return r, nil
}

// tryWrite writes what fits now, or returns errWouldBlock.
func (r *rawIO) tryWrite(b []byte) (int, error) {
	r.wbuf = b
	err := r.conn.Write(r.write)
	r.wbuf = nil
	switch {
	case err != nil:
		return 0, err
	case errors.Is(r.werr, unix.EAGAIN):
		return 0, errWouldBlock
	case r.werr != nil:
		return 0, r.werr
	}
	return r.wn, nil
}

// reads calls f whenever there may be something to read, until f returns true.
// f gets a read function that never waits: it returns errWouldBlock instead.
func (r *rawIO) reads(f func(read func([]byte) (int, error)) bool) error {
	var fd int
	read := func(b []byte) (int, error) {
		n, err := ignoringEINTR(func() (int, error) { return unix.Read(fd, b) })
		switch {
		case errors.Is(err, unix.EAGAIN):
			return 0, errWouldBlock
		case err != nil:
			return 0, err
		case n == 0:
			return 0, io.EOF
		}
		return n, nil
	}
	return r.conn.Read(func(d uintptr) bool {
		fd = int(d)
		return f(read)
	})
}

func ignoringEINTR(f func() (int, error)) (int, error) {
	for {
		n, err := f()
		if err != unix.EINTR {
			return max(n, 0), err
		}
	}
}
