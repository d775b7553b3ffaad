package group

import (
	"fmt"
	"slices"
	"testing"

	"gospread/spread/internal/clientproto"
)

// A listing has all that the bounds allow, and tells what it has not; its version
// changes with everything that it shows.
func TestList(t *testing.T) {
	s := newSolo(t)
	version := s.m.Version()
	changed := func(what string, want bool) {
		t.Helper()
		if v := s.m.Version(); (v != version) != want {
			t.Errorf("%s: changed: %t", what, v != version)
		}
		version = s.m.Version()
	}
	for i := range 5 {
		s.connect(Local(i), fmt.Sprintf("u%d", i), true)
	}
	changed("connect", false)
	for i := range 5 {
		for g := range 3 - i%2 {
			s.send(clientproto.Join, fmt.Sprintf("u%d", i), "", fmt.Sprintf("g%d", g))
			changed("join", true)
		}
	}
	s.send(clientproto.Join, "u1", "", "g0")
	changed("join again", false)
	s.send(clientproto.Agreed, "u1", "data", "g0")
	changed("data", false)

	l := s.m.List(Bounds{Groups: 10, Names: 100, Each: 10})
	l.Sort()
	if len(l.Groups) != 3 || l.All != 3 || l.Unnamed != 0 || l.Groups[2].Name != clientproto.MakeName("g2") {
		t.Fatalf("%+v", l)
	}
	want := []clientproto.Name{clientproto.Private("u0", "d"), clientproto.Private("u2", "d"), clientproto.Private("u4", "d")}
	if g := l.Groups[2]; !slices.Equal(g.Names, want) || !slices.Equal(g.Here, want) || g.Members != 3 || g.Locals != 3 || g.ID.Index != 3 {
		t.Errorf("%+v", g)
	}
	s.send(clientproto.Leave, "u0", "", "g2")
	changed("leave", true)
	if g := l.Groups[2]; !slices.Equal(g.Names, want) {
		t.Error("what was listed has changed")
	}
	s.send(clientproto.Kill, "u2", "")
	changed("disconnect", true)

	// 4, 4 and 1 members are left.
	for _, c := range []struct {
		b                      Bounds
		groups, named, unnamed int
	}{
		{Bounds{2, 100, 10}, 2, -1, 0},
		{Bounds{10, 5, 10}, 3, 5, 4},
		{Bounds{10, 100, 3}, 3, 7, 2},
		{Bounds{}, 0, 0, 0},
	} {
		l := s.m.List(c.b)
		named := 0
		for _, g := range l.Groups {
			named += len(g.Names)
			if len(g.Here) > len(g.Names) {
				t.Errorf("%+v: more local members than members", c.b)
			}
		}
		if len(l.Groups) != c.groups || c.named >= 0 && named != c.named || l.Unnamed != c.unnamed || l.All != 3 {
			t.Errorf("%+v: %d groups, %d named, %d not", c.b, len(l.Groups), named, l.Unnamed)
		}
	}
}
