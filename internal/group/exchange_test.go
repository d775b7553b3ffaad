package group

import (
	"fmt"
	"slices"
	"testing"

	"gospread/spread/internal/clientproto"
	"gospread/spread/internal/ring"
)

// handDriven drives one machine by hand.
type handDriven struct {
	*Machine
	script
	sent [][]byte
}

func newHandDriven(self ring.DaemonID) *handDriven {
	h := &handDriven{}
	h.submit = func(_ ring.Service, p []byte) { h.sent = append(h.sent, p) }
	h.Machine = New(self, []Daemon{{1, "left"}, {2, "right"}}, &h.script)
	return h
}

func (h *handDriven) regular(time uint32, members ...ring.DaemonID) {
	h.Apply(&ring.Event{Kind: ring.RegularConfiguration, Config: &ring.Configuration{ID: ring.ID{Leader: members[0], Time: time}, Members: members}})
}

func (h *handDriven) transitional(time uint32, members ...ring.DaemonID) {
	h.Apply(&ring.Event{Kind: ring.TransitionalConfiguration, Config: &ring.Configuration{ID: ring.ID{Leader: members[0], Time: time}, Members: members}})
}

func (h *handDriven) deliver(from ring.DaemonID, s ring.Service, payloads ...[]byte) {
	for _, p := range payloads {
		h.Apply(&ring.Event{Message: ring.Message{Sender: from, Service: s, Payload: p}})
	}
}

// meeting brings left, with la in g, into a configuration with right, with ra in
// g. It returns left, and the table of right.
func meeting(t *testing.T) (*handDriven, [][]byte) {
	t.Helper()
	left, right := newHandDriven(1), newHandDriven(2)
	left.Connect(7, clientproto.Private("la", "left"), true)
	left.regular(10, 1)
	left.deliver(1, ring.Agreed, payload(clientproto.Join, "#la#left", "", "g"))
	right.Connect(8, clientproto.Private("ra", "right"), true)
	right.regular(11, 2)
	right.deliver(2, ring.Agreed, payload(clientproto.Join, "#ra#right", "", "g"))
	left.transitional(12, 1)
	left.regular(14, 1, 2)
	right.transitional(13, 2)
	right.regular(14, 1, 2)
	if !left.Blocked() || left.State() != GGATHER || len(left.sent) != 1 || len(right.sent) != 1 {
		t.Fatalf("no exchange: state %d, %d and %d messages", left.State(), len(left.sent), len(right.sent))
	}
	left.Builder.Reset()
	return left, right.sent
}

func (h *handDriven) want(t *testing.T, want string) {
	t.Helper()
	if got := h.String(); got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
	h.Builder.Reset()
}

func TestExchangeFinishedBehindSignal(t *testing.T) {
	left, table := meeting(t)
	left.deliver(1, ring.Agreed, left.sent...)
	left.deliver(2, ring.Reliable, payload(clientproto.Reliable, "#ra#right", "before", "g"))
	left.transitional(20, 1)
	if left.State() != GGT || !left.Blocked() {
		t.Errorf("state %d", left.State())
	}
	left.deliver(2, ring.Reliable, payload(clientproto.Reliable, "#ra#right", "after", "g"))
	left.want(t, "")
	left.deliver(2, ring.Agreed, table...)
	left.want(t, `view [7] g network 1/14/1 [#la#left #ra#right] [[#la#left] [#ra#right]] own 0
data [7] before
transition [7] g 1/14/1
data [7] after
`)
	left.regular(21, 1)
	left.want(t, "view [7] g network 1/21/1 [#la#left] [[#la#left]] own 0\n")
}

func TestExchangeIgnores(t *testing.T) {
	left, table := meeting(t)
	own := left.sent[0]
	cut := slices.Clone(table[0])
	wrongConfig := slices.Clone(table[0])
	wrongConfig[clientproto.HeaderSize+8]++
	wrongNumber := slices.Clone(table[0])
	wrongNumber[clientproto.HeaderSize+12]++
	wrongVersion := slices.Clone(table[0])
	wrongVersion[clientproto.HeaderSize]++
	left.deliver(2, ring.Agreed, cut[:len(cut)-1], wrongConfig, wrongNumber, wrongVersion)
	left.deliver(2, ring.Reliable, table[0])
	left.deliver(3, ring.Agreed, table[0]) // not in the configuration
	left.deliver(1, ring.Agreed, own)
	if !left.Blocked() {
		t.Error("the exchange ended without the table of right")
	}
	if c := left.Counters(); c != (Counters{Malformed: 3, Foreign: 1, Unordered: 1}) {
		t.Errorf("counted %+v", c)
	}
	left.deliver(2, ring.Agreed, table[0], table[0])
	left.want(t, "view [7] g network 1/14/1 [#la#left #ra#right] [[#la#left] [#ra#right]] own 0\n")
}

