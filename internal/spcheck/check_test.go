package spcheck

import (
	"slices"
	"strings"
	"testing"

	"gospread/spread/internal/clientproto"
	check "gospread/spread/internal/evscheck"
)

func members(list string) (names []clientproto.Name) {
	for m := range strings.FieldsSeq(list) {
		names = append(names, clientproto.MakeName(m))
	}
	return names
}

func TestDaemonOrder(t *testing.T) {
	for _, c := range []struct {
		name  string
		lists []string
		want  string
	}{
		{"nobody", nil, ""},
		{"one list", []string{"#a#z #b#z #a#y #a#x"}, "z y x"},
		{"from pairs", []string{"#a#c #a#a", "#a#a #a#b", "#a#c #a#b"}, "c a b"},
		{"with ends unknown", []string{"#a#b", "#a#a"}, "a b"},
		{"a wrong list", []string{"#a#b #a#a", "#a#b #a#a #a#c", "#a#a #a#b"}, "a b c"},
	} {
		t.Run(c.name, func(t *testing.T) {
			conn := &check.Conn{}
			for _, l := range c.lists {
				conn.Events = append(conn.Events, check.Event{Kind: check.View, View: &clientproto.View{Members: members(l)}})
			}
			got := daemonOrder([]*check.Conn{conn})
			if c.name == "a wrong list" { // any order will do: some view does not follow it
				slices.Sort(got)
			}
			if strings.Join(got, " ") != c.want {
				t.Errorf("%v, want %s", got, c.want)
			}
		})
	}
}

// An id that comes again for another view, or for the same one of a group that was
// empty, becomes another id, the same at all connections.
func TestTolerate(t *testing.T) {
	g := clientproto.MakeName("g")
	view := func(index int32, list string) check.Event {
		v := &clientproto.View{
			Group: g, ID: clientproto.GroupID{Index: index}, Cause: clientproto.CausedByJoin,
			Members: members(list), Sets: [][]clientproto.Name{members("#b#x")},
		}
		return check.Event{Kind: check.View, Group: g, View: v}
	}
	signal := check.Event{Kind: check.Transition, Group: g, ID: clientproto.GroupID{Index: 1}}
	left := check.Event{Kind: check.SelfLeave, Group: g}
	a := &check.Conn{Events: []check.Event{
		view(1, "#a#x"), left, view(1, "#b#x #a#x"), signal, left, view(1, "#a#x"), signal,
	}}
	b := &check.Conn{Events: []check.Event{view(1, "#b#x #a#x"), signal}}
	before := *b.Events[0].View
	tolerate(&check.Run{Conns: []*check.Conn{a, b}})
	id := func(e check.Event) clientproto.GroupID {
		if e.View != nil {
			return e.View.ID
		}
		return e.ID
	}
	first, second, third := id(a.Events[0]), id(a.Events[2]), id(a.Events[5])
	if first == second || second == third || first == third {
		t.Errorf("three views have the ids %v, %v, %v", first, second, third)
	}
	if id(b.Events[0]) != second {
		t.Errorf("one view has the ids %v and %v", second, id(b.Events[0]))
	}
	if id(a.Events[3]) != second || id(a.Events[6]) != third || id(b.Events[1]) != second {
		t.Error("signals do not follow their views")
	}
	if before.ID.Index != 1 {
		t.Error("a view that others may have was changed")
	}
}

func TestWithoutEmpty(t *testing.T) {
	sets := [][]clientproto.Name{{}, members("#a#x"), {}, members("#b#y")}
	got, own := withoutEmpty(sets, 3)
	if len(got) != 2 || own != 1 {
		t.Errorf("%v, own set %d", got, own)
	}
	if got, own := withoutEmpty(sets[3:], 0); len(got) != 1 || own != 0 {
		t.Errorf("%v, own set %d", got, own)
	}
}
