package ring

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"gospread/spread/internal/ringproto"
	"gospread/spread/internal/seqset"
)

// society is what some daemons, all gathering or with rings that are alive, have
// told each other: who hears whom. Daemons are numbered from 1.
type society struct {
	n     int
	deaf  map[[2]int]bool // the first does not hear the second
	rings [][]int         // those that share a ring that is alive
	known func(who, of int) bool
}

// machine is what daemon id knows of it.
func (s *society) machine(id int) *Machine {
	o := Options{Self: DaemonID(id), Incarnation: 1000, Digest: 0x5eed}
	for i := range s.n {
		o.Peers = append(o.Peers, Peer{ID: DaemonID(i + 1)})
	}
	m := New(o, time.Second)
	m.gather.since = m.now
	ringOf := func(i int) (int, []uint32) {
		for k, r := range s.rings {
			if slices.Contains(r, i) {
				var ids []uint32
				for _, x := range r {
					ids = append(ids, uint32(x))
				}
				return k, ids
			}
		}
		return -1, nil
	}
	for _, p := range m.peers {
		i := int(p.id)
		p.digest = m.o.Digest
		k, ids := ringOf(i)
		config := ringproto.Config{Leader: uint32(i), Time: 1}
		if k >= 0 {
			config = ringproto.Config{Leader: ids[0], Time: 100}
		}
		if p == m.self {
			if k >= 0 {
				members := make([]*peer, len(ids))
				for j, x := range ids {
					members[j] = m.byID[DaemonID(x)]
				}
				m.ring = newInstalled(config, members, m.self, &m.pool, m.now)
				m.state = operational
			}
			continue
		}
		p.incarnation = 1000
		if s.known != nil && !s.known(id, i) || s.deaf[[2]int{id, i}] {
			continue
		}
		p.heard, p.said, p.joined, p.joinConfig = m.now, m.now, m.now, config
		p.join = ringproto.JoinBody{Number: 1, Operational: k >= 0, Members: ids}
		for j := range s.n {
			if j+1 != i && !s.deaf[[2]int{i, j + 1}] {
				p.join.Heard = append(p.join.Heard, ringproto.Life{ID: uint32(j + 1), Incarnation: 1000})
			}
		}
	}
	return m
}

func (s *society) choice(id int) (list []int) {
	for _, p := range s.machine(id).choose() {
		list = append(list, int(p.id))
	}
	return list
}

func TestChoose(t *testing.T) {
	oneWay := func(pairs ...[2]int) map[[2]int]bool {
		m := make(map[[2]int]bool)
		for _, p := range pairs {
			m[p] = true
		}
		return m
	}
	cut := func(a, b []int) map[[2]int]bool {
		m := make(map[[2]int]bool)
		for _, i := range a {
			for _, j := range b {
				m[[2]int{i, j}], m[[2]int{j, i}] = true, true
			}
		}
		return m
	}
	for _, c := range []struct {
		name string
		s    society
		want [][]int // of 1, 2 and so on; who does not hear the first looks to the next
	}{
		{"all hear all", society{n: 3}, [][]int{{1, 2, 3}, {1, 2, 3}, {1, 2, 3}}},
		{"alone", society{n: 1}, [][]int{{1}}},
		{"two parts", society{n: 4, deaf: cut([]int{1, 3}, []int{2, 4})}, [][]int{{1, 3}, {2, 4}, {1, 3}, {2, 4}}},
		{"one way", society{n: 3, deaf: oneWay([2]int{3, 1})}, [][]int{{1, 2}, {1, 2}, {2, 3}}},
		{"the other way", society{n: 3, deaf: oneWay([2]int{1, 3})}, [][]int{{1, 2}, {1, 2}, {3}}},
		{"a chain", society{n: 3, deaf: cut([]int{1}, []int{3})}, [][]int{{1, 2}, {1, 2}, {2, 3}}},
		{"a ring is taken as a whole", society{n: 4, rings: [][]int{{2, 3}}, deaf: cut([]int{1}, []int{3})},
			[][]int{{1, 4}, {2, 3}, {2, 3, 4}, {1, 4}}},
		{"rings that hear each other", society{n: 4, rings: [][]int{{1, 4}, {2, 3}}},
			[][]int{{1, 2, 3, 4}, {1, 2, 3, 4}, {1, 2, 3, 4}, {1, 2, 3, 4}}},
		{"within a ring its token counts", society{n: 3, rings: [][]int{{1, 2}}, deaf: cut([]int{1}, []int{2})},
			[][]int{nil, nil, nil}},
	} {
		t.Run(c.name, func(t *testing.T) {
			for i, want := range c.want {
				if want == nil {
					continue
				}
				if got := c.s.choice(i + 1); !slices.Equal(got, want) {
					t.Errorf("%d chooses %v, not %v", i+1, got, want)
				}
			}
		})
	}
}

