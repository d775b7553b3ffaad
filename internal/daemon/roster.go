package daemon

import (
	"cmp"
	"encoding/binary"
	"iter"
	"maps"
	"slices"

	"gospread/spread/internal/clientproto"
)

// A view of a large group differs from the one before by a name, and has all the
// others again. So the bytes of its names are kept in leaves, and leaves in sheets;
// the next view has new ones only where something has changed, and shares the
// others. What it takes of memory is a leaf, a sheet and a list of sheets.

// Leaves have 8 to 32 names, sheets 8 to 32 leaves; a list of fewer names or leaves
// has one. Those made of more are not filled up, so that they can take some more
// before they must be divided.
const (
	mostInPiece  = 32
	leastInPiece = mostInPiece / 4
	fillOfPiece  = mostInPiece * 3 / 4
)

// sheet is a run of leaves, each the bytes of some names. It does not change.
type sheet struct {
	leaves [][]byte
	size   int // in bytes
}

// What a sheet takes beside the bytes of its leaves, and what a leaf in it.
const (
	sheetCost = 32
	leafCost  = 24
)

// nameList is a list of names in sheets. It does not change.
type nameList struct {
	sheets []*sheet
	size   int // in bytes
}

// roster is the list of members of the last view of a group.
type roster struct {
	leaves [][]byte // of list, in order
	list   *nameList
	used   uint64 // when, in the order of uses of all rosters
}

func newRoster() *roster { return &roster{list: &nameList{}} }

// update makes the list that of names. It returns what the new list takes of
// memory beside what it shares with the last.
func (r *roster) update(names []clientproto.Name) (cost int) {
	front, back, lo, hi := r.changed(names)
	if front == back && lo == hi {
		return 0
	}
	var fresh [][]byte
	for from, to := range pieces(hi - lo) {
		size := (to - from) * clientproto.NameSize
		fresh = append(fresh, clientproto.AppendNames(make([]byte, 0, size), names[lo+from:lo+to]))
		cost += size
	}
	r.leaves = slices.Replace(r.leaves, front, back, fresh...)
	return cost + r.renew(front, front+len(fresh), len(names)*clientproto.NameSize)
}

// changed finds the leaves [front, back) that must be made anew, of names[lo:hi].
func (r *roster) changed(names []clientproto.Name) (front, back, lo, hi int) {
	for front < len(r.leaves) && begins(names[lo:], r.leaves[front]) {
		lo += count(r.leaves[front])
		front++
	}
	back, hi = len(r.leaves), len(names)
	for back > front && ends(names[lo:hi], r.leaves[back-1]) {
		back--
		hi -= count(r.leaves[back])
	}
	return widen(front, back, lo, hi, len(r.leaves), func(i int) int { return count(r.leaves[i]) })
}

// renew makes the sheets with the leaves [from, to) anew, and the list.
func (r *roster) renew(from, to, size int) (cost int) {
	old := r.list.sheets
	front, lo := 0, 0
	for front < len(old) && lo+len(old[front].leaves) <= from {
		lo += len(old[front].leaves)
		front++
	}
	back, hi := len(old), len(r.leaves)
	for back > front && hi-len(old[back-1].leaves) >= to {
		back--
		hi -= len(old[back].leaves)
	}
	front, back, lo, hi = widen(front, back, lo, hi, len(old), func(i int) int { return len(old[i].leaves) })
	l := &nameList{sheets: make([]*sheet, front, len(old)+2), size: size}
	copy(l.sheets, old)
	for from, to := range pieces(hi - lo) {
		s := &sheet{leaves: slices.Clone(r.leaves[lo+from : lo+to])}
		for _, b := range s.leaves {
			s.size += len(b)
		}
		l.sheets = append(l.sheets, s)
		cost += sheetCost + len(s.leaves)*leafCost
	}
	l.sheets = append(l.sheets, old[back:]...)
	r.list = l
	return cost + 8*cap(l.sheets)
}

// widen takes pieces beside [front, back), of n, along where what is to be made,
// [lo, hi) one level below, is too little for a piece.
func widen(front, back, lo, hi, n int, size func(i int) int) (int, int, int, int) {
	for lo < hi && hi-lo < leastInPiece && (front > 0 || back < n) {
		if back < n {
			hi += size(back)
			back++
		} else {
			front--
			lo -= size(front)
		}
	}
	return front, back, lo, hi
}

// pieces divides n evenly.
func pieces(n int) iter.Seq2[int, int] {
	return func(yield func(from, to int) bool) {
		k := 1
		if n > mostInPiece {
			k = (n + fillOfPiece - 1) / fillOfPiece
		}
		for i := range k {
			if from, to := n*i/k, n*(i+1)/k; from < to && !yield(from, to) {
				return
			}
		}
	}
}

// count is the number of names in a leaf.
func count(leaf []byte) int { return len(leaf) / clientproto.NameSize }

// begins tells whether names begin with those of a leaf.
func begins(names []clientproto.Name, leaf []byte) bool {
	if len(names) < count(leaf) {
		return false
	}
	for i := range names[:count(leaf)] {
		if !same(&names[i], leaf[:clientproto.NameSize]) {
			return false
		}
		leaf = leaf[clientproto.NameSize:]
	}
	return true
}

// same compares in words: all names of a group pass here for each view, and to call
// for each takes three times as long.
func same(n *clientproto.Name, b []byte) bool {
	le := binary.LittleEndian
	return le.Uint64(n[:]) == le.Uint64(b) && le.Uint64(n[8:]) == le.Uint64(b[8:]) &&
		le.Uint64(n[16:]) == le.Uint64(b[16:]) && le.Uint64(n[24:]) == le.Uint64(b[24:])
}

// ends tells whether names end with those of a leaf.
func ends(names []clientproto.Name, leaf []byte) bool {
	n := len(names) - count(leaf)
	return n >= 0 && begins(names[n:], leaf)
}

// rosters are the rosters of large groups.
type rosters struct {
	by    map[clientproto.Name]*roster
	bytes int // names in all
	uses  uint64
}

const (
	// largeGroup is how many members a group must have to get a roster: 16 KB of names.
	largeGroup = 512
	// mostRosters is what all rosters but the last used one may have in bytes of
	// names. Those not used for longest are forgotten first.
	mostRosters = 16 << 20
)

// update returns the list of a large group's members, and what it has taken of
// memory.
func (r *rosters) update(group *clientproto.Name, names []clientproto.Name) (l *nameList, cost int) {
	x := r.by[*group]
	if x == nil {
		if r.by == nil {
			r.by = make(map[clientproto.Name]*roster)
		}
		x = newRoster()
		r.by[*group] = x
	}
	r.bytes -= x.list.size
	cost = x.update(names)
	r.bytes += x.list.size
	r.uses++
	x.used = r.uses
	for r.bytes-x.list.size > mostRosters {
		r.forget(r.oldest())
	}
	return x.list, cost
}

func (r *rosters) oldest() clientproto.Name {
	return slices.MinFunc(slices.Collect(maps.Keys(r.by)), func(a, b clientproto.Name) int {
		return cmp.Compare(r.by[a].used, r.by[b].used)
	})
}

// forget lets go of a group that is no longer large.
func (r *rosters) forget(group clientproto.Name) {
	if x := r.by[group]; x != nil {
		r.bytes -= x.list.size
		delete(r.by, group)
	}
}
