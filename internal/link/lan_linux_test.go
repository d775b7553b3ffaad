package link

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

const lanPort = 4803

func lanAddrs(family string, n int) []string {
	var all []string
	for i := range n {
		all = append(all, fmt.Sprintf(map[string]string{"4": "10.77.0.%d", "6": "fd77::%d"}[family], i+1))
	}
	return all
}

// startLAN starts a daemon on each host.
func startLAN(t testing.TB, hosts []*netns, peers []Peer, cfg Config) []*member {
	t.Helper()
	var all []*member
	for i, h := range hosts {
		cfg.Self, cfg.Peers = uint32(i+1), peers
		all = append(all, start(t, h, cfg))
	}
	return all
}

// TestLAN: every kind of segment, both families, two sizes of frames, with and
// without each kernel feature, gives the same bytes at every other host, once.
func TestLAN(t *testing.T) {
	for _, mtu := range []int{1500, 9000} {
		t.Run(fmt.Sprint(mtu), func(t *testing.T) {
			hosts := newLAN(t, 3, mtu)
			for _, c := range []struct {
				name, family string
				segment      []string
				apart        bool
			}{
				{"multicast", "4", []string{"239.77.2.1"}, false},
				{"broadcast", "4", []string{"10.77.0.255"}, false},
				{"everybody's broadcast", "4", []string{"255.255.255.255"}, false},
				{"unicast", "4", []string{"10.77.0.1"}, false},
				{"segments of one", "4", []string{"10.77.0.255"}, true},
				{"multicast v6", "6", []string{"ff02::77"}, false},
				{"segments of one v6", "6", nil, true},
			} {
				for _, without := range []Feature{0, Segmentation, Coalescing, Segmentation | Coalescing, Batching, Native} {
					t.Run(fmt.Sprintf("%s without %d", c.name, without), func(t *testing.T) {
						peers := peersOf(lanPort, lanAddrs(c.family, 3)...)
						if c.apart {
							peers = apart(peers)
						}
						all := startLAN(t, hosts, peers, Config{Segment: addrs(c.segment...), Without: without})
						exchange(t, all)
						want := mtu - headers(peers[0].Addr.Addr())
						for _, m := range all {
							if n := m.MaxDatagram(); n != want {
								t.Errorf("MaxDatagram %d, want %d", n, want)
							}
							for _, w := range m.Report().Warnings {
								if !strings.Contains(w, "neither") {
									t.Error(w)
								}
							}
						}
					})
				}
			}
		})
	}
}

// exchange lets everyone send to everybody, and to each.
func exchange(t *testing.T, all []*member) {
	t.Helper()
	for i, m := range all {
		for to := range len(all) + 1 {
			if to == i+1 {
				continue
			}
			want := mixed(uint32(to), m.MaxDatagram())
			m.Send(want)
			for j, other := range all {
				if j != i && (to == 0 || to == j+1) {
					sameData(t, other.take(t, len(want)), want)
				}
			}
		}
		if c := m.Counters(); c.DropFull+c.DropSize+c.DropUnreachable+c.DropUnknown+c.Refused+c.Unreachable+c.Unsegmented+c.Overflow+c.Strangers != 0 {
			t.Errorf("%d: %+v", i+1, c)
		}
	}
}

// TestRefusedLAN: a daemon that ends on a living host is noticed by the next
// datagram, whether the segment is multicast or not.
func TestRefusedLAN(t *testing.T) {
	hosts := newLAN(t, 3, 1500)
	for _, family := range []string{"4", "6"} {
		all := startLAN(t, hosts, peersOf(lanPort, lanAddrs(family, 3)...), Config{Segment: addrs(map[string]string{"4": "239.77.2.2", "6": "ff02::77"}[family])})
		exchange(t, all)
		_ = all[2].Link.Close()
		began := time.Now()
		all[0].Send([]Datagram{{To: 3, Data: []byte("token")}})
		all[0].waitFor(t, "a refusal", func() bool { return len(all[0].refused) > 0 })
		t.Logf("IPv%s: refusal after %v", family, time.Since(began))
		all[0].locked(func() {
			if !slices.Equal(all[0].refused, []uint32{3}) {
				t.Errorf("refused by %v", all[0].refused)
			}
		})
		for _, m := range all[:2] {
			_ = m.Link.Close()
		}
	}
}

