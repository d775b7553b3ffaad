package seqset

import (
	"bytes"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// model is the same set as single numbers.
type model map[uint64]bool

func (m model) ranges() []Range {
	var r []Range
	for n := range uint64(200) {
		switch {
		case !m[n]:
		case len(r) > 0 && r[len(r)-1].Hi+1 == n:
			r[len(r)-1].Hi = n
		default:
			r = append(r, Range{n, n})
		}
	}
	return r
}

func TestAgainstModel(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	for range 2000 {
		s, m := new(Set), model{}
		o, om := new(Set), model{}
		for range 1 + rnd.IntN(30) {
			lo := 1 + rnd.Uint64N(189)
			hi := lo + rnd.Uint64N(10)
			if rnd.IntN(10) == 0 {
				hi = lo - 1 // empty
			}
			add := rnd.IntN(3) > 0
			if add {
				s.Add(lo, hi)
			} else {
				s.Remove(lo, hi)
			}
			for n := lo; n <= hi && lo <= hi; n++ {
				if add {
					m[n] = true
				} else {
					delete(m, n)
				}
			}
			k := rnd.Uint64N(200)
			o.Add(k, k)
			om[k] = true
		}
		check := func(what string) {
			t.Helper()
			if !slices.Equal(s.Ranges(), m.ranges()) {
				t.Fatalf("%s: %v, want %v", what, s.Ranges(), m.ranges())
			}
			if s.Len() != uint64(len(m)) || s.Empty() != (len(m) == 0) {
				t.Fatalf("%s: %d numbers, want %d", what, s.Len(), len(m))
			}
			for n := range uint64(200) {
				if s.Contains(n) != m[n] {
					t.Fatalf("%s: contains %d: %v", what, n, !m[n])
				}
			}
		}
		check("add and remove")
		var back Set
		rest, err := back.Parse(append(s.Append(nil, 1000), 7))
		if err != nil || !bytes.Equal(rest, []byte{7}) || !slices.Equal(back.Ranges(), s.Ranges()) {
			t.Fatalf("%v comes back as %v, %v, %v", s.Ranges(), back.Ranges(), rest, err)
		}
		was := s.Clone()
		s.AddSet(o)
		for n := range om {
			m[n] = true
		}
		check("add a set")
		s.RemoveSet(o)
		for n := range om {
			delete(m, n)
		}
		check("remove a set")
		if !slices.Equal(was.Ranges(), back.Ranges()) {
			t.Fatal("a clone has changed")
		}
	}
}

func TestEnds(t *testing.T) {
	s := Of(Range{math.MaxUint64 - 1, math.MaxUint64}, Range{0, 0}, Range{5, 4})
	if !s.Contains(0) || !s.Contains(math.MaxUint64) || s.Contains(1) || s.Max() != math.MaxUint64 {
		t.Errorf("%v", s.Ranges())
	}
	s.Add(1, math.MaxUint64-2)
	if len(s.Ranges()) != 1 {
		t.Errorf("%v", s.Ranges())
	}
	s.Remove(0, math.MaxUint64)
	if !s.Empty() || s.Max() != 0 {
		t.Errorf("%v", s.Ranges())
	}
}

func TestAppendLimit(t *testing.T) {
	var back Set
	s := Of(Range{1, 2}, Range{4, 4}, Range{6, 9})
	if _, err := back.Parse(s.Append(nil, 2)); err != nil || back.Max() != 4 {
		t.Errorf("%v, %v", back.Ranges(), err)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte{0})
	f.Add(Of(Range{1, 2}, Range{4, 1000}).Append(nil, 10))
	f.Add([]byte{2, 0, 255, 255, 255, 255, 255, 255, 255, 255, 255, 1, 1, 1})
	f.Fuzz(func(t *testing.T, b []byte) {
		var s, again Set
		rest, err := s.Parse(b)
		if err != nil {
			return
		}
		if 2*len(s.Ranges()) > len(b)-len(rest) {
			t.Fatalf("%d ranges in %d bytes", len(s.Ranges()), len(b)-len(rest))
		}
		if _, err := again.Parse(s.Append(nil, len(b))); err != nil || !slices.Equal(again.Ranges(), s.Ranges()) {
			t.Fatalf("%v comes back as %v, %v", s.Ranges(), again.Ranges(), err)
		}
		for i, r := range s.Ranges() {
			if r.Hi < r.Lo || i > 0 && r.Lo-s.Ranges()[i-1].Hi < 2 {
				t.Fatalf("%v", s.Ranges())
			}
		}
	})
}
