//go:build unix

package spread

import (
	"context"
	"errors"
	"net"
	"syscall"
	"testing"
)

// TestRefusalBeforeReset has a daemon refuse and close before it has read
// anything, which resets the connection: the reason still counts.
func TestRefusalBeforeReset(t *testing.T) {
	for range 20 {
		ends := sockets(t, "tcp")
		// The hello arrives behind the refusal and is never read.
		held := &heldConn{Conn: ends[0], before: func() {
			_, _ = ends[1].Write([]byte{0xfd})
			_ = ends[1].(*net.TCPConn).SetLinger(0)
		}, after: func() { _ = ends[1].Close() }}
		_, err := Dial(context.Background(), "4803", dialTo(held))
		if !errors.Is(err, ErrQuota) {
			t.Fatalf("%v, want the refusal", err)
		}
	}
}

// heldConn does something around its first write.
type heldConn struct {
	net.Conn
	before, after func()
}

func (h *heldConn) Write(b []byte) (int, error) {
	if h.before == nil {
		return h.Conn.Write(b)
	}
	h.before()
	h.before = nil
	// Wait until the refusal is here, then let the reset come.
	raw, err := h.Conn.(*net.TCPConn).SyscallConn()
	if err == nil {
		err = raw.Read(func(fd uintptr) bool {
			var one [1]byte
			n, _, err := syscall.Recvfrom(int(fd), one[:], syscall.MSG_PEEK)
			return n == 1 || !errors.Is(err, syscall.EAGAIN)
		})
	}
	if err != nil {
		return 0, err
	}
	h.after()
	_, err = h.Conn.Write(b)
	_, err2 := h.Conn.Write(b)
	return len(b), errors.Join(err, err2)
}