func TestDaemonSpeaksOnlyForItsClients(t *testing.T) {
	left, table := meeting(t)
	left.deliver(1, ring.Agreed, left.sent...)
	left.deliver(2, ring.Agreed, table...)
	left.Builder.Reset()
	for _, p := range [][]byte{
		payload(clientproto.Join, "#lb#left", "", "g"), payload(clientproto.Leave, "#la#left", "", "g"),
		payload(clientproto.Kill, "#la#left", ""), payload(clientproto.Agreed, "#la#left", "forged", "g"),
		payload(clientproto.Join, "##right", "", "g"), payload(clientproto.Join, "ra", "", "g"),
		payload(clientproto.Join, "#ra", "", "g"), payload(clientproto.Join, "#ra#righ", "", "g"),
		payload(clientproto.Join, "#ra#rightly", "", "g"), payload(clientproto.Join, "", "", "g"),
		payload(clientproto.Join, "#a#b#right", "", "g"),
	} {
		left.deliver(2, ring.Agreed, p)
	}
	left.deliver(3, ring.Agreed, payload(clientproto.Agreed, "#x#third", "x", "g"))
	left.deliver(1, ring.Agreed, payload(clientproto.Join, "#nobody#left", "", "g"))
	left.want(t, "")
	if c := left.Counters(); c.Foreign != 13 {
		t.Errorf("counted %+v", c)
	}
	left.deliver(2, ring.Reliable, payload(clientproto.Join, "#rb#right", "", "g"))
	if c := left.Counters(); c.Unordered != 1 {
		t.Errorf("counted %+v", c)
	}
	left.deliver(2, ring.Agreed, payload(clientproto.Agreed|clientproto.Join, "#ra#right", "", "g"),
		payload(0, "#ra#right", "", "g"), payload(agreed, "#ra#right", "short", "g")[:90], nil)
	if c := left.Counters(); c.Malformed != 4 {
		t.Errorf("counted %+v", c)
	}
	left.want(t, "")
}

func TestForeignTableNamesOnlyItsOwn(t *testing.T) {
	left, _ := meeting(t)
	w := tableWriter{config: ring.ID{Leader: 1, Time: 14}, emit: func(p []byte) { left.deliver(2, ring.Agreed, p) }}
	w.start()
	g := &group{name: clientproto.MakeName("g"), id: clientproto.GroupID{Daemon: 2, Time: 11, Index: 1}}
	at := func(id ring.DaemonID, private string) {
		w.member(g, &client{name: clientproto.MakeName(private), at: &daemon{id: id}})
	}
	at(1, "#lx#left") // a ghost at our own daemon
	at(2, "#ra#right")
	at(2, "#ra#right")
	at(9, "#xx#nowhere")
	g = &group{name: clientproto.MakeName("f")} // behind g: out of order
	at(2, "#ra#right")
	left.deliver(1, ring.Agreed, left.sent...)
	w.last([]ring.DaemonID{1, 2, 2, 9})
	left.want(t, "view [7] g network 1/14/1 [#la#left #ra#right] [[#la#left] [#ra#right]] own 0\n")
	if n := left.NumGroups(); n != 1 || left.Counters().Malformed != 1 {
		t.Errorf("%d groups, %+v", n, left.Counters())
	}
}

// TestLargeGroup merges parts of a group with 10,000 members.
func TestLargeGroup(t *testing.T) {
	const each = 2500
	daemons := []Daemon{{1, "a"}, {2, "b"}, {3, "c"}, {4, "d"}}
	w := newWorldOf(t, daemons...)
	for _, d := range daemons {
		w.form(d.Name)
		for i := range each {
			// Those who want views come last, or the test itself takes long.
			user := fmt.Sprintf("%s%07d", d.Name, i)
			w.connect(d.Name, user, i >= each-20)
			w.join(user, "all")
		}
		w.settle()
	}
	w.skip()
	w.form("a", "b", "c", "d")
	for _, d := range daemons {
		h := w.hosts[d.Name]
		if n := h.node.Waiting(); n < 1 || n > 2 {
			t.Errorf("%d members were sent in %d messages", each, n)
		}
	}
	w.settle()
	for _, d := range daemons {
		h := w.hosts[d.Name]
		s := w.sessions[fmt.Sprintf("%s%07d", d.Name, each-1)]
		v := s.conn.Events[len(s.conn.Events)-1].View
		if len(s.lines) != 1 || v == nil || len(v.Members) != 4*each || len(v.Sets) != 4 || len(v.Sets[v.Own]) != each {
			t.Fatalf("%s got %d notices, the last %.200v", s.name, len(s.lines), s.lines)
		}
		if n := len(h.Members(clientproto.MakeName("all"))); n != 4*each {
			t.Errorf("%d members at %s", n, d.Name)
		}
		h.consistent(t)
	}
}

