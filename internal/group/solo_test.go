package group

import (
	"fmt"
	"strings"
	"testing"

	"gospread/spread/internal/clientproto"
	"gospread/spread/internal/ring"
	"gospread/spread/internal/ring/ringtest"
)

// payload makes a whole message as it travels on the ring.
func payload(t clientproto.Type, sender string, data string, names ...string) []byte {
	s := clientproto.MakeName(sender)
	h := clientproto.Header{Type: t, NumGroups: len(names), DataLen: len(data)}
	b := clientproto.AppendHeader(nil, &h, &s, 0)
	for _, n := range names {
		name := clientproto.MakeName(n)
		b = append(b, name[:]...)
	}
	return append(b, data...)
}

// script is a Sink that writes down what it is told, one line per call.
type script struct {
	strings.Builder
	submit func(s ring.Service, p []byte)
}

func (s *script) Deliver(to []Local, p []byte) {
	h, err := clientproto.ParseHeader(p)
	if err != nil {
		panic(err)
	}
	fmt.Fprintf(s, "data %v %s\n", to, p[h.Data():])
}

func (s *script) View(to []Local, v *clientproto.View) {
	fmt.Fprintf(s, "view %v %s %s %d/%d/%d %v %v own %d\n", to, v.Group, causes[v.Cause], v.ID.Daemon, v.ID.Time,
		v.ID.Index, v.Members, v.Sets, v.Own)
}

func (s *script) Transition(to []Local, g *clientproto.Name, id clientproto.GroupID) {
	fmt.Fprintf(s, "transition %v %s %d/%d/%d\n", to, g, id.Daemon, id.Time, id.Index)
}

func (s *script) SelfLeave(to Local, g *clientproto.Name) { fmt.Fprintf(s, "selfleave %v %s\n", to, g) }
func (s *script) Disconnected(l Local)                    { fmt.Fprintf(s, "disconnected %v\n", l) }
func (s *script) Submit(svc ring.Service, p []byte)       { s.submit(svc, p) }

var causes = map[clientproto.Type]string{
	clientproto.CausedByJoin: "join", clientproto.CausedByLeave: "leave",
	clientproto.CausedByDisconnect: "disconnect", clientproto.CausedByNetwork: "network",
}

// solo runs a machine on a ring of one.
type solo struct {
	t    *testing.T
	ring *ringtest.Solo
	m    *Machine
	out  ring.Output
	log  script
}

func newSolo(t *testing.T) *solo {
	s := &solo{t: t, ring: ringtest.NewSolo(7, 100)}
	s.log.submit = s.ring.Submit
	s.m = New(7, []Daemon{{7, "d"}}, &s.log)
	s.run()
	return s
}

func (s *solo) connect(l Local, user string, views bool) {
	s.t.Helper()
	if !s.m.Connect(l, clientproto.Private(user, "d"), views) {
		s.t.Fatalf("connect %s refused", user)
	}
}

func (s *solo) send(t clientproto.Type, sender, data string, names ...string) {
	s.ring.Submit(ring.Agreed, payload(t, "#"+sender+"#d", data, names...))
	s.run()
}

func (s *solo) run() {
	s.ring.Advance(&s.out)
	for i := range s.out.Events {
		s.m.Apply(&s.out.Events[i])
	}
	s.out.Reset()
}

// want compares what was told since the last call.
func (s *solo) want(lines ...string) {
	s.t.Helper()
	got := s.log.String()
	s.log.Reset()
	if want := strings.Join(append(lines, ""), "\n"); got != want {
		s.t.Errorf("got\n%swant\n%s", got, want)
	}
}

func TestJoinLeaveDisconnect(t *testing.T) {
	s := newSolo(t)
	s.connect(1, "a", true)
	s.connect(2, "b", true)
	s.connect(3, "c", false)
	s.send(clientproto.Join, "b", "", "g")
	s.want("view [2] g join 7/100/1 [#b#d] [[#b#d]] own 0")
	s.send(clientproto.Join, "c", "", "g")
	s.want("view [2] g join 7/100/2 [#b#d #c#d] [[#c#d]] own 0")
	s.send(clientproto.Join, "a", "", "g", "ignored")
	s.want("view [2 1] g join 7/100/3 [#a#d #b#d #c#d] [[#a#d]] own 0")
	s.send(clientproto.Join, "a", "", "g")
	s.want()
	s.send(clientproto.Join, "c", "", "f")
	s.want()
	s.send(clientproto.Join, "a", "", "f")
	s.want("view [1] f join 7/100/2 [#a#d #c#d] [[#a#d]] own 0")
	s.send(clientproto.Leave, "b", "", "g")
	s.want("selfleave 2 g", "view [1] g leave 7/100/4 [#a#d #c#d] [[#b#d]] own 0")
	s.send(clientproto.Leave, "b", "", "g")
	s.want()
	s.send(clientproto.Leave, "b", "", "nogroup")
	s.want()
	s.send(clientproto.Kill, "c", "")
	s.want("view [1] f disconnect 7/100/3 [#a#d] [[#c#d]] own 0",
		"view [1] g disconnect 7/100/5 [#a#d] [[#c#d]] own 0", "disconnected 3")
	s.send(clientproto.Leave, "a", "", "g")
	s.want("selfleave 1 g")
	s.send(clientproto.Kill, "a", "")
	s.want("disconnected 1")
	if n := s.m.NumGroups(); n != 0 {
		t.Errorf("%d groups left", n)
	}
}

