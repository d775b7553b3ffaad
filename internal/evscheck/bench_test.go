package evscheck

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"gospread/spread/internal/clientproto"
)

// longRun is a correct run of some daemons with a number of deliveries at each,
// over several configurations of all of them.
func longRun(daemons, deliveries int) *Run {
	const configurations = 10
	r := rand.New(rand.NewPCG(1, 2))
	run := &Run{Quiet: true, Unique: true, IndexBits: 16}
	var all []uint32
	for i := range daemons {
		all = append(all, uint32(i+1))
		run.Traces = append(run.Traces, &DaemonTrace{Daemon: uint32(i + 1), Life: 1})
	}
	for c := range uint32(configurations) {
		for _, t := range run.Traces {
			t.Install(ConfigID{1, 2*c + 1}, all)
		}
		var log []DaemonMessage
		for i := range deliveries / configurations {
			from := i / 20 % daemons
			m := DaemonMessage{Sender: uint32(from + 1), Seq: uint64(i+1) << 16, Service: Service(r.IntN(6)), Digest: r.Uint64(), Size: 100}
			m.Loose = m.Service <= ServiceReliable
			log = append(log, m)
			run.Traces[from].Sequence(m)
			if i%20 == 19 {
				for _, t := range run.Traces {
					for _, m := range log {
						t.Deliver(m)
					}
				}
				log = log[:0]
			}
		}
		for _, t := range run.Traces {
			for _, m := range log {
				t.Deliver(m)
			}
			if c+1 < configurations {
				t.Signal(ConfigID{1, 2*c + 2}, all)
			}
		}
	}
	return run
}

func TestLongRun(t *testing.T) {
	report := Check(longRun(12, 2000))
	for _, v := range report.Violations {
		t.Error(v)
	}
	if c := report.Counts; c.Deliveries != 24000 || c.Configurations != 120 || c.Survivors != 99 {
		t.Errorf("compared %+v", c)
	}
}

func BenchmarkDaemons(b *testing.B) {
	run := longRun(12, 20000)
	b.ReportAllocs()
	for b.Loop() {
		if n := len(Check(run).Violations); n > 0 {
			b.Fatal(n, "violations")
		}
	}
}

// chat is a correct run of connections that are all in one group.
func chat(conns, messages int) *Run {
	run := &Run{Quiet: true, Daemons: []string{"d"}}
	group := clientproto.MakeName("g")
	var names []clientproto.Name
	for i := range conns {
		name := clientproto.Private(fmt.Sprintf("u%05d", i), "d")
		names = append(names, name)
		c := &Conn{Name: name, Views: true}
		c.Events = append(c.Events, Event{Kind: Join, Group: group})
		run.Conns = append(run.Conns, c)
		v := &clientproto.View{Group: group, Cause: clientproto.CausedByJoin, ID: clientproto.GroupID{Daemon: 1, Time: 1, Index: int32(i + 1)},
			Members: names[: i+1 : i+1], Sets: [][]clientproto.Name{{name}}}
		for _, o := range run.Conns {
			o.Events = append(o.Events, Event{Kind: View, View: v})
		}
	}
	services := [...]clientproto.Type{clientproto.Agreed, clientproto.Safe, clientproto.FIFO, clientproto.Agreed | clientproto.SelfDiscard}
	for i := range messages {
		from := i % conns
		h := clientproto.Header{Type: services[i%len(services)], NumGroups: 1, DataLen: 50}
		p := clientproto.AppendHeader(nil, &h, &names[from], 0)
		p = append(p, group[:]...)
		p = fmt.Appendf(p, "%50d", i)
		run.Conns[from].Events = append(run.Conns[from].Events, Event{Kind: Send, Payload: p})
		for j, c := range run.Conns {
			if j != from || h.Type&clientproto.SelfDiscard == 0 {
				c.Events = append(c.Events, Event{Kind: Message, Payload: p})
			}
		}
	}
	return run
}

func TestChat(t *testing.T) {
	report := Check(chat(10, 1000))
	for _, v := range report.Violations {
		t.Error(v)
	}
	// A quarter of the messages does not come back; views 1 to 10 have as many members.
	if c := report.Counts; c.Received != 9750 || c.Views != 55 || c.OrderPairs != 45 || c.ClientSafeBefore != 250*10*9 {
		t.Errorf("compared %+v", c)
	}
}

func BenchmarkClients(b *testing.B) {
	run := chat(24, 5000)
	b.ReportAllocs()
	for b.Loop() {
		if n := len(Check(run).Violations); n > 0 {
			b.Fatal(n, "violations")
		}
	}
}
