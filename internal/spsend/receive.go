package spsend

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"

	"gospread/spread/internal/tool"
)

// ReceiveOptions say where to listen.
type ReceiveOptions struct {
	Port  int    // 0: any that is free
	Group string // multicast address to receive on as well; empty: none
	// Interface is where the group is joined: a name or an address of it; empty:
	// the system chooses.
	Interface string
	Detailed  bool // a line for each gap
}

// Receive counts what comes until ctx ends, and then returns nil.
func Receive(ctx context.Context, o ReceiveOptions, stdout io.Writer) error {
	conn, err := listen(&o)
	if err != nil {
		return err
	}
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	defer stop()
	defer func() { _ = conn.Close() }()
	w := &tool.StickyWriter{W: stdout}
	port := o.Port
	if a, ok := conn.LocalAddr().(*net.UDPAddr); ok {
		port = a.Port
	}
	fmt.Fprintf(w, "Ready to receive on port %d\n", port)
	c := newCounter(o.Detailed)
	b := make([]byte, 1<<16)
	for w.Err == nil {
		n, _, err := conn.ReadFromUDPAddrPort(b)
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil:
			return fmt.Errorf("receive: %w", err)
		}
		if lines := c.add(b[:n]); lines != "" {
			_, _ = io.WriteString(w, lines) // the writer keeps the error
		}
	}
	return w.Err
}

func listen(o *ReceiveOptions) (*net.UDPConn, error) {
	const receiveBuffer = 4 << 20
	var conn *net.UDPConn
	if o.Group == "" {
		var err error
		if conn, err = net.ListenUDP("udp", &net.UDPAddr{Port: o.Port}); err != nil {
			return nil, fmt.Errorf("receive on port %d: %w", o.Port, err)
		}
	} else {
		group, err := netip.ParseAddr(o.Group)
		if err != nil || !group.IsMulticast() {
			return nil, fmt.Errorf("%s is not a multicast address (224.0.0.0 to 239.255.255.255, or ff00::/8)", o.Group)
		}
		ifi, err := interfaceOf(o.Interface)
		if err != nil {
			return nil, err
		}
		if conn, err = net.ListenMulticastUDP("udp", ifi, net.UDPAddrFromAddrPort(netip.AddrPortFrom(group, uint16(o.Port)))); err != nil {
			return nil, fmt.Errorf("join the group %s: %w", group, err)
		}
	}
	_ = conn.SetReadBuffer(receiveBuffer) // as much as the system gives
	return conn, nil
}

// interfaceOf finds an interface by its name, or by one of its addresses.
func interfaceOf(s string) (*net.Interface, error) {
	if s == "" {
		return nil, nil
	}
	a, err := netip.ParseAddr(s)
	if err != nil {
		ifi, err := net.InterfaceByName(s)
		if err != nil {
			return nil, fmt.Errorf("interface %s: %w", s, err)
		}
		return ifi, nil
	}
	all, err := net.Interfaces()
	if err != nil {
		return nil, fmt.Errorf("list the interfaces: %w", err)
	}
	for i := range all {
		addrs, err := all[i].Addrs()
		if err != nil {
			return nil, fmt.Errorf("list the addresses of %s: %w", all[i].Name, err)
		}
		for _, has := range addrs {
			if n, ok := has.(*net.IPNet); ok && n.IP.Equal(net.IP(a.AsSlice())) {
				return &all[i], nil
			}
		}
	}
	return nil, errors.New("no interface of this machine has the address " + s)
}
