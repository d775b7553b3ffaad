package flush

import (
	"slices"

	"gospread/spread"
)

// change is a membership of the Spread layer that has not been installed.
type change struct {
	id      spread.ViewID
	members []string
	cause   spread.Cause
	changed string
	missing set // members whose FLUSH_OK has not come
	gone    set // members that left after theirs
}

type set map[string]struct{}

func setOf(names []string) set {
	s := make(set, len(names))
	for _, n := range names {
		s[n] = struct{}{}
	}
	return s
}

func (s set) has(name string) bool {
	_, ok := s[name]
	return ok
}

// turnIntoNetwork makes c stand for the changes before it too, which can never
// complete.
func (c *change) turnIntoNetwork() {
	c.cause, c.changed = spread.CausedByNetwork, ""
}

// lose takes account of members that have left the group; it returns false if
// the change can never complete, since one of them has not agreed to it.
func (c *change) lose(leavers []string) bool {
	for _, l := range leavers {
		if c.missing.has(l) {
			return false
		}
		if slices.Contains(c.members, l) {
			c.gone[l] = struct{}{}
		}
	}
	return true
}

// Bounds of what is kept of FLUSH_OKs that came before the membership that they
// are about. They come at most moments early; what stays is from members that
// are lost, or makes no sense.
const (
	maxAge     = 200     // memberships of the group (client protocol 9.1)
	maxEarly   = 1 << 16 // FLUSH_OKs
	maxEarlyID = 256     // memberships that they are about
)

// early is a change of which only FLUSH_OKs are known.
type early struct {
	id   spread.ViewID
	from set
	age  int
}

// earlyChanges are in the order in which they became known.
type earlyChanges struct {
	list []*early
	size int // FLUSH_OKs in all
}

// add notes a FLUSH_OK, if need be in place of the oldest.
func (e *earlyChanges) add(id spread.ViewID, sender string) {
	i := slices.IndexFunc(e.list, func(x *early) bool { return x.id == id })
	if i < 0 {
		i = len(e.list)
		e.list = append(e.list, &early{id: id, from: set{}})
	}
	if x := e.list[i]; !x.from.has(sender) {
		x.from[sender] = struct{}{}
		e.size++
	}
	for e.size > maxEarly || len(e.list) > maxEarlyID {
		e.remove(0)
	}
}

// take removes the FLUSH_OKs for a change that has become known.
func (e *earlyChanges) take(id spread.ViewID) set {
	i := slices.IndexFunc(e.list, func(x *early) bool { return x.id == id })
	if i < 0 {
		return nil
	}
	from := e.list[i].from
	e.remove(i)
	return from
}

// grow makes all one membership older, and forgets the oldest.
func (e *earlyChanges) grow() {
	for _, x := range e.list {
		x.age++
	}
	for len(e.list) > 0 && e.list[0].age > maxAge {
		e.remove(0)
	}
}

func (e *earlyChanges) remove(i int) {
	e.size -= len(e.list[i].from)
	e.list = slices.Delete(e.list, i, i+1)
}
