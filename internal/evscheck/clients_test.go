package evscheck

import (
	"fmt"
	"testing"

	"gospread/spread/internal/clientproto"
)

// Most rules for clients are tested where there are traces of group machines; here
// are those that need a trace which no damage to such a one gives.

// scene is a few connections that send to each other's private groups.
type scene struct {
	*Run
	last int
}

func newScene(users ...string) *scene {
	s := &scene{Run: &Run{Daemons: []string{"d"}, Loose: 1000}}
	for _, u := range users {
		s.Conns = append(s.Conns, &Conn{Name: clientproto.Private(u, "d"), Views: true})
	}
	return s
}

func (s *scene) conn(user string) *Conn {
	for _, c := range s.Conns {
		if c.Name == clientproto.Private(user, "d") {
			return c
		}
	}
	return nil
}

// send makes a message of size bytes of data to all, of which the trace keeps only
// a few.
func (s *scene) send(user string, t clientproto.Type, size int) []byte {
	s.last++
	c := s.conn(user)
	h := clientproto.Header{Type: t, NumGroups: len(s.Conns), DataLen: size}
	p := clientproto.AppendHeader(nil, &h, &c.Name, 0)
	for _, o := range s.Conns {
		p = append(p, o.Name[:]...)
	}
	p = fmt.Append(p, s.last)
	c.Events = append(c.Events, Event{Kind: Send, Payload: p})
	return p
}

func (s *scene) receive(user string, messages ...[]byte) {
	c := s.conn(user)
	for _, p := range messages {
		c.Events = append(c.Events, Event{Kind: Message, Payload: p})
	}
}

func TestOrderOfClients(t *testing.T) {
	for _, c := range []struct {
		want, name string
		play       func(s *scene)
	}{
		{"", "all agree", func(s *scene) {
			m, n := s.send("a", clientproto.Agreed, 9), s.send("b", clientproto.Safe, 9)
			s.receive("a", m, n)
			s.receive("b", m, n)
			s.receive("c", n)
		}},
		{"", "loose messages have no order", func(s *scene) {
			m, n := s.send("a", clientproto.Reliable, 9), s.send("a", clientproto.Agreed, 9)
			s.receive("a", m, n)
			s.receive("b", n, m)
		}},
		{"C14 C15", "large RELIABLE messages have one, however little of them is kept", func(s *scene) {
			m, n := s.send("a", clientproto.Reliable, 5000), s.send("a", clientproto.Agreed, 9)
			s.receive("a", m, n)
			s.receive("b", n, m)
		}},
		{"C14", "two disagree", func(s *scene) {
			m, n := s.send("a", clientproto.Agreed, 9), s.send("b", clientproto.Agreed, 9)
			s.receive("a", m, n)
			s.receive("b", n, m)
		}},
		{"C14", "any two agree, but three go in a circle", func(s *scene) {
			m, n, o := s.send("a", clientproto.Agreed, 9), s.send("b", clientproto.Agreed, 9), s.send("c", clientproto.Agreed, 9)
			s.receive("a", m, n)
			s.receive("b", n, o)
			s.receive("c", o, m)
		}},
		{"C16", "an answer before the question", func(s *scene) {
			question := s.send("a", clientproto.Causal, 9)
			s.receive("b", question)
			answer := s.send("b", clientproto.Causal, 9)
			s.receive("c", answer, question)
		}},
		{"C1", "a message too short to be one", func(s *scene) {
			c := s.conn("a")
			c.Events = append(c.Events, Event{Kind: Send, Payload: []byte("short")})
		}},
		{"C1", "a message with more groups than bytes", func(s *scene) {
			h := clientproto.Header{Type: clientproto.Agreed, NumGroups: 1 << 30}
			c := s.conn("a")
			p := clientproto.AppendHeader(nil, &h, &c.Name, 0)
			c.Events = append(c.Events, Event{Kind: Send, Payload: p}, Event{Kind: Message, Payload: p})
		}},
		{"C1", "a message in the name of another", func(s *scene) {
			p := s.send("a", clientproto.Agreed, 9)
			s.conn("a").Events = nil
			s.conn("b").Events = []Event{{Kind: Send, Payload: p}}
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newScene("a", "b", "c")
			c.play(s)
			report := Check(s.Run)
			for _, v := range report.Violations {
				t.Log(s.Context(v, 2))
			}
			if found := rules(report); found != c.want {
				t.Errorf("found %q, want %q", found, c.want)
			}
		})
	}
}
