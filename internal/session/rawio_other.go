//go:build !unix

package session

import (
	"errors"
	"net"
)

var errWouldBlock = errors.New("would block")

// rawIO stands in where descriptors cannot be used directly: every write is
// left to the session's goroutine, every read waits.
type rawIO struct {
	conn net.Conn
}

func newRawIO(c net.Conn) (*rawIO, error) { return &rawIO{conn: c}, nil }

func (r *rawIO) tryWrite([]byte) (int, error) { return 0, errWouldBlock }

// reads calls f until it returns true; each time the first read may wait and a
// second one is refused, so that f comes up for air.
func (r *rawIO) reads(f func(read func([]byte) (int, error)) bool) error {
	for {
		fresh := true
		done := f(func(b []byte) (int, error) {
			if !fresh {
				return 0, errWouldBlock
			}
			fresh = false
			return r.conn.Read(b)
		})
		if done {
			return nil
		}
	}
}
