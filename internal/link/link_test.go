package link

import (
	"fmt"
	"net"
	"net/netip"
	"runtime"
	"strings"
	"testing"
)

func TestChunk(t *testing.T) {
	d := func(to uint32, bulk bool, size int) Datagram {
		return Datagram{To: to, Bulk: bulk, Data: make([]byte, size)}
	}
	times := func(n int, x Datagram) []Datagram {
		var all []Datagram
		for range n {
			all = append(all, x)
		}
		return all
	}
	for _, c := range []struct {
		name  string
		batch []Datagram
		want  int
	}{
		{"one", times(1, d(0, true, 5)), 1},
		{"equal", times(3, d(0, true, 5)), 3},
		{"last shorter", append(times(2, d(0, true, 5)), d(0, true, 4), d(0, true, 4)), 3},
		{"longer", append(times(2, d(0, true, 5)), d(0, true, 6)), 2},
		{"empty", append(times(2, d(0, true, 5)), d(0, true, 0)), 2},
		{"other daemon", append(times(2, d(1, true, 5)), d(2, true, 5)), 2},
		{"other port", append(times(2, d(1, true, 5)), d(1, false, 5)), 2},
		{"64 at most", times(100, d(0, true, 5)), 64},
		{"64 KB at most", times(100, d(0, true, 8000)), 8},
		{"large ones alone", times(2, d(0, true, 60000)), 1},
		{"empty ones", times(2, d(0, true, 0)), 1},
	} {
		if have := chunk(c.batch); have != c.want {
			t.Errorf("%s: chunk of %d, want %d", c.name, have, c.want)
		}
	}
}

// mixed is a batch in which all kinds of runs occur, and that fits a small buffer.
func mixed(to uint32, limit int) []Datagram {
	var all []Datagram
	add := func(n, size int) {
		for range n {
			all = append(all, Datagram{To: to, Bulk: true, Data: pattern(min(size, limit), len(all))})
		}
	}
	add(70, 1400)
	add(1, 3)
	add(5, 1000)
	add(1, 60000)
	add(70, 64)
	add(1, 1)
	add(3, 9000)
	return all
}

func TestFormsAgree(t *testing.T) {
	for _, family := range []struct{ name, a, b string }{{"IPv4", "127.0.0.1", "127.0.0.2"}, {"IPv6", "::1", "::1"}} {
		for _, without := range []Feature{0, Segmentation, Coalescing, Batching, Segmentation | Coalescing | Batching, Native} {
			t.Run(fmt.Sprintf("%s without %d", family.name, without), func(t *testing.T) {
				if !haveLoopback(family.a) {
					t.Skip("no such address here")
				}
				peers := apart(append(peersOf(freePort(t, family.a), family.a), peersOf(freePort(t, family.b), family.b)...))
				peers[1].ID = 2
				a := start(t, nil, Config{Self: 1, Peers: peers, Without: without})
				b := start(t, nil, Config{Self: 2, Peers: peers, Without: without})
				want := mixed(2, a.MaxDatagram())
				a.Send(want)
				sameData(t, b.take(t, len(want)), want)
				for i := range want {
					want[i].To = 0
				}
				a.Send(want)
				sameData(t, b.take(t, len(want)), want)
				b.Send([]Datagram{{To: 1, Data: []byte("token")}})
				if g := a.take(t, 1)[0]; g.from != 2 || !g.token || string(g.data) != "token" {
					t.Errorf("got %+v, want the token of 2", g)
				}
				b.Send([]Datagram{{To: 1, Bulk: true, Data: []byte("data")}})
				if g := a.take(t, 1)[0]; g.from != 2 || g.token || string(g.data) != "data" {
					t.Errorf("got %+v, want data of 2", g)
				}
				if c := a.Counters(); c.DatagramsOut != uint64(2*len(want)) || c.DropFull+c.DropSize+c.DropUnknown+c.DropUnreachable != 0 {
					t.Errorf("counters: %+v", c)
				}
				if f := a.Report().Features; f&without != 0 {
					t.Errorf("features %b in use without %b", f, without)
				}
			})
		}
	}
}

func haveLoopback(addr string) bool {
	c, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.ParseIP(addr)})
	if err != nil {
		return false
	}
	_ = c.Close()
	return true
}