// TestHostGone: no answer to address resolution is no refusal.
func TestHostGone(t *testing.T) {
	hosts := newLAN(t, 2, 1500)
	hosts[0].run(t, "sysctl -qw net.ipv4.neigh.eth0.retrans_time_ms=20")
	peers := peersOf(lanPort, lanAddrs("4", 3)...) // the third has no host
	all := startLAN(t, hosts, peers, Config{Segment: addrs("239.77.2.3")})
	limit := time.Now().Add(testLimit)
	for all[0].Counters().Unreachable == 0 {
		all[0].Send([]Datagram{{To: 3, Data: []byte("x")}, {To: 2, Data: []byte("y")}})
		all[1].take(t, 1)
		if time.Now().After(limit) {
			t.Fatal("no report")
		}
	}
	all[0].locked(func() {
		if len(all[0].refused) > 0 {
			t.Errorf("refused by %v", all[0].refused)
		}
	})
	if c := all[0].Counters(); c.Refused != 0 {
		t.Errorf("%+v", c)
	}
}

// TestOnlyOwnGroup: traffic of another group that a program of this host has joined
// on the same port does not arrive.
func TestOnlyOwnGroup(t *testing.T) {
	hosts := newLAN(t, 2, 1500)
	peers := peersOf(lanPort, lanAddrs("4", 2)...)
	a := start(t, hosts[0], Config{Self: 1, Peers: peers, Segment: addrs("239.77.2.4")})
	var other *kernelConn
	hosts[0].do(t, func() error {
		c, err := openConn(a.Link, netip.MustParseAddrPort("239.77.2.5:4803"), false, true)
		if err == nil {
			other = c.(*kernelConn)
		}
		return err
	})
	defer other.release()
	b := start(t, hosts[1], Config{Self: 2, Peers: peers, Segment: addrs("239.77.2.4")})
	b.SendTo(netip.MustParseAddrPort("239.77.2.5:4803"), []byte("theirs"))
	b.Send([]Datagram{{Data: []byte("ours")}})
	if g := a.take(t, 1); string(g[0].data) != "ours" || g[0].from != 2 {
		t.Errorf("got %q of %d", g[0].data, g[0].from)
	}
	buf := make([]byte, 100)
	if n, _, err := unix.Recvfrom(other.fd, buf, 0); err != nil || string(buf[:n]) != "theirs" {
		t.Errorf("the other program got %q, %v", buf[:n], err)
	}
}

// TestSegmentsTooLarge: what does not fit the frames any more goes in fragments, and
// segmentation is used again for what fits.
func TestSegmentsTooLarge(t *testing.T) {
	hosts := newLAN(t, 2, 1500)
	all := startLAN(t, hosts, peersOf(lanPort, lanAddrs("4", 2)...), Config{Segment: addrs("239.77.2.6")})
	for _, to := range []uint32{0, 2} {
		var large []Datagram
		for i := range 10 {
			large = append(large, Datagram{To: to, Bulk: true, Data: pattern(3000, i)})
		}
		for range 2 {
			all[0].Send(large)
			sameData(t, all[1].take(t, len(large)), large)
		}
	}
	if c := all[0].Counters(); c.Unsegmented != 2 {
		t.Errorf("%+v", c)
	}
	before := all[0].Counters().MessagesOut
	want := mixed(2, 1472)
	all[0].Send(want)
	sameData(t, all[1].take(t, len(want)), want)
	if n := all[0].Counters().MessagesOut - before; int(n) >= len(want)/2 {
		t.Errorf("%d messages for %d datagrams", n, len(want))
	}
}

