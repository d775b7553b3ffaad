package doctor

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"net/netip"
	"slices"
	"strings"

	"gospread/spread/internal/conf"
	"gospread/spread/internal/echo"
	"gospread/spread/internal/link"
)

// spareOffset is how far behind the daemons' ports those are that doctors use where
// daemons run.
const spareOffset = 20

// network examines the ways to the other daemons, with the doctors there.
func (e *examination) network(ctx context.Context) {
	var main, spare Carrier
	if e.free {
		main = e.open(0)
	}
	spare = e.open(e.offset())
	if main == nil && spare == nil {
		return
	}
	cfg := e.station()
	for _, c := range []Carrier{main, spare} {
		if c != nil {
			defer func() { _ = c.Close() }()
			cfg.Sizes = append(cfg.Sizes, c.MaxDatagram())
			e.linkReport(c, c == main || main == nil)
		}
	}
	cfg.Sizes = sizes(cfg.Sizes)
	if main != nil { // not a Carrier that holds nothing
		cfg.Main = main
	}
	if spare != nil {
		cfg.Spare = spare
	}
	s := echo.New(cfg)
	if e.o.Listen {
		e.say("%s answers other doctors until it is stopped (Ctrl-C)", e.self.Name)
	}
	s.Run(ctx)
	e.judge(s.Results(), main, spare)
}

// offset is spareOffset, or what the largest port leaves room for.
func (e *examination) offset() int {
	for _, d := range e.all {
		if int(d.Port)+spareOffset >= 65535 {
			return -spareOffset
		}
	}
	return spareOffset
}

// sizes are those that are tried: what the daemon will use, and what a packet of
// Ethernet, a jumbo packet and the largest datagram have room for.
func sizes(of []int) []int {
	of = append(of, 1400, 8900, echo.MaxSize)
	for i := range of {
		of[i] = min(max(of[i], 512), echo.MaxSize)
	}
	slices.Sort(of)
	return slices.Compact(of)
}

// open opens the way to the others as the daemon does, at ports so much higher.
func (e *examination) open(offset int) Carrier {
	c := link.Config{Self: e.self.ID, IgnoreJoinErrors: e.cfg.Options.IgnoreMulticastJoinErrors, Strangers: true}
	c.Segment = e.cfg.Segments[e.self.Segment].Addrs
	for _, d := range e.all {
		c.Peers = append(c.Peers, link.Peer{ID: d.ID, Addr: netip.AddrPortFrom(d.Addr, uint16(int(d.Port)+offset)), Segment: d.Segment})
	}
	for _, i := range e.self.Interfaces {
		if i.Daemon {
			c.Bind = append(c.Bind, i.Addr)
		}
	}
	l, err := e.env.OpenLink(c)
	if err != nil {
		what, means := "the daemons' ports", "the daemon does not start"
		if offset != 0 {
			what, means = fmt.Sprintf("ports %d and %d, which doctors use beside daemons", int(e.self.Port)+offset, int(e.self.Port)+offset+1),
				"what gets through cannot be tested while daemons run"
		}
		e.on("network.sockets", "").problem(fmt.Sprintf("%s: %s", what, oneLine(err)), means, "see what the system says, or another finding says")
		return nil
	}
	return l
}

// linkReport repeats what was found when the sockets were opened.
func (e *examination) linkReport(c Carrier, tell bool) {
	if !tell {
		return
	}
	r := c.Report()
	for _, w := range r.Warnings {
		if strings.HasPrefix(w, "segment address ") {
			continue // said of the machine
		}
		e.on("network.link", "").warning(w, "the daemon will say the same when it starts", "do what it says, if it matters here")
	}
	how := "the other daemons are sent a copy each"
	if len(r.Groups) > 0 {
		how = "the segment is reached by " + list(r.Groups)
	}
	e.on("network.link", "").ok("%s; packets have up to %d bytes; receive buffers of %d bytes", how, c.MaxDatagram(), r.ReceiveBuffer)
}

// station is the configuration of this end.
func (e *examination) station() echo.Config {
	text := sha256.Sum256([]byte(e.cfg.Text()))
	cfg := echo.Config{
		Self: e.self.ID, Auth: e.auth, Life: e.env.Random(), Hash: e.cfg.Hash(), Text: binary.BigEndian.Uint64(text[:]),
		SegAddrs: segAddrs(e.cfg), Wait: e.o.Wait, Listen: e.o.Listen, Clock: e.env.Now, Progress: e.progress,
	}
	for i, d := range e.all {
		if d.ID != e.self.ID {
			cfg.Peers = append(cfg.Peers, echo.Peer{
				ID: d.ID, Addr: netip.AddrPortFrom(d.Addr, d.Port), Near: d.Segment == e.self.Segment, Busy: e.running[i],
			})
		}
	}
	return cfg
}

// segAddrs is a print of the segment addresses, which the hash may leave out.
func segAddrs(cfg *conf.Config) uint32 {
	h := crc32.NewIEEE()
	for _, s := range cfg.Segments {
		for _, a := range s.Addrs {
			_, _ = fmt.Fprintf(h, "%s:%d ", a.WithZone(""), s.Port) // a hash takes everything
		}
		_, _ = h.Write([]byte{'\n'})
	}
	return h.Sum32()
}

// progress says who is waited for.
func (e *examination) progress(missing []uint32) {
	var names []string
	for _, id := range missing {
		names = append(names, e.nameOf(id))
	}
	switch {
	case len(missing) == 0:
		e.say("all other doctors are heard; measuring")
	case e.o.Listen:
		e.say("not heard: %s", list(names))
	default:
		e.say("waiting for %s, at most %v: run there: %s", list(names), e.o.Wait, e.command(missing[0]))
	}
}
