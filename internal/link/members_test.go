package link

import (
	"net/netip"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// TestMembers: of what is for members, daemons that are none get no copy; of all else
// they do. It stays so when the daemons of the configuration change.
func TestMembers(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("other systems have no 127.0.0.2")
	}
	ips := []string{"127.0.0.1", "127.0.0.2", "127.0.0.3", "127.0.0.4"}
	for _, c := range []struct {
		name    string
		segment []netip.Addr
		apart   int // how many of the last are in a segment of their own
	}{
		{"copies in the own segment", nil, 0},
		{"copies to other segments", nil, 3},
		{"multicast, and copies to others", addrs("239.77.1.11"), 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			peers := peersOf(freePort(t, ips...), ips...)
			for i := len(peers) - c.apart; i < len(peers); i++ {
				peers[i].Segment = i
			}
			var all []*member
			for _, p := range peers {
				cfg := Config{Self: p.ID, Peers: peers}
				if p.Segment == 0 {
					cfg.Segment = c.segment
				}
				all = append(all, start(t, nil, cfg))
			}
			send := func(text string, members bool) {
				all[0].Send([]Datagram{{Members: members, Bulk: true, Data: []byte(text)}})
			}
			got := func(id int, want ...string) {
				t.Helper()
				var have []string
				for _, g := range all[id-1].take(t, len(want)) {
					have = append(have, string(g.data))
				}
				if !slices.Equal(have, want) {
					t.Errorf("%d got %q, want %q", id, have, want)
				}
			}
			send("nobody knows who is a member", true)
			for id := 2; id <= 4; id++ {
				got(id, "nobody knows who is a member")
			}
			all[0].SetMembers([]uint32{1, 2, 4})
			send("data", true)
			send("control", false)
			got(2, "data", "control")
			got(3, "control")
			got(4, "data", "control")
			if err := all[0].SetPeers(peers[:3]); err != nil {
				t.Fatal(err)
			}
			send("data", true)
			send("control", false)
			got(2, "data", "control")
			got(3, "control")
			all[0].SetMembers([]uint32{1, 3})
			send("data", true)
			got(3, "data")
			near := []Datagram{{Near: true, Members: true, Data: []byte("near")}, {Near: true, Via: []uint32{3}, Data: []byte("end")}}
			all[0].Send(near)
			if c.apart == 0 {
				got(3, "near", "end", "end")
			} else {
				got(3, "end")
			}
		})
	}
}

// sized is a socket that has got buffers of some size.
type sized struct {
	conn
	in, out int
}

func (s sized) buffers() (receive, send int) { return s.in, s.out }

func TestSmallBuffersAreReported(t *testing.T) {
	for _, c := range []struct {
		receive, send int
		want          []string
	}{
		{DefaultBuffer, DefaultBuffer, nil},
		{425984, DefaultBuffer, []string{"receive buffers of 425984 bytes"}},
		{DefaultBuffer, 425984, []string{"send buffers of 425984 bytes"}},
		{425984, 212992, []string{"receive buffers of 425984 bytes", "send buffers of 212992 bytes"}},
	} {
		l := &Link{cfg: Config{Buffer: DefaultBuffer}, sockets: []*socket{{conn: sized{in: c.receive, out: c.send}}}}
		l.setReport()
		l.setReport() // when groups are opened later
		got := l.Report().Warnings
		if len(got) != len(c.want) {
			t.Errorf("%d, %d: %q", c.receive, c.send, got)
			continue
		}
		for i := range got {
			if !strings.Contains(got[i], c.want[i]) {
				t.Errorf("%d, %d: %q", c.receive, c.send, got)
			}
		}
	}
}

// TestPackagedLimits: what the packages allow, and the advice, is what is asked for.
func TestPackagedLimits(t *testing.T) {
	want := strconv.Itoa(DefaultBuffer)
	for name, times := range map[string]int{"systemd/sysctl.conf": 2, "deb/postinst": 2, "rpm/post": 2} {
		b, err := os.ReadFile("../../packaging/" + name)
		if err != nil {
			t.Fatal(err)
		}
		if n := strings.Count(string(b), want); n != times {
			t.Errorf("%s has %s %d times, not %d", name, want, n, times)
		}
	}
	if runtime.GOOS == "linux" && !(strings.Contains(receiveAdvice, want) && strings.Contains(sendAdvice, want)) {
		t.Error("the advice names another size")
	}
}