// TestSegmentOnLoopback: three daemons on one host reach each other by each kind of
// segment address, and none hears itself.
func TestSegmentOnLoopback(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("other systems have no 127.0.0.2")
	}
	ips := []string{"127.0.0.1", "127.0.0.2", "127.0.0.3"}
	for _, c := range []struct {
		name    string
		segment []string
		groups  int
		copies  int
	}{
		{"multicast", []string{"239.77.1.1"}, 1, 1},
		{"two groups", []string{"239.77.1.1", "239.77.1.2"}, 2, 2},
		{"broadcast", []string{"127.255.255.255"}, 1, 1},
		{"neither", []string{"127.0.0.255"}, 0, 1},
		{"none", nil, 0, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			peers := peersOf(freePort(t, ips...), ips...)
			var all []*member
			for _, p := range peers {
				all = append(all, start(t, nil, Config{Self: p.ID, Peers: peers, Segment: addrs(c.segment...)}))
			}
			if r := all[0].Report(); len(r.Groups) != c.groups {
				t.Fatalf("groups in use: %v, want %d", r.Groups, c.groups)
			}
			var batch []Datagram
			for i := range 10 {
				batch = append(batch, Datagram{Data: pattern(1400, i)})
			}
			for i, m := range all {
				m.Send(batch)
				for j, other := range all {
					if i == j {
						continue
					}
					have := other.take(t, c.copies*len(batch))
					if len(have) != c.copies*len(batch) {
						t.Fatalf("%d datagrams from %d at %d", len(have), i, j)
					}
					for _, g := range have {
						if g.from != peers[i].ID || g.token {
							t.Fatalf("got one from %d (token %v), want data of %d", g.from, g.token, peers[i].ID)
						}
					}
				}
			}
			for i, m := range all {
				m.locked(func() {
					if len(m.got) > 0 {
						t.Errorf("%d got %d datagrams too many", i, len(m.got))
					}
				})
				if c := m.Counters(); c.Strangers != 0 || c.Overflow != 0 || c.Refused+c.Unreachable != 0 {
					t.Errorf("%d: %+v", i, c)
				}
			}
		})
	}
}

// TestNearAndVia: what is for the own segment reaches that and the named daemons of
// others, once each; a name that is not known stops nothing.
func TestNearAndVia(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("other systems have no 127.0.0.2")
	}
	ips := []string{"127.0.0.1", "127.0.0.2", "127.0.0.3", "127.0.0.4"}
	for _, c := range []struct {
		name    string
		without Feature
		segment []netip.Addr
	}{
		{"multicast", 0, addrs("239.77.1.4")},
		{"copies", 0, nil},
		{"portable", Native, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			peers := peersOf(freePort(t, ips...), ips...)
			peers[2].Segment, peers[3].Segment = 1, 1
			var all []*member
			for _, p := range peers {
				cfg := Config{Self: p.ID, Peers: peers, Without: c.without}
				if p.Segment == 0 {
					cfg.Segment = c.segment
				}
				all = append(all, start(t, nil, cfg))
			}
			batch := mixed(0, all[0].MaxDatagram())
			for i := range batch {
				batch[i].Near, batch[i].Via = true, []uint32{3}
			}
			all[0].Send(batch)
			sameData(t, all[1].take(t, len(batch)), batch)
			sameData(t, all[2].take(t, len(batch)), batch)
			for i := range batch {
				batch[i].Via = nil
			}
			all[0].Send(batch)
			sameData(t, all[1].take(t, len(batch)), batch)
			one := []Datagram{{Near: true, Via: []uint32{9, 4}, Bulk: true, Data: []byte("x")}}
			all[0].Send(one)
			sameData(t, all[3].take(t, 1), one)
			sameData(t, all[1].take(t, 1), one)
			if c := all[0].Counters(); c.DropUnknown != 1 || c.DropFull+c.DropSize+c.DropUnreachable != 0 {
				t.Errorf("%+v", c)
			}
			for i, m := range all {
				m.locked(func() {
					if len(m.got) > 0 {
						t.Errorf("%d got %d datagrams too many", i+1, len(m.got))
					}
				})
			}
		})
	}
}