// Those that can hear each other, and so know the same, come to the same: whoever
// one chooses chooses the same. And each chooses itself, with those who all hear
// each other, whole rings of them.
func TestChooseAgrees(t *testing.T) {
	for seed := range uint64(2000) {
		rng := rand.New(rand.NewPCG(seed, 7))
		s := society{n: 2 + rng.IntN(8), deaf: make(map[[2]int]bool)}
		ids := rng.Perm(s.n)
		for len(ids) > 0 && rng.IntN(3) > 0 {
			k := 1 + rng.IntN(len(ids))
			r := make([]int, k)
			for i := range r {
				r[i] = ids[i] + 1
			}
			slices.Sort(r)
			s.rings = append(s.rings, r)
			ids = ids[k:]
		}
		same := func(i, j int) bool {
			return slices.ContainsFunc(s.rings, func(r []int) bool { return slices.Contains(r, i) && slices.Contains(r, j) })
		}
		for range rng.IntN(2 * s.n) {
			i, j := 1+rng.IntN(s.n), 1+rng.IntN(s.n)
			if i != j && !same(i, j) {
				s.deaf[[2]int{i, j}] = true
			}
		}
		choices := make([][]int, s.n+1)
		for i := 1; i <= s.n; i++ {
			choices[i] = s.choice(i)
		}
		for i := 1; i <= s.n; i++ {
			group := choices[i]
			if !slices.Contains(group, i) || !slices.IsSorted(group) {
				t.Fatalf("seed %d: %d chooses %v", seed, i, group)
			}
			for _, a := range group {
				for _, b := range group {
					if s.deaf[[2]int{a, b}] {
						t.Fatalf("seed %d: %d chooses %v, but %d does not hear %d", seed, i, group, a, b)
					}
				}
				for b := 1; b <= s.n; b++ {
					if same(a, b) && !slices.Contains(group, b) {
						t.Fatalf("seed %d: %d chooses %v, without %d of the ring of %d", seed, i, group, b, a)
					}
				}
			}
		}
		// All who hear everybody know the same.
		if len(s.deaf) == 0 {
			for i := 2; i <= s.n; i++ {
				if !slices.Equal(choices[i], choices[1]) || len(choices[i]) != s.n {
					t.Fatalf("seed %d: %v", seed, choices[1:])
				}
			}
		}
	}
}

// sources finds for every number who has it, and calls holes what nobody has.
func TestSources(t *testing.T) {
	for seed := range uint64(3000) {
		rng := rand.New(rand.NewPCG(seed, 3))
		n, high := 1+rng.IntN(5), uint64(rng.IntN(60))
		lacks := make([]*seqset.Set, n)
		var some seqset.Set
		for i := range lacks {
			lacks[i] = new(seqset.Set)
			for seq := uint64(1); seq <= high; seq++ {
				if rng.IntN(4) < i%4 || rng.IntN(12) == 0 {
					lacks[i].Add(seq, seq)
				}
			}
			some.AddSet(lacks[i])
		}
		var holes seqset.Set
		list := sources(&some, lacks, &holes)
		by := make(map[uint64]int)
		last := uint64(0)
		for _, s := range list {
			if s.Lo <= last || s.Hi < s.Lo {
				t.Fatalf("seed %d: %v", seed, list)
			}
			last = s.Hi
			for seq := s.Lo; seq <= s.Hi; seq++ {
				by[seq] = s.By
			}
		}
		for seq := uint64(1); seq <= high+1; seq++ {
			held, lacking := false, false
			for _, l := range lacks {
				held = held || !l.Contains(seq)
				lacking = lacking || l.Contains(seq)
			}
			who, has := by[seq]
			switch {
			case holes.Contains(seq) != !held:
				t.Fatalf("seed %d: %d is a hole: %v", seed, seq, holes.Contains(seq))
			case has != (held && lacking):
				t.Fatalf("seed %d: %d has a source: %v", seed, seq, has)
			case has && lacks[who].Contains(seq):
				t.Fatalf("seed %d: %d lacks %d itself", seed, who, seq)
			}
		}
	}
}

// The sum of an old ring, of what its members bring.
func TestOldRing(t *testing.T) {
	old, other := ringproto.Config{Leader: 1, Time: 5}, ringproto.Config{Leader: 4, Time: 5}
	c := coordination{group: []*peer{{id: 1}, {id: 2}, {id: 4}, {id: 5}}, states: []*ringproto.StateBody{
		{Old: old, Stable: 3, High: 9, Missing: *seqset.Of(seqset.Range{Lo: 5, Hi: 6}, seqset.Range{Lo: 8, Hi: 8}), Commit: []uint32{1}},
		{Old: other, Stable: 99, High: 99, Commit: []uint32{2}},
		{Old: old, Stable: 4, High: 7, Missing: *seqset.Of(seqset.Range{Lo: 6, Hi: 6}), Commit: []uint32{4, 3}},
		{Old: other, Stable: 98, High: 100},
	}}
	o := c.oldRing(0, 77)
	got := fmt.Sprint(o.Old, o.Time, o.Members, o.Stable, o.High, o.Holes.Ranges(), o.Commit, o.Sources)
	want := "{1 5} 77 [1 4] 4 9 [{6 6} {8 8}] [1 4 3] [{{5 5} 1} {{9 9} 0}]"
	if got != want {
		t.Errorf("%s, not %s", got, want)
	}
}
