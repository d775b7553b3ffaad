package link

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"runtime"
	"sync/atomic"
	"syscall"
	"time"
)

// portableConn is a UDP socket of package net: one datagram at a time.
type portableConn struct {
	l    *Link
	udp  *net.UDPConn
	raw  syscall.RawConn
	shut atomic.Bool
}

// openPortable opens one socket: of an address of this host, or of a group.
func openPortable(l *Link, at netip.AddrPort, group bool) (conn, error) {
	network := "udp4"
	if at.Addr().Is6() {
		network = "udp6"
		if l.host.zone != 0 {
			at = netip.AddrPortFrom(at.Addr().WithZone(l.host.name), at.Port())
		}
	}
	lc := net.ListenConfig{}
	if group || runtime.GOOS == "linux" && len(l.cfg.Segment) > 0 { // Linux wants it of all sockets on a port
		lc.Control = share
	}
	if group && at.Addr().IsMulticast() {
		return openPortableGroup(l, network, at)
	}
	pc, err := lc.ListenPacket(context.Background(), network, at.String())
	if err != nil {
		return nil, portableBindError(at, err)
	}
	return newPortable(l, pc.(*net.UDPConn))
}

// openPortableGroup joins a group. The socket is bound to all addresses, as package
// net does it; what is not of a daemon of the configuration is told by its source.
func openPortableGroup(l *Link, network string, at netip.AddrPort) (conn, error) {
	var ifi *net.Interface
	if l.host.index != 0 {
		i, err := net.InterfaceByIndex(l.host.index)
		if err != nil {
			return nil, &joinError{group: at.Addr(), on: l.host.name, err: err}
		}
		ifi = i
	}
	u, err := net.ListenMulticastUDP(network, ifi, net.UDPAddrFromAddrPort(at))
	if err != nil {
		return nil, &joinError{group: at.Addr(), on: l.host.name, err: err}
	}
	return newPortable(l, u)
}

func newPortable(l *Link, u *net.UDPConn) (conn, error) {
	_ = u.SetReadBuffer(l.cfg.Buffer) // systems that allow less keep what they have
	_ = u.SetWriteBuffer(l.cfg.Buffer)
	raw, err := u.SyscallConn()
	if err != nil {
		return nil, errors.Join(err, u.Close())
	}
	return &portableConn{l: l, udp: u, raw: raw}, nil
}

func portableBindError(at netip.AddrPort, err error) error {
	return fmt.Errorf("link: cannot listen for daemons on UDP %s: %w; is the address one of this host, and the port free?", at, err)
}

func (c *portableConn) queue(chunk []Datagram, to []*dest) {
	for _, d := range chunk {
		for _, t := range to {
			c.send(d.Data, t.addr)
		}
	}
}

// send gives up after the time that one Send may wait.
func (c *portableConn) send(data []byte, to netip.AddrPort) {
	s := &c.l.stats
	s.callsOut.Add(1)
	if to.Addr().IsLinkLocalUnicast() || to.Addr().IsLinkLocalMulticast() {
		if c.l.host.zone != 0 {
			to = netip.AddrPortFrom(to.Addr().WithZone(c.l.host.name), to.Port())
		}
	}
	_, err := c.udp.WriteToUDPAddrPort(data, to)
	if err != nil { // it may have been the report on a former datagram
		_ = c.udp.SetWriteDeadline(time.Now().Add(max(0, c.l.patience())))
		s.callsOut.Add(1)
		_, err = c.udp.WriteToUDPAddrPort(data, to)
		_ = c.udp.SetWriteDeadline(time.Time{})
	}
	switch {
	case err == nil:
		s.messagesOut.Add(1)
		s.datagramsOut.Add(1)
		s.bytesOut.Add(uint64(len(data)))
	case isTooLarge(err):
		s.dropSize.Add(1)
	case isFull(err):
		s.dropFull.Add(1)
	default:
		s.dropUnreachable.Add(1)
	}
}

func (c *portableConn) flush() {}

func (c *portableConn) receive(in *inbox) {
	b := make([]byte, 1<<16)
	for fails := 0; ; {
		n, source, err := c.udp.ReadFromUDPAddrPort(b)
		if c.shut.Load() {
			return
		}
		if err != nil { // some systems report here that a former datagram was refused, but not where
			c.l.stats.receiveFails.Add(1)
			if errors.Is(err, net.ErrClosed) {
				return
			}
			if fails++; fails > 1 {
				time.Sleep(pause)
			}
			continue
		}
		fails = 0
		c.l.stats.callsIn.Add(1)
		if n > 0 {
			in.add(bare(source), b[:n], n)
			in.deliver()
		}
	}
}

func (c *portableConn) close() {
	c.shut.Store(true)
	_ = c.udp.SetReadDeadline(time.Unix(1, 0)) // ends the read
}

func (c *portableConn) release() { _ = c.udp.Close() }

func (c *portableConn) overflow() uint64 { return 0 }

// buffers: package net sets sizes and does not tell them.
func (c *portableConn) buffers() (receive, send int) { return c.l.cfg.Buffer, c.l.cfg.Buffer }

// setPortableMulticast is as setMulticast; hop limit 1 is every system's default.
func setPortableMulticast(c *portableConn, h host, loop bool) error {
	var err error
	if e := c.raw.Control(func(fd uintptr) { err = multicastOptions(fd, h, loop) }); e != nil {
		return e
	}
	return err
}