func TestZeroNames(t *testing.T) {
	s := newSolo(t)
	s.connect(1, "a", true)
	s.send(clientproto.Join, "a", "")
	s.send(clientproto.Leave, "a", "")
	s.send(clientproto.Agreed, "a", "data")
	s.want()
}

func TestReceivers(t *testing.T) {
	s := newSolo(t)
	for i, user := range []string{"a", "b", "c"} {
		s.connect(Local(i+1), user, false)
	}
	for _, user := range []string{"c", "a"} {
		s.send(clientproto.Join, user, "", "g")
	}
	s.send(clientproto.Join, "b", "", "h")
	s.send(clientproto.Join, "a", "", "h")
	for _, c := range []struct {
		name string
		t    clientproto.Type
		to   []string
		want string
	}{
		{"members in order", clientproto.Safe, []string{"g"}, "[1 3]"},
		{"no such group", clientproto.Safe, []string{"x"}, ""},
		{"private", clientproto.Reliable, []string{"#b#d"}, "[2]"},
		{"private, to self", clientproto.Reliable, []string{"#a#d"}, "[1]"},
		{"private, nobody", clientproto.Reliable, []string{"#x#d"}, ""},
		{"private, elsewhere", clientproto.Reliable, []string{"#a#e"}, ""},
		{"private, malformed", clientproto.Reliable, []string{"#a"}, ""},
		{"both", clientproto.FIFO, []string{"g", "h"}, "[1 3 2]"},
		{"named twice", clientproto.FIFO, []string{"g", "x", "g", "#c#d", "#c#d"}, "[1 3]"},
		{"mix", clientproto.FIFO, []string{"#b#d", "g"}, "[2 1 3]"},
		{"discard", clientproto.FIFO | clientproto.SelfDiscard, []string{"g"}, "[3]"},
		{"discard, to self", clientproto.FIFO | clientproto.SelfDiscard, []string{"#a#d"}, ""},
	} {
		s.send(c.t, "a", c.name, c.to...)
		if c.want == "" {
			s.want()
		} else {
			s.want("data " + c.want + " " + c.name)
		}
	}
	names := make([]string, 100)
	for i := range names {
		names[i] = fmt.Sprint("none", i)
	}
	names[99] = "h"
	s.send(clientproto.FIFO, "b", "hundred", names...)
	s.want("data [1 2] hundred")
	// What stands behind the zero byte of a name does not count.
	p := payload(clientproto.FIFO, "#b#d", "junk", "h")
	p[clientproto.HeaderSize+20] = 'x'
	s.ring.Submit(ring.FIFO, p)
	s.run()
	s.want("data [1 2] junk")
}

func TestIDsNeverReused(t *testing.T) {
	s := newSolo(t)
	s.connect(1, "a", true)
	s.connect(2, "b", false)
	join := func(id string) {
		t.Helper()
		s.send(clientproto.Join, "a", "", "g")
		s.want("view [1] g join " + id + " [#a#d] [[#a#d]] own 0")
		s.send(clientproto.Leave, "a", "", "g")
		s.want("selfleave 1 g")
	}
	join("7/100/1")
	join("7/100/2")
	for i := range maxSpent + 10 {
		name := fmt.Sprint("x", i)
		s.send(clientproto.Join, "b", "", name)
		s.send(clientproto.Leave, "b", "", name)
	}
	join("7/100/3") // forgotten by name, kept by the floor
	s.send(clientproto.Join, "a", "", "other")
	s.want("view [1] other join 7/100/3 [#a#d] [[#a#d]] own 0")
	s.ring.Reform(200)
	s.run()
	s.want()
	join("7/200/1")
	s.send(clientproto.Leave, "a", "", "other")
	s.want("selfleave 1 other")
}

func TestConnectRefused(t *testing.T) {
	s := newSolo(t)
	s.connect(1, "a", true)
	for _, name := range []clientproto.Name{
		clientproto.Private("a", "d"), clientproto.Private("a", "e"), clientproto.Private("", "d"),
		clientproto.MakeName("g"), clientproto.MakeName("#a"), {},
	} {
		if s.m.Connect(9, name, true) {
			t.Errorf("%q accepted", name)
		}
	}
}
