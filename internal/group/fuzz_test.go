package group

import (
	"fmt"
	"testing"

	"gospread/spread/internal/clientproto"
	"gospread/spread/internal/ring"
)

// tape hands out the bytes of a fuzz input, and zeros at its end.
type tape struct{ b []byte }

func (t *tape) byte() byte {
	if len(t.b) == 0 {
		return 0
	}
	c := t.b[0]
	t.b = t.b[1:]
	return c
}

func (t *tape) take(n int) []byte {
	n = min(n, len(t.b))
	p := t.b[:n]
	t.b = t.b[n:]
	return p
}

var fuzzDaemons = []Daemon{{1, "a"}, {2, "b"}, {3, "c"}, {0xfffffff0, "nineteen bytes long"}}

func (t *tape) daemon() ring.DaemonID { return ring.DaemonID(t.byte() % 6) }

func (t *tape) private() string {
	return fmt.Sprintf("#%c#%s", 'u'+t.byte()%4, fuzzDaemons[t.byte()%4].Name)
}

func (t *tape) group() string { return string(rune('f' + t.byte()%3)) }

func (t *tape) configuration() *ring.Configuration {
	c := &ring.Configuration{ID: ring.ID{Leader: t.daemon(), Time: uint32(t.byte())}}
	for range t.byte() % 6 {
		c.Members = append(c.Members, t.daemon())
	}
	return c
}

// payload makes a message, of the tape alone or with a plausible beginning.
func (t *tape) payload(m *Machine) []byte {
	switch k := t.byte() % 8; k {
	case 0:
		return t.take(int(t.byte()))
	case 1:
		return payload(clientproto.Join, t.private(), "", t.group())
	case 2:
		return payload(clientproto.Leave, t.private(), "", t.group())
	case 3:
		return payload(clientproto.Kill, t.private(), "")
	case 4:
		return payload(clientproto.Type(t.byte())|clientproto.Type(t.byte())<<16, t.private(), "data", t.group(), t.private(), t.group())
	default:
		var fixed [tableFixed]byte
		fixed[0], fixed[1], fixed[2] = tableVersion, t.byte(), t.byte()%4
		le.PutUint32(fixed[4:], uint32(m.config.ID.Leader))
		le.PutUint32(fixed[8:], m.config.ID.Time)
		le.PutUint32(fixed[12:], uint32(t.byte()%4))
		return payload(clientproto.Groups, "", string(fixed[:])+string(t.take(int(t.byte()))))
	}
}

// FuzzApply: no payload and no sequence of events makes the machine fail, or
// lets its lists disagree.
func FuzzApply(f *testing.F) {
	f.Add([]byte{})
	// A configuration of 1 and 2 with an exchange, joins, a split.
	f.Add([]byte("\x02\x01\x05\x01\x01\x03\x00\x03\x01\x01\x00\x00\x00\x01\x01\x05\x01\x01\x02\x01\x06\x02\x01\x02" +
		"\x00\x01\x05\x05\x01\x01\x00\x04\x01\x00\x00\x00\x00\x02\x05\x05\x01\x01\x00\x04\x02\x00\x00\x00"))
	f.Fuzz(func(t *testing.T, b []byte) {
		s := &script{}
		own := 0
		s.submit = func(_ ring.Service, p []byte) {
			own++
			if _, ok := whole(p); !ok {
				t.Error("submits what is no message")
			}
		}
		m := New(1, fuzzDaemons, s)
		in := &tape{b}
		for handles := Local(0); len(in.b) > 0; {
			switch in.byte() % 8 {
			case 1:
				m.Apply(&ring.Event{Kind: ring.TransitionalConfiguration, Config: in.configuration()})
			case 2:
				m.Apply(&ring.Event{Kind: ring.RegularConfiguration, Config: in.configuration()})
			case 3:
				handles++
				m.Connect(handles, clientproto.MakeName(in.private()), in.byte()&1 == 0)
			case 4:
				m.SetDaemons(fuzzDaemons[in.byte()%4:])
			default:
				m.Apply(&ring.Event{Message: ring.Message{Sender: in.daemon(), Service: ring.Service(in.byte() % 6), Payload: in.payload(m)}})
			}
		}
		(&host{Machine: m}).consistent(t)
	})
}

// FuzzTable: what a table's reader accepts stays within its bytes.
func FuzzTable(f *testing.F) {
	var sent []byte
	w := tableWriter{config: ring.ID{Leader: 1, Time: 2}, emit: func(p []byte) { sent = p }}
	w.start()
	g := &group{name: clientproto.MakeName("g")}
	w.member(g, &client{name: clientproto.Private("a", "d"), at: &daemon{id: 7}})
	w.last([]ring.DaemonID{7, 8})
	f.Add(sent[clientproto.HeaderSize:])
	f.Fuzz(func(t *testing.T, b []byte) {
		h, records, ok := parseTable(b)
		if !ok {
			return
		}
		if len(h.daemons)+len(records)+tableFixed != len(b) {
			t.Errorf("%d bytes of daemons and %d of records in %d", len(h.daemons), len(records), len(b))
		}
		var r record
		for left := len(records); ; left = len(records) {
			if records, ok = r.next(records); !ok {
				return
			}
			if len(records) >= left {
				t.Fatal("a record of no bytes")
			}
		}
	})
}