// TestPathShrinks: a router with a smaller MTU behind it makes MaxDatagram smaller,
// and what was larger arrives all the same.
func TestPathShrinks(t *testing.T) {
	for _, family := range []string{"4", "6"} {
		t.Run(family, func(t *testing.T) {
			left, router, right := newNetns(t), newNetns(t), newNetns(t)
			left.wire(t, "eth0", router, "r0", 1500)
			router.wire(t, "r1", right, "eth0", 1300)
			ips := []string{"10.78.1.2", "10.78.2.2"}
			if family == "6" {
				ips = []string{"fd78:1::2", "fd78:2::2"}
				router.run(t, "sysctl -qw net.ipv6.conf.all.forwarding=1")
				router.ip(t, "addr add fd78:1::1/64 dev r0 nodad")
				router.ip(t, "addr add fd78:2::1/64 dev r1 nodad")
				left.ip(t, "addr add fd78:1::2/64 dev eth0 nodad")
				right.ip(t, "addr add fd78:2::2/64 dev eth0 nodad")
				left.ip(t, "route add default via fd78:1::1")
				right.ip(t, "route add default via fd78:2::1")
			} else {
				router.run(t, "sysctl -qw net.ipv4.ip_forward=1")
				router.ip(t, "addr add 10.78.1.1/24 dev r0")
				router.ip(t, "addr add 10.78.2.1/24 dev r1")
				left.ip(t, "addr add 10.78.1.2/24 dev eth0")
				right.ip(t, "addr add 10.78.2.2/24 dev eth0")
				left.ip(t, "route add default via 10.78.1.1")
				right.ip(t, "route add default via 10.78.2.1")
			}
			peers := apart(peersOf(lanPort, ips...))
			all := startLAN(t, []*netns{left, right}, peers, Config{})
			over := headers(peers[0].Addr.Addr())
			if n := all[0].MaxDatagram(); n != 1500-over {
				t.Fatalf("MaxDatagram %d at first", n)
			}
			all[0].Send([]Datagram{{To: 2, Data: pattern(1500-over, 0)}})
			all[0].waitFor(t, "a smaller size", func() bool { return len(all[0].limits) > 0 })
			if n := all[0].MaxDatagram(); n != 1300-over || all[0].limits[0] != n {
				t.Errorf("MaxDatagram %d, told %v", n, all[0].limits)
			}
			want := []Datagram{{To: 2, Data: pattern(1500-over, 1)}, {To: 2, Data: pattern(1500-over, 2)}, {To: 2, Data: pattern(1300-over, 3)}, {To: 2, Data: pattern(1300-over, 4)}}
			all[0].Send(want)
			sameData(t, all[1].take(t, len(want)), want)
		})
	}
}

// TestFull: a Send that the kernel does not take does not last.
func TestFull(t *testing.T) {
	hosts := newLAN(t, 1, 1500)
	peers := apart(peersOf(lanPort, lanAddrs("4", 2)...)) // the second's address is asked for in vain, so that datagrams pile up
	a := start(t, hosts[0], Config{Self: 1, Peers: peers, Buffer: 8192})
	var batch []Datagram
	for i := range 50 {
		batch = append(batch, Datagram{To: 2, Bulk: true, Data: pattern(1400-i, i)})
	}
	slices.Reverse(batch) // sizes rise: no two of them in one message
	began := time.Now()
	a.Send(batch)
	if d := time.Since(began); d > 500*time.Millisecond {
		t.Errorf("Send took %v", d)
	}
	if c := a.Counters(); c.DropFull == 0 || c.DropFull+c.DatagramsOut != uint64(len(batch)) {
		t.Errorf("%+v", c)
	}
	if r := a.Report(); len(r.Warnings) != 0 || r.ReceiveBuffer < 8192 {
		t.Errorf("%+v", r)
	}
}

