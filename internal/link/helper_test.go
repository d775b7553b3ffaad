package link

import (
	"bytes"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"testing"
	"time"
)

// patience of tests: how long what must come may take.
const testLimit = 10 * time.Second

// got is a received datagram that is kept.
type got struct {
	from  uint32
	token bool
	data  []byte
}

// recorder keeps what a link delivers.
type recorder struct {
	mu      sync.Mutex
	changed chan struct{} // closed and replaced at each change
	got     []got
	refused []uint32
	limits  []int
	notes   []string
	calls   int
}

func newRecorder() *recorder { return &recorder{changed: make(chan struct{})} }

func (r *recorder) change(f func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	f()
	close(r.changed)
	r.changed = make(chan struct{})
}

func (r *recorder) Receive(batch []Received) {
	r.change(func() {
		r.calls++
		for _, d := range batch {
			r.got = append(r.got, got{d.From, d.Token, bytes.Clone(d.Data)})
		}
	})
}

func (r *recorder) Refused(peer uint32) { r.change(func() { r.refused = append(r.refused, peer) }) }
func (r *recorder) Resized(limit int)   { r.change(func() { r.limits = append(r.limits, limit) }) }
func (r *recorder) Noted(text string)   { r.change(func() { r.notes = append(r.notes, text) }) }

// waitFor waits for a condition on the recorder, which is locked meanwhile.
func (r *recorder) waitFor(t testing.TB, what string, cond func() bool) {
	t.Helper()
	limit := time.NewTimer(testLimit)
	defer limit.Stop()
	for {
		r.mu.Lock()
		ok, changed := cond(), r.changed
		n := len(r.got)
		r.mu.Unlock()
		if ok {
			return
		}
		select {
		case <-changed:
		case <-limit.C:
			t.Fatalf("waited in vain for %s; %d datagrams came", what, n)
		}
	}
}

// take waits for n datagrams and hands them out.
func (r *recorder) take(t testing.TB, n int) []got {
	t.Helper()
	r.waitFor(t, fmt.Sprintf("%d datagrams", n), func() bool { return len(r.got) >= n })
	r.mu.Lock()
	defer r.mu.Unlock()
	all := r.got
	r.got = nil
	return all
}

// member is a link with its recorder.
type member struct {
	*Link
	*recorder
	ns *netns
}

// start opens a link in a namespace (nil: the test's own) and receives. It looks at its
// host when the test says so, since its goroutines are in the test's own namespace.
func start(t testing.TB, ns *netns, cfg Config) *member {
	t.Helper()
	if cfg.ticks == nil {
		cfg.ticks = make(chan time.Time)
	}
	m := &member{recorder: newRecorder(), ns: ns}
	ns.do(t, func() error {
		l, err := Open(cfg)
		m.Link = l
		return err
	})
	m.Link.Start(m.recorder)
	t.Cleanup(func() { _ = m.Link.Close() })
	return m
}

// freePort finds a port that is free on all addresses, like the one after it.
func freePort(t testing.TB, addrs ...string) uint16 {
	t.Helper()
next:
	for range 100 {
		c, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.ParseIP(addrs[0])})
		if err != nil {
			t.Fatal(err)
		}
		port := c.LocalAddr().(*net.UDPAddr).Port
		_ = c.Close()
		if port >= 65000 {
			continue
		}
		for _, a := range addrs {
			for p := port; p <= port+1; p++ {
				c, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.ParseIP(a), Port: p})
				if err != nil {
					continue next
				}
				_ = c.Close()
			}
		}
		return uint16(port)
	}
	t.Fatal("no free port")
	return 0
}

// peersOf makes daemons 1, 2, ... of one segment.
func peersOf(port uint16, addrs ...string) []Peer {
	var all []Peer
	for i, a := range addrs {
		all = append(all, Peer{ID: uint32(i + 1), Addr: netip.AddrPortFrom(netip.MustParseAddr(a), port)})
	}
	return all
}

// apart puts each daemon into a segment of its own.
func apart(peers []Peer) []Peer {
	for i := range peers {
		peers[i].Segment = i
	}
	return peers
}

func addrs(list ...string) []netip.Addr {
	var all []netip.Addr
	for _, a := range list {
		all = append(all, netip.MustParseAddr(a))
	}
	return all
}

// pattern is n bytes that tell a datagram from others.
func pattern(n, seed int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i*7 + seed*31 + i>>8)
	}
	return b
}

// sameData compares what came with what was sent, in order.
func sameData(t testing.TB, have []got, want []Datagram) {
	t.Helper()
	if len(have) != len(want) {
		t.Fatalf("%d datagrams came, want %d", len(have), len(want))
	}
	for i := range want {
		if !bytes.Equal(have[i].data, want[i].Data) {
			t.Fatalf("datagram %d: %d bytes came that differ from the %d bytes sent", i, len(have[i].data), len(want[i].Data))
		}
	}
}