// TestTableParts: no message of a table is larger than allowed, wherever its
// records are cut.
func TestTableParts(t *testing.T) {
	h := newHandDriven(1)
	h.regular(10, 1)
	for i := range 3000 {
		user := fmt.Sprintf("u%d", i)
		h.Connect(Local(i), clientproto.Private(user, "left"), false)
		for j := range 1 + i%5 {
			h.deliver(1, ring.Agreed, payload(clientproto.Join, "#"+user+"#left", "", fmt.Sprintf("a long name of a group %d", (i*7+j)%1000)))
		}
	}
	h.transitional(11, 1)
	h.regular(12, 1, 2)
	if len(h.sent) < 3 {
		t.Fatalf("%d messages", len(h.sent))
	}
	other := newHandDriven(2)
	other.regular(11, 2)
	other.transitional(12, 2)
	other.Machine.regular(&ring.Configuration{ID: ring.ID{Leader: 1, Time: 12}, Members: []ring.DaemonID{1, 2}})
	for i, p := range h.sent {
		if len(p) > clientproto.HeaderSize+tablePart || i < len(h.sent)-1 && len(p) < tablePart-200 {
			t.Errorf("message %d has %d bytes", i, len(p))
		}
		other.deliver(1, ring.Agreed, p)
	}
	other.deliver(2, ring.Agreed, other.sent...)
	if other.State() != GOP || other.Counters() != (Counters{}) {
		t.Errorf("state %d, %+v", other.State(), other.Counters())
	}
	for info := range h.Groups() {
		if !slices.Equal(h.Members(info.Name), other.Members(info.Name)) {
			t.Errorf("members of %s differ", info.Name)
		}
	}
	if h.NumGroups() != other.NumGroups() || h.NumGroups() == 0 {
		t.Errorf("%d groups sent, %d came", h.NumGroups(), other.NumGroups())
	}
}

func TestSetDaemonsReorders(t *testing.T) {
	left, table := meeting(t)
	left.deliver(1, ring.Agreed, left.sent...)
	left.deliver(2, ring.Agreed, table...)
	left.Builder.Reset()
	left.SetDaemons([]Daemon{{3, "new"}, {2, "right"}, {1, "left"}})
	left.Connect(9, clientproto.Private("lb", "left"), false)
	left.deliver(1, ring.Agreed, payload(clientproto.Join, "#lb#left", "", "g"))
	left.want(t, "view [7] g join 1/14/2 [#la#left #lb#left #ra#right] [[#lb#left]] own 0\n") // not all members need have it yet
	left.transitional(16, 1, 2)
	left.regular(17, 2, 1)
	left.deliver(1, ring.Agreed, payload(clientproto.Leave, "#lb#left", "", "g"))
	left.want(t, "view [7] g leave 2/17/3 [#ra#right #la#left] [[#lb#left]] own 0\n")
	left.SetDaemons([]Daemon{{1, "left"}}) // right goes; its members stay until the ring drops them
	left.deliver(1, ring.Agreed, payload(clientproto.Join, "#lb#left", "", "g"), payload(agreed, "#lb#left", "x", "g"))
	left.want(t, "view [7] g join 2/17/4 [#ra#right #la#left #lb#left] [[#lb#left]] own 0\ndata [7 9] x\n")
	left.transitional(20, 1)
	left.regular(21, 1)
	left.want(t, "transition [7] g 2/17/4\nview [7] g network 1/21/1 [#la#left #lb#left] [[#la#left #lb#left]] own 0\n")
}

// Daemons that have come through different configurations to the same one list alike
// those that it does not have any more.
func TestGoneDaemonsInOrder(t *testing.T) {
	var orders []string
	for _, former := range [][]Daemon{{{1, "a"}, {2, "b"}, {3, "c"}}, {{3, "c"}, {2, "b"}, {1, "a"}}, {{2, "b"}, {3, "c"}, {1, "a"}}} {
		m := New(1, former, nil)
		m.SetDaemons([]Daemon{{4, "d"}, {1, "a"}})
		m.arrange()
		var list []*daemon
		for _, d := range m.daemons {
			list = append(list, d)
		}
		slices.SortFunc(list, (*daemon).compare)
		var order string
		for _, d := range list {
			order += d.name
		}
		orders = append(orders, order)
	}
	if !slices.Equal(orders, []string{"dabc", "dabc", "dabc"}) {
		t.Errorf("%q", orders)
	}
}

// Daemons may have gone through different reloads, after which a daemon has another
// place: the order of the sets of a view must not depend on that.
func TestSetsDoNotFollowPlaces(t *testing.T) {
	for _, places := range [][2]int{{0, 1}, {1, 0}} {
		a := part{by: &daemon{id: 1, pos: places[0]}}
		b := part{by: &daemon{id: 2, pos: places[1]}}
		if a.compare(b) >= 0 || b.compare(a) <= 0 {
			t.Errorf("places %v decide", places)
		}
	}
}
