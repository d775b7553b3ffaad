package spsend

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"time"

	"gospread/spread/internal/tool"
)

// SendOptions say what to send; see SendDefaults.
type SendOptions struct {
	Address string // an address of either family, or a name
	Port    int
	Burst   int           // packets between two pauses
	Pause   time.Duration // 0: none
	Packets int           // how many; an end packet follows them
	Bytes   int           // of each, MinBytes to MaxBytes
}

// SendDefaults are those of the original.
func SendDefaults() SendOptions {
	return SendOptions{Address: "127.0.0.1", Port: DefaultPort, Burst: 100, Pause: 10 * time.Millisecond, Packets: 10_000, Bytes: 1024}
}

// DefaultPort is that of both programs.
const DefaultPort = 4444

// progress is how often the packets are counted aloud.
const progress = 1000

// Send sends everything and returns nil. A packet that the system does not take is a
// problem that is counted; it is an error if it takes none at all, if there is no
// such address, or if ctx ends.
func Send(ctx context.Context, o SendOptions, stdout io.Writer) error {
	w := &tool.StickyWriter{W: stdout}
	to, err := resolve(ctx, o.Address, o.Port)
	if err != nil {
		return err
	}
	conn, err := net.ListenUDP("udp", nil)
	if err != nil {
		return fmt.Errorf("open a socket: %w", err)
	}
	defer func() { _ = conn.Close() }()
	fmt.Fprintf(w, "Checking (%s, %d). Each burst has %d packets, %d bytes each with %d msec delay in between, for a total of %d packets\n",
		to.Addr(), to.Port(), o.Burst, o.Bytes, o.Pause.Milliseconds(), o.Packets)
	s := &sender{o: &o, conn: conn, to: to, w: w, data: make([]byte, o.Bytes)}
	if err := s.run(ctx); err != nil {
		return err
	}
	return w.Err
}

// resolve looks an address up, IPv4 first.
func resolve(ctx context.Context, host string, port int) (netip.AddrPort, error) {
	a, err := netip.ParseAddr(host)
	if err != nil {
		var all []netip.Addr
		if all, err = net.DefaultResolver.LookupNetIP(ctx, "ip", host); err != nil {
			return netip.AddrPort{}, fmt.Errorf("look up %s: %w", host, err)
		}
		for _, found := range all {
			if !a.IsValid() || found.Unmap().Is4() && !a.Is4() {
				a = found.Unmap()
			}
		}
	}
	return netip.AddrPortFrom(a, uint16(port)), nil
}

type sender struct {
	o        *SendOptions
	conn     *net.UDPConn
	to       netip.AddrPort
	w        io.Writer
	data     []byte
	problems int
	last     error // why the latest one was not taken
}

func (s *sender) run(ctx context.Context) error {
	began := time.Now()
	for i := 1; i <= s.o.Packets; i++ {
		s.send(packet{number: int32(i), size: int32(s.o.Bytes)})
		if i%progress == 0 {
			fmt.Fprintf(s.w, "sent %d packets of %d bytes\n", i, s.o.Bytes)
		}
		if i%s.o.Burst == 0 {
			if err := pause(ctx, s.o.Pause); err != nil {
				return err
			}
		}
	}
	s.send(packet{end: true, number: int32(s.o.Packets), size: int32(s.o.Bytes)})
	if s.problems > s.o.Packets {
		return fmt.Errorf("nothing could be sent to %s: %w", s.to, s.last)
	}
	took := time.Since(began).Microseconds()
	fmt.Fprintf(s.w, "total time is (%d,%d), with %d problems \n", took/1e6, took%1e6, s.problems)
	return nil
}

func (s *sender) send(p packet) {
	p.put(s.data)
	if _, err := s.conn.WriteToUDPAddrPort(s.data, s.to); err != nil {
		s.problems++
		s.last = errors.Unwrap(err)
	}
}

func pause(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return ctx.Err()
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
