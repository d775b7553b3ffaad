package daemon

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"gospread/spread/internal/clientproto"
)

// someName is one of ten million names, of 7 daemons.
func someName(r *rand.Rand) clientproto.Name {
	return clientproto.Private(fmt.Sprintf("u%d", r.IntN(10_000_000)), fmt.Sprintf("d%d", r.IntN(7)))
}

// sorted is n different names in order, with those given.
func sorted(r *rand.Rand, n int, names ...clientproto.Name) []clientproto.Name {
	for range n {
		names = append(names, someName(r))
	}
	slices.SortFunc(names, func(a, b clientproto.Name) int { return a.Compare(&b) })
	return slices.Compact(names)
}

func insert(names []clientproto.Name, n clientproto.Name) []clientproto.Name {
	i, in := slices.BinarySearchFunc(names, n, func(a, b clientproto.Name) int { return a.Compare(&b) })
	if in {
		return names
	}
	return slices.Insert(names, i, n)
}

func remove(r *rand.Rand, names []clientproto.Name, n int) []clientproto.Name {
	from := r.IntN(len(names) - n + 1)
	return slices.Delete(names, from, from+n)
}

func bytesOf(l *nameList) []byte {
	b := make([]byte, l.size+1)
	c := cutter{buf: b}
	c.addList(l)
	return b[:c.n]
}

// memory is what a list takes: its leaves by where they are, and its sheets.
type memory struct {
	leaves map[*byte]int
	sheets map[*sheet]bool
}

func memoryOf(l *nameList) memory {
	m := memory{make(map[*byte]int), make(map[*sheet]bool)}
	for _, s := range l.sheets {
		m.sheets[s] = true
		for _, b := range s.leaves {
			m.leaves[&b[0]] = cap(b)
		}
	}
	return m
}

// beside is what l takes beside m.
func (m memory) beside(l *nameList) (leaves, sheets, bytes int) {
	for at, size := range memoryOf(l).leaves {
		if _, shared := m.leaves[at]; !shared {
			leaves++
			bytes += size
		}
	}
	for _, s := range l.sheets {
		if !m.sheets[s] {
			sheets++
			bytes += sheetCost + leafCost*len(s.leaves)
		}
	}
	return leaves, sheets, bytes + 8*cap(l.sheets)
}

// checkSizes fails if a piece is too small or too large, or keeps more alive than itself.
func checkSizes(t *testing.T, l *nameList) {
	t.Helper()
	total, leaves := 0, 0
	for _, s := range l.sheets {
		size := 0
		leaves += len(s.leaves)
		for _, b := range s.leaves {
			size += len(b)
			if n := count(b); n > mostInPiece || n < leastInPiece && l.size != len(b) || cap(b) != len(b) {
				t.Fatalf("a leaf of %d names, %d bytes of memory", n, cap(b))
			}
		}
		if n := len(s.leaves); n > mostInPiece || n < leastInPiece && len(l.sheets) > 1 {
			t.Fatalf("a sheet of %d leaves, one of %d", n, len(l.sheets))
		}
		if size != s.size {
			t.Fatalf("a sheet of %d bytes says %d", size, s.size)
		}
		total += size
	}
	if total != l.size {
		t.Fatalf("a list of %d bytes says %d", total, l.size)
	}
}

// TestRosterFollows: whatever happens to the names, the list is theirs; what is
// shared with the last list is the same memory, and the cost is what is not; and
// lists that were handed out do not change.
func TestRosterFollows(t *testing.T) {
	type kept struct {
		list *nameList
		want []byte
	}
	for seed := range uint64(12) {
		r := rand.New(rand.NewPCG(seed, 0))
		roster := newRoster()
		names := sorted(r, r.IntN(2500))
		var all []kept
		reversed := false
		for step := range 200 {
			single := !reversed
			if reversed {
				slices.Reverse(names)
				reversed = false
			}
			switch k := r.IntN(20); {
			case k < 10 || len(names) == 0:
				names = insert(names, someName(r))
			case k < 17:
				names = remove(r, names, 1)
			case k < 18: // a daemon is lost
				names = remove(r, names, r.IntN(len(names))/2)
				single = false
			case k < 19: // parts merge
				names = sorted(r, r.IntN(500), names...)
				single = false
			case r.IntN(4) == 0: // the order changes
				slices.Reverse(names)
				single, reversed = false, true
			}
			before := memoryOf(roster.list)
			cost := roster.update(names)
			if got := bytesOf(roster.list); !bytes.Equal(got, clientproto.AppendNames(nil, names)) {
				t.Fatalf("seed %d, step %d: %d bytes, not the %d names", seed, step, len(got), len(names))
			}
			checkSizes(t, roster.list)
			leaves, sheets, bytes := before.beside(roster.list)
			if cost != bytes && (cost != 0 || leaves+sheets > 0) {
				t.Fatalf("seed %d, step %d: cost %d, in truth %d", seed, step, cost, bytes)
			}
			if single && step > 0 && (leaves > 3 || sheets > 3) {
				t.Fatalf("seed %d, step %d: one change made %d leaves and %d sheets of %d", seed, step, leaves, sheets, len(roster.list.sheets))
			}
			all = append(all, kept{roster.list, clientproto.AppendNames(nil, names)})
		}
		for step, k := range all {
			if !bytes.Equal(bytesOf(k.list), k.want) {
				t.Fatalf("seed %d: the list of step %d has changed", seed, step)
			}
		}
	}
}

