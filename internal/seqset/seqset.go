// Package seqset keeps sets of sequence numbers as ranges: what is missing, and
// what is held, is mostly a few runs of neighbours.
package seqset

import (
	"encoding/binary"
	"errors"
	"slices"
	"sort"
)

// Range is the numbers from Lo to Hi, both included.
type Range struct{ Lo, Hi uint64 }

// Len is how many numbers the range has.
func (r Range) Len() uint64 { return r.Hi - r.Lo + 1 }

// Set is a set of numbers; the zero Set is empty. It is not safe for concurrent
// use.
type Set struct {
	r []Range // ascending, apart from each other by at least one number
}

// Of makes a set of the given ranges, in any order; an empty one (Hi < Lo) adds
// nothing.
func Of(ranges ...Range) *Set {
	s := new(Set)
	for _, r := range ranges {
		s.Add(r.Lo, r.Hi)
	}
	return s
}

// Ranges are the numbers in ascending order, as few ranges as possible. The
// slice is the set's own.
func (s *Set) Ranges() []Range { return s.r }

// Empty tells whether the set has no number.
func (s *Set) Empty() bool { return len(s.r) == 0 }

// Len is how many numbers the set has.
func (s *Set) Len() uint64 {
	var n uint64
	for _, r := range s.r {
		n += r.Len()
	}
	return n
}

// Max is the highest number, 0 of an empty set.
func (s *Set) Max() uint64 {
	if len(s.r) == 0 {
		return 0
	}
	return s.r[len(s.r)-1].Hi
}

// after is the index of the first range that ends at n or later.
func (s *Set) after(n uint64) int {
	return sort.Search(len(s.r), func(i int) bool { return s.r[i].Hi >= n })
}

// Contains tells whether n is in the set.
func (s *Set) Contains(n uint64) bool {
	i := s.after(n)
	return i < len(s.r) && s.r[i].Lo <= n
}

// Add adds the numbers from lo to hi.
func (s *Set) Add(lo, hi uint64) {
	if hi < lo {
		return
	}
	i := s.after(lo)
	if i > 0 && s.r[i-1].Hi+1 == lo {
		i--
	}
	j := i
	for j < len(s.r) && (s.r[j].Lo <= hi || s.r[j].Lo-1 == hi) {
		lo, hi = min(lo, s.r[j].Lo), max(hi, s.r[j].Hi)
		j++
	}
	s.r = slices.Replace(s.r, i, j, Range{lo, hi})
}

// Remove takes the numbers from lo to hi out of the set.
func (s *Set) Remove(lo, hi uint64) {
	if hi < lo {
		return
	}
	i := s.after(lo)
	j := i
	var rest []Range
	for j < len(s.r) && s.r[j].Lo <= hi {
		if s.r[j].Lo < lo {
			rest = append(rest, Range{s.r[j].Lo, lo - 1})
		}
		if s.r[j].Hi > hi {
			rest = append(rest, Range{hi + 1, s.r[j].Hi})
		}
		j++
	}
	s.r = slices.Replace(s.r, i, j, rest...)
}

// AddSet adds all numbers of o.
func (s *Set) AddSet(o *Set) {
	for _, r := range o.r {
		s.Add(r.Lo, r.Hi)
	}
}

// RemoveSet takes all numbers of o out of the set.
func (s *Set) RemoveSet(o *Set) {
	for _, r := range o.r {
		s.Remove(r.Lo, r.Hi)
	}
}

// Clone returns a copy.
func (s *Set) Clone() *Set { return &Set{slices.Clone(s.r)} }

// Reset empties the set and keeps its memory.
func (s *Set) Reset() { s.r = s.r[:0] }

// ErrMalformed is returned for bytes that are no set.
var ErrMalformed = errors.New("malformed set of sequence numbers")

// Append appends the bytes of at most limit ranges, the lowest: their number,
// then for each the distance from the end of the one before and its length less
// one, as unsigned varints.
func (s *Set) Append(b []byte, limit int) []byte {
	ranges := s.r[:min(limit, len(s.r))]
	b = binary.AppendUvarint(b, uint64(len(ranges)))
	var last uint64
	for _, r := range ranges {
		b = binary.AppendUvarint(b, r.Lo-last)
		b = binary.AppendUvarint(b, r.Hi-r.Lo)
		last = r.Hi
	}
	return b
}

// Parse reads into the set what Append wrote, and returns what follows it. The
// set is as large as the bytes justify: each range takes at least two.
func (s *Set) Parse(b []byte) (rest []byte, err error) {
	s.Reset()
	n, size := binary.Uvarint(b)
	if size <= 0 || n > uint64(len(b))/2 {
		return nil, ErrMalformed
	}
	b = b[size:]
	var last uint64
	for i := range n {
		gap, size := binary.Uvarint(b)
		if size <= 0 {
			return nil, ErrMalformed
		}
		b = b[size:]
		more, size := binary.Uvarint(b)
		if size <= 0 {
			return nil, ErrMalformed
		}
		b = b[size:]
		lo := last + gap
		hi := lo + more
		if lo < last || hi < lo || gap < 2 && i > 0 {
			return nil, ErrMalformed
		}
		s.r = append(s.r, Range{lo, hi})
		last = hi
	}
	return b, nil
}
