package link

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

// lookAt has a link look at its host, as it does every few seconds.
func (m *member) lookAt(t testing.TB, now time.Time) {
	t.Helper()
	m.ns.do(t, func() error { m.look(now); return nil })
}

// noted waits for a note with that text.
func (m *member) noted(t testing.TB, text string) {
	t.Helper()
	m.waitFor(t, "the note "+text, func() bool {
		return slices.ContainsFunc(m.notes, func(s string) bool { return strings.Contains(s, text) })
	})
}

// greet lets everyone send something to everybody.
func greet(t *testing.T, all []*member) {
	t.Helper()
	for i, m := range all {
		m.Send([]Datagram{{Bulk: true, Data: pattern(100, i)}})
		for j, other := range all {
			if j != i {
				if g := other.take(t, 1); len(g) != 1 || g[0].from != uint32(i+1) {
					t.Errorf("%d got %+v", j+1, g)
				}
			}
		}
	}
}

// TestInterfaceIsReplaced: an interface that was taken away and comes back under its
// name, with its address, brings the traffic of the groups again, in both directions.
func TestInterfaceIsReplaced(t *testing.T) {
	for _, c := range []struct{ name, family, segment, bind string }{
		{"IPv4", "4", "239.77.3.1", ""},
		{"IPv6", "6", "ff05::77", ""},
		{"IPv6 link-local group", "6", "ff02::77", ""},
		{"all addresses", "4", "239.77.3.1", "0.0.0.0"},
	} {
		for _, without := range []Feature{0, Native} {
			t.Run(fmt.Sprintf("%s without %d", c.name, without), func(t *testing.T) {
				sw, hosts := newSwitch(t, 2, 1500)
				cfg := Config{Segment: addrs(c.segment), Without: without}
				if c.bind != "" {
					cfg.Bind = addrs(c.bind)
				}
				all := startLAN(t, hosts, peersOf(lanPort, lanAddrs(c.family, 2)...), cfg)
				greet(t, all)
				now := time.Now()
				for range 2 { // it can happen again
					hosts[1].ip(t, "link del eth0")
					for range 2 { // told once
						all[1].lookAt(t, now)
					}
					all[1].noted(t, "no interface has this daemon's address")
					attach(t, sw, hosts[1], 1, 1500)
					all[1].lookAt(t, now)
					all[1].noted(t, "is on a new interface, eth0")
					greet(t, all)
					all[1].locked(func() {
						if len(all[1].notes) != 2 {
							t.Errorf("the notes are %q", all[1].notes)
						}
						all[1].notes = nil
					})
				}
				all[1].lookAt(t, now)
				if n := all[1].Counters().Moves; n != 2 {
					t.Errorf("moved %d times", n)
				}
			})
		}
	}
}

// TestInterfaceWasElsewhere: an interface that was gone and is the same again to the
// system, by its index, has forgotten its groups all the same.
func TestInterfaceWasElsewhere(t *testing.T) {
	sw, hosts := newSwitch(t, 2, 1500)
	all := startLAN(t, hosts, peersOf(lanPort, lanAddrs("4", 2)...), Config{Segment: addrs("239.77.3.1")})
	greet(t, all)
	other, now := newNetns(t), time.Now()
	hosts[1].ip(t, "link set eth0 netns "+other.path)
	all[1].lookAt(t, now)
	all[1].noted(t, "no interface has this daemon's address")
	other.ip(t, "link set eth0 netns "+hosts[1].path)
	hosts[1].ip(t, "link set eth0 up")
	hosts[1].ip(t, "addr add 10.77.0.2/24 brd + dev eth0")
	hosts[1].carries(t, "eth0", "state UP")
	sw.carries(t, "p1", forwarding)
	all[1].lookAt(t, now)
	greet(t, all)
}

// TestPathWidens: a path that was narrow for a while is measured again, and when the
// system no longer believes it narrow, MaxDatagram is what it was.
func TestPathWidens(t *testing.T) {
	left, router, right := newNetns(t), newNetns(t), newNetns(t)
	left.wire(t, "eth0", router, "r0", 1500)
	router.wire(t, "r1", right, "eth0", 1500)
	router.ip(t, "link set r1 mtu 1000")
	router.run(t, "sysctl -qw net.ipv4.ip_forward=1")
	router.ip(t, "addr add 10.78.1.1/24 dev r0")
	router.ip(t, "addr add 10.78.2.1/24 dev r1")
	left.ip(t, "addr add 10.78.1.2/24 dev eth0")
	right.ip(t, "addr add 10.78.2.2/24 dev eth0")
	left.ip(t, "route add default via 10.78.1.1")
	right.ip(t, "route add default via 10.78.2.1")
	peers := apart(peersOf(lanPort, "10.78.1.2", "10.78.2.2"))
	a := startLAN(t, []*netns{left, right}, peers, Config{})[0]
	now := time.Now()
	a.lookAt(t, now)
	sized := func(limits ...int) {
		t.Helper()
		a.waitFor(t, fmt.Sprintf("the sizes %d", limits), func() bool { return slices.Equal(a.limits, limits) })
	}
	a.Send([]Datagram{{To: 2, Data: pattern(1472, 0)}})
	sized(972)
	router.ip(t, "link set r1 mtu 1500")
	a.lookAt(t, now.Add(measureEvery)) // the system still believes it
	if n := a.MaxDatagram(); n != 972 {
		t.Errorf("MaxDatagram %d", n)
	}
	left.ip(t, "route flush cache") // as it does after ten minutes
	a.lookAt(t, now.Add(2*measureEvery-1))
	if n := a.MaxDatagram(); n != 972 {
		t.Errorf("MaxDatagram %d before its time", n)
	}
	a.lookAt(t, now.Add(2*measureEvery))
	sized(972, 1472)
}

// TestLooksByItself: nobody has to call look.
func TestLooksByItself(t *testing.T) {
	ips := []string{"127.0.0.1", "127.0.0.2"}
	ticks := make(chan time.Time, 2)
	a := start(t, nil, Config{Self: 1, Peers: apart(peersOf(freePort(t, ips...), ips...)), ticks: ticks})
	a.shrink(1000)
	a.waitFor(t, "a smaller size", func() bool { return slices.Equal(a.limits, []int{1000}) })
	now := time.Now()
	ticks <- now
	ticks <- now.Add(measureEvery)
	a.waitFor(t, "the old size", func() bool { return len(a.limits) == 2 && a.limits[1] == maxLoopback })
}