func TestStrangers(t *testing.T) {
	for _, deliver := range []bool{false, true} {
		t.Run(fmt.Sprint(deliver), func(t *testing.T) {
			ips := []string{"127.0.0.1", "127.0.0.1"}
			peers := apart(append(peersOf(freePort(t, ips[0]), ips[0]), Peer{ID: 2, Addr: netip.AddrPortFrom(netip.MustParseAddr(ips[1]), freePort(t, ips[1]))}))
			m := start(t, nil, Config{Self: 1, Peers: peers, Strangers: deliver})
			s, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(peers[0].Addr))
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			if _, err := s.Write([]byte("who am I")); err != nil {
				t.Fatal(err)
			}
			// Same address as the daemon 2, another port.
			d := start(t, nil, Config{Self: 2, Peers: peers})
			d.Send([]Datagram{{To: 1, Bulk: true, Data: []byte("known")}})
			want := 1
			if deliver {
				want = 2
			}
			have := m.take(t, want)
			if have[len(have)-1].from != 2 || deliver && have[0].from != 0 {
				t.Errorf("got %+v", have)
			}
			if c := m.Counters(); c.Strangers != 1 {
				t.Errorf("%d strangers counted", c.Strangers)
			}
			if deliver {
				m.SendTo(s.LocalAddr().(*net.UDPAddr).AddrPort(), []byte("answer"))
				b := make([]byte, 20)
				if n, err := s.Read(b); err != nil || string(b[:n]) != "answer" {
					t.Errorf("the stranger got %q, %v", b[:n], err)
				}
			}
		})
	}
}

func TestSetPeers(t *testing.T) {
	ips := []string{"127.0.0.1", "127.0.0.2", "127.0.0.3"}
	if runtime.GOOS != "linux" {
		t.Skip("other systems have no 127.0.0.2")
	}
	peers := peersOf(freePort(t, ips...), ips...)
	seg := addrs("239.77.1.3")
	a := start(t, nil, Config{Self: 1, Peers: peers[:1], Segment: seg})
	if g := a.Report().Groups; g != nil {
		t.Errorf("a segment of one uses %v", g)
	}
	a.Send([]Datagram{{Data: []byte("nobody")}, {To: 2, Data: []byte("unknown")}})
	if c := a.Counters(); c.DatagramsOut != 0 || c.DropUnknown != 1 {
		t.Errorf("alone: %+v", c)
	}
	b := start(t, nil, Config{Self: 2, Peers: peers, Segment: seg})
	c := start(t, nil, Config{Self: 3, Peers: peers, Segment: seg})
	if err := a.SetPeers(peers[:2]); err != nil {
		t.Fatal(err)
	}
	b.Send([]Datagram{{Data: []byte("1")}})
	c.Send([]Datagram{{Data: []byte("2")}}) // a does not know it yet
	b.Send([]Datagram{{Data: []byte("3")}})
	if g := a.take(t, 2); string(g[0].data) != "1" || string(g[1].data) != "3" {
		t.Errorf("got %+v", g)
	}
	if err := a.SetPeers(peers); err != nil {
		t.Fatal(err)
	}
	c.Send([]Datagram{{Data: []byte("4")}})
	if g := a.take(t, 1); string(g[0].data) != "4" || g[0].from != 3 {
		t.Errorf("got %+v", g)
	}
	if err := a.SetPeers(peers[1:]); err == nil || !strings.Contains(err.Error(), "not among") {
		t.Errorf("self left out: %v", err)
	}
	moved := peersOf(peers[0].Addr.Port()+10, ips...)
	if err := a.SetPeers(moved); err == nil || !strings.Contains(err.Error(), "restart") {
		t.Errorf("own entry changed: %v", err)
	}
	c.Send([]Datagram{{Data: []byte("5")}})
	if g := a.take(t, 1); string(g[0].data) != "5" {
		t.Errorf("after refused changes: got %+v", g)
	}
}

func TestSetPeersUnderLoad(t *testing.T) {
	a4, b4, c4 := "127.0.0.1", "127.0.0.1", "127.0.0.1"
	peers := []Peer{peersOf(freePort(t, a4), a4)[0], peersOf(freePort(t, b4), b4)[0], peersOf(freePort(t, c4), c4)[0]}
	for i := range peers {
		peers[i].ID, peers[i].Segment = uint32(i+1), i
	}
	a := start(t, nil, Config{Self: 1, Peers: peers[:2]})
	b := start(t, nil, Config{Self: 2, Peers: peers})
	for i := range 200 {
		b.Send([]Datagram{{To: 1, Bulk: true, Data: pattern(100, i)}})
		if err := a.SetPeers(peers[:2+i%2]); err != nil {
			t.Fatal(err)
		}
	}
	for i, g := range a.take(t, 200) {
		if string(g.data) != string(pattern(100, i)) {
			t.Fatalf("datagram %d differs", i)
		}
	}
}