// TestJoinRefused: without an interface for it a group cannot be joined.
func TestJoinRefused(t *testing.T) {
	ns := newNetns(t)
	peers := peersOf(lanPort, "10.9.9.1", "10.9.9.2")
	cfg := Config{Self: 1, Peers: peers, Segment: addrs("239.77.2.7"), Bind: addrs("0.0.0.0")}
	ns.do(t, func() error {
		l, err := Open(cfg)
		if err == nil {
			_ = l.Close()
			return errors.New("opened")
		}
		if !strings.Contains(err.Error(), "IgnoreMulticastJoinErrors") || !strings.Contains(err.Error(), "239.77.2.7") {
			t.Error(err)
		}
		return nil
	})
	cfg.IgnoreJoinErrors = true
	m := start(t, ns, cfg)
	r := m.Report()
	if len(r.Groups) != 0 || !slices.ContainsFunc(r.Warnings, func(s string) bool { return strings.Contains(s, "239.77.2.7") }) {
		t.Errorf("%+v", r)
	}
}

// TestTwoOnAHost: daemons of one multicast segment hear each other on one host that
// has an address for each, as well as those elsewhere.
func TestTwoOnAHost(t *testing.T) {
	hosts := newLAN(t, 2, 1500)
	hosts[0].ip(t, "addr add 10.77.0.3/24 dev eth0")
	for _, without := range []Feature{0, Native} {
		for _, segment := range []string{"239.77.2.8", "10.77.0.255"} {
			all := startLAN(t, []*netns{hosts[0], hosts[1], hosts[0]}, peersOf(lanPort, lanAddrs("4", 3)...), Config{Segment: addrs(segment), Without: without})
			exchange(t, all)
			for _, m := range all {
				_ = m.Link.Close()
			}
		}
	}
}

// TestLinkLocal: the zone of the own address says where the others are.
func TestLinkLocal(t *testing.T) {
	hosts := newLAN(t, 2, 1500)
	for i, h := range hosts {
		h.ip(t, fmt.Sprintf("addr add fe80::770%d/64 dev eth0 nodad", i+1))
	}
	for _, without := range []Feature{0, Native} {
		for _, segment := range [][]netip.Addr{nil, addrs("ff02::78")} {
			var all []*member
			for i, h := range hosts {
				peers := peersOf(lanPort, "fe80::7701", "fe80::7702")
				own := &peers[i].Addr
				*own = netip.AddrPortFrom(own.Addr().WithZone("eth0"), own.Port())
				all = append(all, start(t, h, Config{Self: uint32(i + 1), Peers: peers, Segment: segment, Without: without}))
			}
			exchangeLocal(t, all)
			for _, m := range all {
				_ = m.Link.Close()
			}
		}
	}
}

// exchangeLocal is exchange inside the namespaces: package net asks for the number of
// a zone when it sends.
func exchangeLocal(t *testing.T, all []*member) {
	t.Helper()
	for i, m := range all {
		want := []Datagram{{Data: []byte("all")}, {To: uint32(2 - i), Data: []byte("one")}}
		m.ns.do(t, func() error { m.Send(want); return nil })
		for _, g := range all[1-i].take(t, 2) {
			if g.from != uint32(i+1) {
				t.Errorf("got %+v", g)
			}
		}
	}
}

// TestInterfaces: further addresses for daemon traffic receive, the own one sends.
func TestInterfaces(t *testing.T) {
	hosts := newLAN(t, 2, 1500)
	hosts[0].ip(t, "addr add 10.77.0.9/24 dev eth0")
	peers := peersOf(lanPort, lanAddrs("4", 2)...)
	a := start(t, hosts[0], Config{Self: 1, Peers: peers, Bind: addrs("10.77.0.9", "10.77.0.1")})
	moved := slices.Clone(peers)
	moved[0].Addr = netip.MustParseAddrPort("10.77.0.9:4803")
	b := start(t, hosts[1], Config{Self: 2, Peers: moved})
	b.Send([]Datagram{{Data: []byte("data")}})
	b.Send([]Datagram{{To: 1, Data: []byte("token")}})
	for _, g := range a.take(t, 2) {
		if g.from != 2 || g.token != (string(g.data) == "token") {
			t.Errorf("got %+v", g)
		}
	}
	a.Send([]Datagram{{Data: []byte("answer")}})
	if err := b.SetPeers(peers); err != nil {
		t.Fatal(err)
	}
	a.Send([]Datagram{{Data: []byte("answer")}})
	if g := b.take(t, 1); g[0].from != 1 {
		t.Errorf("got %+v", g)
	}
}
