package group

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"gospread/spread/internal/clientproto"
	"gospread/spread/internal/ring"
)

// counter is the cheapest sink.
type counter struct{ receivers, notices int }

func (c *counter) Deliver(to []Local, p []byte)         { c.receivers += len(to) }
func (c *counter) View(to []Local, v *clientproto.View) { c.notices += len(to) }
func (c *counter) Transition(to []Local, g *clientproto.Name, _ clientproto.GroupID) {
	c.notices += len(to)
}
func (c *counter) SelfLeave(Local, *clientproto.Name) { c.notices++ }
func (c *counter) Disconnected(Local)                 {}
func (c *counter) Submit(ring.Service, []byte)        {}

// benchMachine has users u0, u1, ... of one daemon; the first viewers of them want views.
func benchMachine(users, viewers int) *Machine {
	m := New(1, []Daemon{{1, "d"}, {2, "e"}}, &counter{})
	m.Apply(&ring.Event{Kind: ring.RegularConfiguration, Config: &ring.Configuration{ID: ring.ID{Leader: 1, Time: 1}, Members: []ring.DaemonID{1}}})
	for i := range users {
		m.Connect(Local(i), clientproto.Private(fmt.Sprint("u", i), "d"), i < viewers)
	}
	return m
}

func event(t clientproto.Type, user, data string, names ...string) *ring.Event {
	return &ring.Event{Message: ring.Message{Sender: 1, Service: ring.Agreed, Payload: payload(t, "#"+user+"#d", data, names...)}}
}

func BenchmarkData(b *testing.B) {
	data := string(make([]byte, 100))
	for _, locals := range []int{0, 1, 10, 500} {
		b.Run(fmt.Sprint("locals=", locals), func(b *testing.B) {
			m := benchMachine(locals+1, 0)
			for i := range locals {
				m.Apply(event(clientproto.Join, fmt.Sprint("u", i), "", "g"))
			}
			e := event(clientproto.Agreed, "u0", data, "g")
			run(b, m, e)
		})
	}
	b.Run("private", func(b *testing.B) {
		run(b, benchMachine(2, 0), event(clientproto.Agreed, "u0", data, "#u1#d"))
	})
	for _, locals := range []int{10, 500} {
		for _, groups := range []int{1, 3} {
			b.Run(fmt.Sprintf("discard/groups=%d/locals=%d", groups, locals), func(b *testing.B) {
				m := benchMachine(locals, 0)
				names := []string{"f", "g", "h"}[:groups]
				for i := range locals {
					for _, g := range names {
						m.Apply(event(clientproto.Join, fmt.Sprint("u", i), "", g))
					}
				}
				run(b, m, event(clientproto.Agreed|clientproto.SelfDiscard, "u0", data, names...))
			})
		}
	}
}

func BenchmarkDataRandomGroup(b *testing.B) {
	const groups = 10000
	m := benchMachine(1, 0)
	var events []*ring.Event
	for i := range groups {
		g := fmt.Sprint("group", i)
		m.Apply(event(clientproto.Join, "u0", "", g))
		events = append(events, event(clientproto.Agreed, "u0", "some data", g))
	}
	r := rand.New(rand.NewPCG(1, 2))
	r.Shuffle(groups, func(i, j int) { events[i], events[j] = events[j], events[i] })
	run(b, m, events...)
}

// BenchmarkJoinLeave: one user joins and leaves, which is one operation.
func BenchmarkJoinLeave(b *testing.B) {
	for _, members := range []int{3, 10000} {
		for _, viewers := range []int{0, 1, 50} {
			if viewers > members {
				continue
			}
			b.Run(fmt.Sprintf("members=%d/viewers=%d", members, viewers), func(b *testing.B) {
				m := benchMachine(members+1, viewers)
				for i := range members {
					m.Apply(event(clientproto.Join, fmt.Sprint("u", i), "", "g"))
				}
				user := fmt.Sprint("u", members)
				run(b, m, event(clientproto.Join, user, "", "g"), event(clientproto.Leave, user, "", "g"))
			})
		}
	}
}

// BenchmarkDisconnect: a client that joined 10,000 groups disconnects; joining
// them is not measured.
func BenchmarkDisconnect(b *testing.B) {
	const groups = 10000
	m := benchMachine(1, 0)
	var joins []*ring.Event
	for i := range groups {
		joins = append(joins, event(clientproto.Join, "u0", "", fmt.Sprint("group", i)))
	}
	kill := event(clientproto.Kill, "u0", "")
	b.ReportAllocs()
	for range b.N {
		b.StopTimer()
		m.Connect(0, clientproto.Private("u0", "d"), true)
		for _, e := range joins {
			m.Apply(e)
		}
		b.StartTimer()
		m.Apply(kill)
	}
}

// BenchmarkJoinMany: a client joins 10,000 groups.
func BenchmarkJoinMany(b *testing.B) {
	const groups = 10000
	var joins []*ring.Event
	for i := range groups {
		joins = append(joins, event(clientproto.Join, "u0", "", fmt.Sprint("group", i)))
	}
	b.ReportAllocs()
	for range b.N {
		m := benchMachine(1, 1)
		for _, e := range joins {
			m.Apply(e)
		}
	}
}

