package link

import (
	"net/netip"
	"slices"
	"testing"
)

// TestRefused: each daemon that is not there is named, by each of its ports, and
// datagrams to one that is there get through in between.
func TestRefused(t *testing.T) {
	for _, lo := range []string{"127.0.0.1", "::1"} {
		t.Run(lo, func(t *testing.T) {
			if !haveLoopback(lo) {
				t.Skip("no such address here")
			}
			var peers []Peer
			for i := range 4 {
				peers = append(peers, Peer{ID: uint32(i + 1), Segment: i, Addr: netip.AddrPortFrom(netip.MustParseAddr(lo), freePort(t, lo))})
			}
			a := start(t, nil, Config{Self: 1, Peers: peers})
			b := start(t, nil, Config{Self: 2, Peers: peers})
			for _, bulk := range []bool{false, true} {
				for _, dead := range []uint32{3, 4} {
					a.Send([]Datagram{{To: 2, Bulk: bulk, Data: []byte("before")}, {To: dead, Bulk: bulk, Data: []byte("x")}, {To: 2, Bulk: bulk, Data: []byte("after")}})
					a.waitFor(t, "a refusal", func() bool { return len(a.refused) > 0 })
					a.locked(func() {
						if !slices.Equal(a.refused, []uint32{dead}) {
							t.Errorf("refused by %v, want %d", a.refused, dead)
						}
						a.refused = nil
					})
					if g := b.take(t, 2); string(g[0].data) != "before" || string(g[1].data) != "after" {
						t.Errorf("got %+v", g)
					}
				}
			}
			if c := a.Counters(); c.Refused != 4 || c.DropUnreachable != 0 || c.Unreachable != 0 {
				t.Errorf("%+v", c)
			}
		})
	}
}

// TestRefusedWhileSending: errors that wait at the socket cost no datagram of others.
func TestRefusedWhileSending(t *testing.T) {
	lo := "127.0.0.1"
	var peers []Peer
	for i := range 3 {
		peers = append(peers, Peer{ID: uint32(i + 1), Segment: i, Addr: netip.AddrPortFrom(netip.MustParseAddr(lo), freePort(t, lo))})
	}
	a := start(t, nil, Config{Self: 1, Peers: peers})
	b := start(t, nil, Config{Self: 2, Peers: peers})
	const n = 500
	for i := range n {
		a.Send([]Datagram{{Data: pattern(50, i)}, {To: 3, Bulk: true, Data: []byte("y")}})
	}
	for i, g := range b.take(t, n) {
		if string(g.data) != string(pattern(50, i)) {
			t.Fatalf("datagram %d differs", i)
		}
	}
	a.waitFor(t, "refusals", func() bool { return slices.Contains(a.refused, 3) && !slices.Contains(a.refused, 2) })
	if c := a.Counters(); c.DropUnreachable != 0 {
		t.Errorf("%+v", c)
	}
}

// holding blocks in Receive until it is let go.
type holding struct{ entered, free chan struct{} }

func (h *holding) Receive([]Received) { h.entered <- struct{}{}; <-h.free }
func (*holding) Refused(uint32)       {}
func (*holding) Resized(int)          {}
func (*holding) Noted(string)         {}

// TestOverflow: what the kernel drops for want of buffer is counted, and a handler
// that is slow with data does not hold up the token.
func TestOverflow(t *testing.T) {
	ips := []string{"127.0.0.1", "127.0.0.2"}
	peers := apart(peersOf(freePort(t, ips...), ips...))
	h := &holding{entered: make(chan struct{}, 2), free: make(chan struct{})}
	a, err := Open(Config{Self: 1, Peers: peers, Buffer: 8192})
	if err != nil {
		t.Fatal(err)
	}
	a.Start(h)
	defer a.Close()
	b := start(t, nil, Config{Self: 2, Peers: peers})
	b.Send([]Datagram{{To: 1, Bulk: true, Data: []byte("data")}})
	<-h.entered
	for i := range 50 {
		b.Send([]Datagram{{To: 1, Bulk: true, Data: pattern(1000, i)}})
	}
	b.Send([]Datagram{{To: 1, Data: []byte("token")}})
	<-h.entered
	if c := a.Counters(); c.Overflow == 0 || c.Overflow > 50 {
		t.Errorf("%+v", c)
	}
	close(h.free)
}

func TestSendAllocatesNothing(t *testing.T) {
	ips := []string{"127.0.0.1", "127.0.0.2"}
	peers := peersOf(freePort(t, ips...), ips...)
	seg := addrs("239.77.1.9")
	var k counting
	b, err := Open(Config{Self: 2, Peers: peers, Segment: seg})
	if err != nil {
		t.Fatal(err)
	}
	b.Start(&k)
	defer b.Close()
	a := start(t, nil, Config{Self: 1, Peers: peers, Segment: seg})
	var batch []Datagram
	for i := range 10 {
		batch = append(batch, Datagram{Data: pattern(1000, i)}, Datagram{To: 2, Data: pattern(1000, i)})
	}
	if n := testing.AllocsPerRun(100, func() { a.Send(batch) }); n > 0 {
		t.Errorf("%v allocations for a batch", n)
	}
}
