package group

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"os"
	"testing"

	"gospread/spread/internal/clientproto"
	"gospread/spread/internal/ring"
)

// vector is a message as it was captured from the original.
type vector struct {
	Name, Scenario, Session, Direction, Hex string
	Vary                                    [][2]int // bytes that differ from run to run
}

func (v *vector) bytes(t *testing.T) []byte {
	t.Helper()
	b, err := hex.DecodeString(v.Hex)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// capture is what was sent and received in one scenario.
type capture struct {
	t    *testing.T
	w    *world
	sent []vector
	got  map[string][]vector // by session
}

func readCapture(t *testing.T, scenario string) *capture {
	t.Helper()
	b, err := os.ReadFile("testdata/vectors.json")
	if err != nil {
		t.Fatal(err)
	}
	var all []vector
	if err := json.Unmarshal(b, &all); err != nil {
		t.Fatal(err)
	}
	c := &capture{t: t, got: make(map[string][]vector)}
	for _, v := range all {
		switch {
		case v.Scenario != scenario:
		case v.Direction == "C>D":
			c.sent = append(c.sent, v)
		default:
			c.got[v.Session] = append(c.got[v.Session], v)
		}
	}
	if len(c.sent)+len(c.got) == 0 {
		t.Fatalf("no vectors of %s", scenario)
	}
	return c
}

// send makes the next n captured messages wait for their place in the order, as
// the daemon would after it has put their integers into its own order.
func (c *capture) send(n int) {
	for _, v := range c.sent[:n] {
		p := v.bytes(c.t)
		h, err := clientproto.ParseHeader(p)
		if err != nil {
			c.t.Fatal(err)
		}
		clientproto.PutHeader(p, &h)
		svc := ring.Agreed
		if h.Type&clientproto.Safe != 0 {
			svc = ring.Safe
		}
		c.w.sessions[v.Session].at.node.Submit(svc, p)
	}
	c.sent = c.sent[n:]
}

// compare checks that every session got first what was captured.
func (c *capture) compare(sessions ...*session) {
	c.t.Helper()
	for _, s := range sessions {
		for i, v := range c.got[s.user] {
			want := v.bytes(c.t)
			if i >= len(s.frames) {
				c.t.Errorf("%s: nothing came, want\n%x", v.Name, want)
				continue
			}
			got := bytes.Clone(s.frames[i])
			for _, r := range v.Vary {
				if r[0]+r[1] <= len(got) {
					copy(got[r[0]:], want[r[0]:r[0]+r[1]])
				}
			}
			if !bytes.Equal(got, want) {
				c.t.Errorf("%s: got\n%x\nwant\n%x", v.Name, got, want)
			}
		}
		delete(c.got, s.user)
	}
	for user := range c.got {
		c.t.Errorf("vectors of %s were not compared", user)
	}
}

// TestVectorsSingle replays what the original did on one daemon. The setup of
// each scenario is what its index numbers tell of.
func TestVectorsSingle(t *testing.T) {
	for _, s := range []struct {
		scenario string
		users    []string // all at localhost; quiet wants no views
		joins    [][2]string
	}{
		{"join-and-leave", []string{"alice", "bob"}, nil},
		{"multi-group", []string{"alice", "bob"}, [][2]string{{"alice", "ga"}, {"bob", "ga"}, {"bob", "gb"}}},
		{"private-message", []string{"alice", "bob"}, nil},
		{"disconnect-kill", []string{"alice", "bob"}, [][2]string{{"alice", "vec5"}, {"bob", "vec5"}}},
		{"disconnect-several-groups", []string{"alice", "bob"}, [][2]string{
			{"alice", "mc"}, {"bob", "mc"}, {"alice", "ma"}, {"bob", "ma"}, {"alice", "mb"}, {"bob", "mb"}}},
		{"open-group-send", []string{"alice", "bob"}, [][2]string{{"bob", "vec3"}}},
		{"no-membership-session", []string{"alice", "quiet"}, [][2]string{{"alice", "vec4"}}},
		{"member-order", []string{"zed", "moe", "Abe", "$1"}, [][2]string{{"zed", "vec11"}, {"moe", "vec11"}, {"Abe", "vec11"}}},
	} {
		t.Run(s.scenario, func(t *testing.T) {
			c := readCapture(t, s.scenario)
			c.w = newWorld(t, "localhost")
			var all []*session
			for _, user := range s.users {
				all = append(all, c.w.connect("localhost", user, user != "quiet"))
			}
			for _, j := range s.joins {
				c.w.join(j[0], j[1])
			}
			c.w.settle()
			c.w.skip()
			c.send(len(c.sent))
			c.w.settle()
			c.compare(all...)
		})
	}
}

// threeDaemons is the network of the captures: users are la, lb, ... by daemon.
func threeDaemons(t *testing.T, third int32, group string, users ...string) *world {
	w := newWorldOf(t, Daemon{793483912, "left"}, Daemon{1000000000, "right"}, Daemon{ring.DaemonID(third), "third"})
	for _, user := range users {
		w.connect(daemonOf(user), user, true)
		w.join(user, group)
		w.settle()
	}
	w.skip()
	return w
}

func daemonOf(user string) string {
	return map[byte]string{'l': "left", 'r': "right", 't': "third"}[user[0]]
}

func (w *world) users(names ...string) []*session {
	var all []*session
	for _, n := range names {
		all = append(all, w.sessions[n])
	}
	return all
}

func TestVectorsPartitionMerge(t *testing.T) {
	c := readCapture(t, "network-partition-merge")
	c.w = threeDaemons(t, 2000000000, "net", "la", "lb", "ra", "rb")
	c.w.connect("left", "lz", true)
	all := c.w.users("la", "lb", "ra", "rb", "lz")
	c.w.form("left", "third")
	c.send(1)
	c.w.settle()
	c.w.form("left", "right", "third")
	c.w.settle()
	c.send(2)
	c.w.settle()
	c.compare(all...)
}

func TestVectorsThreeWay(t *testing.T) {
	c := readCapture(t, "network-three-way")
	// The original's order of sets is no order; these ids give the same one.
	c.w = threeDaemons(t, 2000000000, "net3", "la", "ra", "rb", "ta")
	all := c.w.users("la", "ra", "rb", "ta")
	c.w.form("left", "third")
	c.w.settle()
	c.w.form("left")
	c.w.settle()
	c.w.form("left", "right", "third")
	c.w.settle()
	c.compare(all...)
}

func TestVectorsTransition(t *testing.T) {
	for _, scenario := range []string{"transition-join", "transition-leave", "transition-disconnect"} {
		t.Run(scenario, func(t *testing.T) {
			c := readCapture(t, scenario)
			c.w = threeDaemons(t, -537457610, "net4", "la", "ra", "rb", "ta")
			all := c.w.users("la", "ra", "rb", "ta")
			if scenario == "transition-join" {
				all = append(all, c.w.connect("right", "rj", true))
			}
			c.send(2)
			right := c.w.hosts["right"].node
			for right.Sequence() {
			}
			for _, name := range []string{"left", "third"} {
				for _, i := range c.w.hosts[name].node.Missing() {
					c.w.hosts[name].node.Receive(i)
				}
			}
			c.w.form("left", "right")
			c.w.settle()
			c.w.form("left", "right", "third")
			c.w.settle()
			c.compare(all...)
		})
	}
}
