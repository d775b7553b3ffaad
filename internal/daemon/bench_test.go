package daemon

import (
	"fmt"
	"testing"
	"time"

	"gospread/spread/internal/clientproto"
	"gospread/spread/internal/group"
	"gospread/spread/internal/ring"
	"gospread/spread/internal/session"
)

// silent is a witness that tells nobody.
type silent struct{}

func (silent) installed(*ring.Configuration)     {}
func (silent) keepTime(uint32)                   {}
func (silent) noted(ring.Note)                   {}
func (silent) epochBegins(uint32) []group.Daemon { return nil }

// benchmarkTurn sends batches of 100-byte messages through engine, ring and
// groups to the sessions' pending lists.
func benchmarkTurn(b *testing.B, receivers int) {
	const batch = 90
	r := ring.New(ring.Options{Self: 1, Incarnation: 1, Peers: []ring.Peer{{ID: 1}}}, 0)
	e := newEngine(time.Now(), r, 1, []group.Daemon{{ID: 1, Name: "d"}}, silent{}, func(*ring.Output) {})
	var buf []byte
	for i := range receivers {
		s := session.Detached(fmt.Sprintf("r%d", i), "d")
		e.Claim(s.Private)
		e.Attach(s)
		h := clientproto.Header{Type: clientproto.Join, NumGroups: 1}
		name := clientproto.MakeName("g")
		join := append(clientproto.AppendHeader(nil, &h, &s.Private, 0), name[:]...)
		e.Submit(s, [][]byte{join}, nil)
	}
	sender := session.Detached("sender", "d")
	e.Claim(sender.Private)
	e.Attach(sender)
	var messages [][]byte
	h := clientproto.Header{Type: clientproto.Agreed, NumGroups: 1, DataLen: 100}
	name := clientproto.MakeName("g")
	buf = make([]byte, 0, batch*h.Size())
	for range batch {
		start := len(buf)
		buf = append(append(clientproto.AppendHeader(buf, &h, &sender.Private, 0), name[:]...), make([]byte, 100)...)
		messages = append(messages, buf[start:])
	}
	var touched []*session.Session
	b.ReportAllocs()
	for b.Loop() {
		touched = e.Submit(sender, messages, touched[:0])
		for _, s := range touched {
			s.Discard()
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/batch, "ns/msg")
}

// BenchmarkShow is how long a turn leaves a snapshot for, with groups of ten members; a
// plain one, and one with all groups, which have changed.
func BenchmarkShow(b *testing.B) {
	for _, groups := range []int{0, 100, 2000} {
		r := ring.New(ring.Options{Self: 1, Incarnation: 1, Peers: []ring.Peer{{ID: 1}}}, 0)
		e := newEngine(time.Now(), r, 1, []group.Daemon{{ID: 1, Name: "d"}}, silent{}, func(*ring.Output) {})
		for i := range 10 {
			s := session.Detached(fmt.Sprintf("r%d", i), "d")
			e.Claim(s.Private)
			e.Attach(s)
			for g := range groups {
				h := clientproto.Header{Type: clientproto.Join, NumGroups: 1}
				name := clientproto.MakeName(fmt.Sprint("g", g))
				e.Submit(s, [][]byte{append(clientproto.AppendHeader(nil, &h, &s.Private, 0), name[:]...)}, nil)
			}
		}
		for what, name := range map[uint32]string{wantPlain: "plain", wantFull: "full"} {
			b.Run(fmt.Sprintf("groups=%d/%s", groups, name), func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					e.lookout.full.Store(nil)
					e.lookout.want(what)
					e.show()
				}
			})
		}
	}
}
