package monitor

import (
	"errors"
	"net"
	"net/netip"

	"gospread/spread/internal/monproto"
)

// receive takes answers until the socket is closed. What is no answer to one of our
// requests is dropped.
func (c *Client) receive() {
	defer close(c.done)
	b := make([]byte, 64<<10)
	for {
		n, from, err := c.conn.ReadFromUDPAddrPort(b)
		switch {
		case errors.Is(err, net.ErrClosed):
			return
		case err == nil:
			c.take(b[:n], from)
		}
		// Other errors are those of earlier sends on some systems.
		select {
		case <-c.closed:
			return
		default:
		}
	}
}

// take gives an answer to who waits for it.
func (c *Client) take(b []byte, from netip.AddrPort) {
	b, err := c.sealer.Open(b)
	if err != nil {
		return
	}
	h, body, err := monproto.Parse(b)
	if err != nil {
		return
	}
	c.mu.Lock()
	w := c.calls[h.ID]
	c.mu.Unlock()
	if w == nil || h.From != w.daemon.ID || !c.keys && !w.isFrom(from) {
		return
	}
	var r result
	switch {
	case h.Kind == monproto.Done:
		if r.ack.Parse(body) != nil || w.kind == monproto.Status && r.ack.Code == monproto.OK {
			return
		}
	case h.Kind == monproto.Doc && w.kind == monproto.Status:
		var p monproto.Part
		if p.Parse(body) != nil {
			return
		}
		doc, complete := w.parts.Add(&p)
		if !complete {
			return
		}
		r.doc = doc
	default:
		return
	}
	select {
	case w.answer <- r:
	default: // it has one already
	}
}

// isFrom tells whether an address is that of the daemon that was asked.
func (w *call) isFrom(a netip.AddrPort) bool {
	return a.Port() == w.daemon.Port && a.Addr().Unmap().WithZone("") == w.daemon.Addr.Unmap().WithZone("")
}
