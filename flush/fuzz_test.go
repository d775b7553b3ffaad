package flush

import (
	"fmt"
	"testing"

	"gospread/spread"
)

// FuzzParse takes apart messages that other clients may have made up.
func FuzzParse(f *testing.F) {
	f.Add(int16(5), uint32(0), false, []byte("abc"))
	f.Add(typeVulnerable, uint32(spread.SubgroupCast), true, make([]byte, 46))
	f.Add(typeOK, uint32(0), false, make([]byte, 12))
	f.Fuzz(func(t *testing.T, typ int16, flags uint32, big bool, data []byte) {
		m := &spread.Message{Type: typ, Flags: spread.Flags(flags), BigEndian: big, Data: data, Groups: []string{"g"}}
		in, err := parse(m)
		if err != nil {
			return
		}
		if n := len(in.append(nil)); typ >= typeVulnerable && n+len(in.msg.Data) != len(data) {
			t.Errorf("%d bytes of %d are the user's, %d the layer's", len(in.msg.Data), len(data), n)
		}
		if cap(in.msg.Data) > len(in.msg.Data) && len(in.msg.Data) < len(data) {
			t.Error("the user's data has room in what was behind it")
		}
	})
}

// FuzzMachine lets a network do what it likes, within a small world.
func FuzzMachine(f *testing.F) {
	f.Add([]byte("\x00\x01\x02\x10\x20\x11\x21\x30\x40\x50\x60\x70"))
	f.Fuzz(func(t *testing.T, script []byte) {
		m := newMachine("0")
		for len(script) >= 3 {
			op, a, b := script[0], script[1], script[2]
			script = script[3:]
			fuzzStep(m, op, a, b)
			for name, g := range m.groups {
				if c := g.inHand(); (g.phase == authorize || g.phase == agree) != (c != nil) {
					t.Fatalf("group %s: %s", name, states(m))
				}
				for p := range g.view.present {
					if !g.view.all.has(p) {
						t.Fatalf("%s is present and no member", p)
					}
				}
			}
			m.events, m.sends = nil, nil
		}
	})
}

func fuzzStep(m *machine, op, a, b byte) {
	name := func(n byte) string { return fmt.Sprint(n % 4) }
	group := []string{"g", "h", "0"}[op>>4%3]
	id := spread.ViewID{Index: int32(a % 8)}
	switch op % 10 {
	case 0, 1:
		v := &spread.View{Group: group, ID: id, Changed: name(b), Sets: [][]string{{name(b)}},
			Cause: []spread.Cause{spread.CausedByJoin, spread.CausedByLeave, spread.CausedByDisconnect, spread.CausedByNetwork}[b>>2%4]}
		for i := range byte(4) {
			if a>>(4+i)%2 == 1 {
				v.Members = append(v.Members, name(i))
				if op%10 == 0 {
					v.Sets[0] = append(v.Sets[0], name(i))
				}
			}
		}
		m.receive(v)
	case 2, 3:
		c := control{group: group, typ: typeOK, id: id}
		m.receive(received(c.outgoing(), name(b)))
	case 4:
		c := control{group: group, typ: typeReceived, id: id}
		m.receive(received(c.outgoing(), name(b)))
	case 5:
		t := trailer{group: group, vulnerable: b>>2%2 == 1, id: id}
		o := &spread.Outgoing{Service: spread.FIFO, Groups: []string{group}, Data: t.append(nil)}
		if t.vulnerable {
			o.Type = typeVulnerable
		}
		m.receive(received(o, name(b)))
	case 6:
		m.receive(&spread.Transition{Group: group})
	case 7:
		m.receive(&spread.SelfLeave{Group: group})
	case 8:
		_ = m.flush(group)
	case 9:
		if _, err := m.outgoing(&Outgoing{Service: spread.FIFO, Group: group, Receivers: [][]string{nil, {name(b)}}[b>>2%2]}); err == nil && b>>3%2 == 1 {
			_ = m.leave(group)
		}
	}
}
