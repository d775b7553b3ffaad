package spcheck

import (
	"bytes"
	"net"

	"gospread/spread/internal/clientproto"
)

// tampered is a connection on which a daemon that is not correct seems to be at
// the other end.
type tampered struct {
	net.Conn
	raw, ready []byte
	greeting   int // what has come of it: the methods, and the yes
	// change gets each message and returns what takes its place.
	change func(m []byte, h *clientproto.Header) []byte
}

func (c *tampered) Read(b []byte) (int, error) {
	for len(c.ready) == 0 {
		var more [64 << 10]byte
		n, err := c.Conn.Read(more[:])
		if err != nil {
			return 0, err
		}
		c.raw = append(c.raw, more[:n]...)
		for c.next() {
		}
	}
	n := copy(b, c.ready)
	c.ready = c.ready[n:]
	return n, nil
}

// next moves what is complete.
func (c *tampered) next() bool {
	n := 0
	switch {
	case c.greeting == 0:
		if _, used, err := clientproto.ParseAuthList(c.raw); err == nil {
			n, c.greeting = used, 1
		}
	case c.greeting == 1:
		if _, used, err := clientproto.ParseAccept(c.raw); err == nil {
			n, c.greeting = used, 2
		}
	case len(c.raw) >= clientproto.HeaderSize:
		h, err := clientproto.ParseHeader(c.raw)
		if err != nil || len(c.raw) < h.Size() {
			return false
		}
		size := h.Size()
		c.ready = append(c.ready, c.change(bytes.Clone(c.raw[:size]), &h)...)
		c.raw = c.raw[size:]
		return true
	}
	c.ready = append(c.ready, c.raw[:n]...)
	c.raw = c.raw[n:]
	return n > 0
}