// BenchmarkReconfigure: a configuration comes in which another daemon is lost
// from half of 10,000 groups, and back; one operation is both, with the exchange.
func BenchmarkReconfigure(b *testing.B) {
	var sent [][]byte
	sink := &capturing{&counter{}, &sent}
	m := New(1, []Daemon{{1, "d"}, {2, "e"}}, sink)
	config := func(kind ring.EventKind, time uint32, members ...ring.DaemonID) {
		m.Apply(&ring.Event{Kind: kind, Config: &ring.Configuration{ID: ring.ID{Leader: 1, Time: time}, Members: members}})
	}
	config(ring.RegularConfiguration, 1, 1)
	m.Connect(0, clientproto.Private("u0", "d"), true)
	for i := range 10000 {
		m.Apply(event(clientproto.Join, "u0", "", fmt.Sprint("group", i)))
	}
	other := New(2, []Daemon{{1, "d"}, {2, "e"}}, &capturing{&counter{}, &sent})
	otherConfig := func(kind ring.EventKind, time uint32, members ...ring.DaemonID) {
		other.Apply(&ring.Event{Kind: kind, Config: &ring.Configuration{ID: ring.ID{Leader: members[0], Time: time}, Members: members}})
	}
	otherConfig(ring.RegularConfiguration, 1, 2)
	other.Connect(0, clientproto.Private("v0", "e"), true)
	for i := range 5000 {
		e := event(clientproto.Join, "v0", "", fmt.Sprint("group", i))
		e.Message.Sender, e.Message.Payload = 2, payload(clientproto.Join, "#v0#e", "", fmt.Sprint("group", i))
		other.Apply(e)
	}
	b.ReportAllocs()
	for i := range b.N {
		t := uint32(10 + 10*i)
		// Both tables as messages of this configuration.
		sent = sent[:0]
		b.StopTimer()
		otherConfig(ring.TransitionalConfiguration, t, 2)
		other.Apply(&ring.Event{Kind: ring.RegularConfiguration, Config: &ring.Configuration{ID: ring.ID{Leader: 1, Time: t + 1}, Members: []ring.DaemonID{1, 2}}})
		theirs := sent
		sent = nil
		b.StartTimer()
		config(ring.TransitionalConfiguration, t, 1)
		config(ring.RegularConfiguration, t+1, 1, 2)
		for _, p := range sent {
			m.Apply(&ring.Event{Message: ring.Message{Sender: 1, Service: ring.Agreed, Payload: p}})
		}
		for _, p := range theirs {
			m.Apply(&ring.Event{Message: ring.Message{Sender: 2, Service: ring.Agreed, Payload: p}})
		}
		if m.State() != GOP {
			b.Fatal("not finished")
		}
		config(ring.TransitionalConfiguration, t+2, 1)
		config(ring.RegularConfiguration, t+3, 1)
	}
}

type capturing struct {
	*counter
	sent *[][]byte
}

func (c *capturing) Submit(_ ring.Service, p []byte) { *c.sent = append(*c.sent, p) }

// run applies the events in turn.
func run(b *testing.B, m *Machine, events ...*ring.Event) {
	b.ReportAllocs()
	b.ResetTimer()
	if len(events) == 2 { // a pair is one operation
		for range b.N {
			m.Apply(events[0])
			m.Apply(events[1])
		}
		return
	}
	for i := range b.N {
		m.Apply(events[i%len(events)])
	}
}

// BenchmarkMergeLargeGroup: 5,000 local members of a group, 50 of whom want
// views, meet 5,000 others; one operation is the exchange, the merged view, and
// the loss of the others again.
func BenchmarkMergeLargeGroup(b *testing.B) {
	const each = 5000
	daemons := []Daemon{{1, "d"}, {2, "e"}}
	var sent [][]byte
	m := New(1, daemons, &capturing{&counter{}, &sent})
	config := func(kind ring.EventKind, time uint32, members ...ring.DaemonID) {
		m.Apply(&ring.Event{Kind: kind, Config: &ring.Configuration{ID: ring.ID{Leader: 1, Time: time}, Members: members}})
	}
	config(ring.RegularConfiguration, 1, 1)
	for i := range each {
		m.Connect(Local(i), clientproto.Private(fmt.Sprint("u", i), "d"), i >= each-50)
		m.Apply(event(clientproto.Join, fmt.Sprint("u", i), "", "g"))
	}
	theirs := func(config ring.ID) (table [][]byte) {
		w := tableWriter{config: config, emit: func(p []byte) { table = append(table, p) }}
		w.start()
		g, d := &group{name: clientproto.MakeName("g")}, &daemon{id: 2}
		for i := range each {
			w.member(g, &client{name: clientproto.Private(fmt.Sprintf("v%05d", i), "e"), at: d})
		}
		w.last([]ring.DaemonID{2})
		return table
	}
	b.ReportAllocs()
	for i := range b.N {
		t := uint32(10 + 10*i)
		b.StopTimer()
		table := theirs(ring.ID{Leader: 1, Time: t + 1})
		b.StartTimer()
		sent = sent[:0]
		config(ring.TransitionalConfiguration, t, 1)
		config(ring.RegularConfiguration, t+1, 1, 2)
		for from, payloads := range [][][]byte{sent, table} {
			for _, p := range payloads {
				m.Apply(&ring.Event{Message: ring.Message{Sender: ring.DaemonID(from + 1), Service: ring.Agreed, Payload: p}})
			}
		}
		if m.State() != GOP || len(m.Members(clientproto.MakeName("g"))) != 2*each {
			b.Fatal("not merged")
		}
		config(ring.TransitionalConfiguration, t+2, 1)
		config(ring.RegularConfiguration, t+3, 1)
	}
}