// TestRosterSharesEqualLists: the same names again cost nothing.
func TestRosterSharesEqualLists(t *testing.T) {
	names := sorted(rand.New(rand.NewPCG(1, 1)), 2000)
	roster := newRoster()
	roster.update(names)
	first := roster.list
	if cost := roster.update(slices.Clone(names)); cost != 0 || roster.list != first {
		t.Errorf("cost %d, the same list: %v", cost, roster.list == first)
	}
}

// TestRosterOfStorm: views of 10,000 joins and leaves take little each, if all of
// them are kept; with groups of 10,000 it is 1.5 KB.
func TestRosterOfStorm(t *testing.T) {
	const changes = 10_000
	r := rand.New(rand.NewPCG(2, 2))
	names := sorted(r, 600)
	roster := newRoster()
	roster.update(names)
	total := 0
	for range changes {
		if r.IntN(2) == 0 {
			names = insert(names, someName(r))
		} else {
			names = remove(r, names, 1)
		}
		total += roster.update(names)
	}
	checkSizes(t, roster.list)
	if total > changes*1500 {
		t.Errorf("%d bytes each, with %d names at the end", total/changes, len(names))
	}
	t.Logf("%d bytes each", total/changes)
}

func BenchmarkRosterJoin(b *testing.B) {
	r := rand.New(rand.NewPCG(2, 2))
	names := sorted(r, 10_000)
	roster := newRoster()
	roster.update(names)
	at := 0
	b.ReportAllocs()
	for b.Loop() {
		at = (at + 7919) % len(names)
		names[at][31] ^= 1
		roster.update(names)
	}
}

// TestRostersAreBounded: groups that have not been used for longest are forgotten
// when there are too many, and those that are no longer large at once.
func TestRostersAreBounded(t *testing.T) {
	names := sorted(rand.New(rand.NewPCG(3, 3)), 20_000)
	size := len(names) * clientproto.NameSize
	var rs rosters
	group := func(i int) *clientproto.Name { n := clientproto.MakeName(fmt.Sprintf("g%d", i)); return &n }
	fit := mostRosters/size + 1
	for i := range 3 * fit {
		rs.update(group(0), names)
		if _, cost := rs.update(group(i), names); i > 0 && cost < size {
			t.Fatalf("group %d is known", i)
		}
	}
	if len(rs.by) != fit || rs.bytes != fit*size {
		t.Errorf("%d groups, %d bytes", len(rs.by), rs.bytes)
	}
	if _, cost := rs.update(group(3*fit-2), names); cost != 0 {
		t.Error("a group of late is forgotten")
	}
	// One that is larger than all may be.
	huge := slices.Repeat(names, fit)
	if _, cost := rs.update(group(-1), huge); cost < fit*size || len(rs.by) != 1+(mostRosters/size) {
		t.Errorf("with a huge group there are %d", len(rs.by))
	}
	for i := range 3 * fit {
		rs.forget(*group(i))
	}
	rs.forget(*group(-1))
	if len(rs.by) != 0 || rs.bytes != 0 {
		t.Errorf("%d groups, %d bytes are left", len(rs.by), rs.bytes)
	}
}

// TestLongViewBytes: a long view has the bytes of the view, from every offset, into
// every room.
func TestLongViewBytes(t *testing.T) {
	r := rand.New(rand.NewPCG(4, 4))
	names := sorted(r, 1000)
	for _, v := range []*clientproto.View{
		{Cause: clientproto.CausedByJoin, Sets: [][]clientproto.Name{names[5:6]}},
		{Cause: clientproto.CausedByNetwork, Sets: [][]clientproto.Name{names}},
		{Cause: clientproto.CausedByNetwork, Sets: [][]clientproto.Name{names[:400], names[400:]}, Own: 1},
	} {
		v.Group, v.Members, v.ID = clientproto.MakeName("g"), names, clientproto.GroupID{Daemon: 1, Time: 2, Index: 3}
		roster := newRoster()
		cost := roster.update(names)
		for layout, want := range map[clientproto.Layout][]byte{
			clientproto.PresentLayout: clientproto.AppendView(nil, v),
			clientproto.OldLayout:     clientproto.AppendOldView(nil, v),
		} {
			l := newLongView(v, layout, roster.list, cost)
			if l.Size() != len(want) {
				t.Fatalf("size %d, not %d", l.Size(), len(want))
			}
			if again := len(v.Sets) == 1 && len(v.Sets[0]) > 1; again && l.Cost() > cost+1000 {
				t.Errorf("the members count twice: %d", l.Cost())
			}
			for at := 0; at < len(want); at += 1 + r.IntN(11) {
				buf := make([]byte, 1+r.IntN(2*len(want)>>r.IntN(16)+1))
				n := l.CopyAt(buf, at)
				if n != min(len(buf), len(want)-at) || !bytes.Equal(buf[:n], want[at:at+n]) {
					t.Fatalf("%d bytes from %d on, into %d: others", n, at, len(buf))
				}
			}
			if n := l.CopyAt(make([]byte, 9), len(want)); n != 0 {
				t.Errorf("%d bytes behind the end", n)
			}
		}
	}
}