func TestOpenErrors(t *testing.T) {
	lo := "127.0.0.1"
	port := freePort(t, lo)
	used, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.ParseIP(lo), Port: int(port)})
	if err != nil {
		t.Fatal(err)
	}
	defer used.Close()
	free := freePort(t, lo)
	for _, c := range []struct {
		name string
		cfg  Config
		want []string
	}{
		{"in use", Config{Self: 1, Peers: peersOf(port, lo)}, []string{fmt.Sprint(lo, ":", port)}},
		{"not here", Config{Self: 1, Peers: peersOf(free, "192.0.2.77")}, []string{"192.0.2.77", "this host"}},
		{"not in file", Config{Self: 9, Peers: peersOf(free, lo)}, []string{"9", "not among"}},
		{"id twice", Config{Self: 1, Peers: append(peersOf(free, lo), peersOf(free+2, lo)...)}, []string{"unique"}},
		{"address twice", Config{Self: 1, Peers: peersOf(free, lo, lo)}, []string{"two daemons", lo}},
		{"families", Config{Self: 1, Peers: peersOf(free, lo, "::1")}, []string{"IPv4", "IPv6"}},
		{"unspecified", Config{Self: 1, Peers: peersOf(free, "0.0.0.0")}, []string{"0.0.0.0"}},
		{"no room for the token", Config{Self: 1, Peers: peersOf(65535, lo)}, []string{"65535"}},
		{"not a D entry", Config{Self: 1, Peers: peersOf(free, lo), Bind: addrs("127.0.0.2")}, []string{lo, "D entry"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			l, err := Open(c.cfg)
			if err == nil {
				_ = l.Close()
				t.Fatal("opened")
			}
			for _, w := range c.want {
				if !strings.Contains(err.Error(), w) {
					t.Errorf("%q does not name %q", err, w)
				}
			}
		})
	}
}

func TestClose(t *testing.T) {
	lo := "127.0.0.1"
	for _, without := range []Feature{0, Native} {
		before := runtime.NumGoroutine()
		m := start(t, nil, Config{Self: 1, Peers: peersOf(freePort(t, lo), lo), Without: without})
		if err := m.Link.Close(); err != nil {
			t.Error(err)
		}
		if n := goroutines(before); n > before {
			t.Errorf("%d goroutines, %d before", n, before)
		}
		m.Send([]Datagram{{To: 1, Data: []byte("late")}})
		m.SendTo(netip.MustParseAddrPort("127.0.0.1:9"), []byte("late"))
		if err := m.SetPeers(nil); err == nil {
			t.Error("SetPeers of a closed link")
		}
		if err := m.Link.Close(); err != nil {
			t.Error(err)
		}
		_ = m.Counters()
	}
	l, err := Open(Config{Self: 1, Peers: peersOf(freePort(t, lo), lo)})
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Close(); err != nil {
		t.Error(err)
	}
}

// goroutines is how many there are, once those that are about to end have ended:
// at most want, or more that stay.
func goroutines(want int) (n int) {
	for range 1 << 20 {
		if n = runtime.NumGoroutine(); n <= want {
			break
		}
		runtime.Gosched()
	}
	return n
}

// TestHandlerMayLock: Send calls no handler, so a lock held around it may be taken
// in handlers, also when refusals come in meanwhile.
func TestHandlerMayLock(t *testing.T) {
	lo := "127.0.0.1"
	peers := apart(peersOf(freePort(t, lo), lo))
	peers = append(peers, Peer{ID: 2, Segment: 1, Addr: netip.AddrPortFrom(netip.MustParseAddr(lo), freePort(t, lo))})
	m := start(t, nil, Config{Self: 1, Peers: peers})
	for range 50 {
		m.locked(func() { m.Send([]Datagram{{To: 2, Data: []byte("x")}, {To: 2, Bulk: true, Data: []byte("y")}}) })
	}
}

// locked holds the recorder's lock.
func (m *member) locked(f func()) {
	m.recorder.mu.Lock()
	defer m.recorder.mu.Unlock()
	f()
}
