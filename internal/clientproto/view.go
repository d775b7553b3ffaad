package clientproto

import (
	"errors"
	"fmt"
	"math/bits"
	"slices"
)

// GroupID names a view of a group. Two views of one group are the same view
// exactly if all three words agree; nothing else may be read into them (5.3).
type GroupID struct{ Daemon, Time, Index int32 }

// View is a regular membership notice (5.2).
type View struct {
	Group   Name
	Cause   Type // exactly one of Causes
	ID      GroupID
	Members []Name
	// Sets are the virtual-synchrony sets: for CausedByNetwork the members
	// parted by where they come from, else one set with the changed member.
	Sets [][]Name
	// Own is the index of the receiver's set in Sets.
	Own int
}

func appendGroupID(b []byte, id GroupID) []byte {
	b = le.AppendUint32(b, uint32(id.Daemon))
	b = le.AppendUint32(b, uint32(id.Time))
	return le.AppendUint32(b, uint32(id.Index))
}

// AppendNames appends names as they travel, 32 bytes each.
func AppendNames(b []byte, names []Name) []byte {
	for i := range names {
		b = append(b, names[i][:]...)
	}
	return b
}

func appendSet(b []byte, set []Name) []byte {
	return AppendNames(le.AppendUint32(b, uint32(len(set))), set)
}

func setSize(set []Name) int { return 4 + len(set)*NameSize }

func (v *View) header(body int) Header {
	return Header{Type: RegularMembership | v.Cause, NumGroups: len(v.Members), DataLen: body}
}

// Layout tells how the body of a membership message is laid out.
type Layout bool

// The layouts: the present one is that of 4.x and 5.x, the old one, which has only
// the receiver's own set, that of 3.x (section 11).
const (
	PresentLayout Layout = false
	OldLayout     Layout = true
)

// bodyFixed is the fixed part of bodies in the present layout: id, number of sets
// and offset of the own one.
const bodyFixed = GroupIDSize + 8

// own is the receiver's own set, nil if there is none.
func (v *View) own() []Name {
	if v.Own < len(v.Sets) {
		return v.Sets[v.Own]
	}
	return nil
}

// body is the size of the body.
func (v *View) body(l Layout) int {
	if l == OldLayout {
		return GroupIDSize + setSize(v.own())
	}
	n := bodyFixed
	for _, s := range v.Sets {
		n += setSize(s)
	}
	return n
}

// Size is the most that AppendView and AppendOldView append: with the present
// layout, exactly that.
func (v *View) Size() int {
	return HeaderSize + len(v.Members)*NameSize + v.body(PresentLayout)
}

// AppendView appends the notice in the layout of 4.x and 5.x.
func AppendView(b []byte, v *View) []byte { return appendView(b, v, PresentLayout) }

// AppendOldView appends the notice in the layout of 3.x.
func AppendOldView(b []byte, v *View) []byte { return appendView(b, v, OldLayout) }

func appendView(b []byte, v *View, l Layout) []byte {
	b = AppendViewHead(b, v, l)
	b = AppendNames(b, v.Members)
	return v.appendTail(b, l, false)
}

// AppendViewHead appends what stands before the members of a view.
func AppendViewHead(b []byte, v *View, l Layout) []byte {
	h := v.header(v.body(l))
	return AppendHeader(b, &h, &v.Group, 0)
}

// AppendViewTail appends what stands behind the members of a view. Where the only
// set is the members again, their names would be the last of it: it leaves them
// out and says so.
func AppendViewTail(b []byte, v *View, l Layout) (tail []byte, again bool) {
	again = len(v.Sets) == 1 && v.Own == 0 && slices.Equal(v.Sets[0], v.Members)
	size := v.body(l)
	if again {
		size -= len(v.Members) * NameSize
	}
	return v.appendTail(slices.Grow(b, size), l, again), again
}

// appendTail appends id and sets; bare: the only set without its names.
func (v *View) appendTail(b []byte, l Layout, bare bool) []byte {
	b = appendGroupID(b, v.ID)
	sets := v.Sets
	if l == OldLayout {
		sets = [][]Name{v.own()}
	} else {
		offset := 0
		if v.Own < len(sets) {
			for _, s := range sets[:v.Own] {
				offset += setSize(s)
			}
		}
		b = le.AppendUint32(b, uint32(len(sets)))
		b = le.AppendUint32(b, uint32(offset))
	}
	if bare {
		return le.AppendUint32(b, uint32(len(sets[0])))
	}
	for _, s := range sets {
		b = appendSet(b, s)
	}
	return b
}

// AppendTransition appends the transitional signal: id is the view that ends (5.5).
func AppendTransition(b []byte, group *Name, id GroupID) []byte {
	h := Header{Type: Transition, DataLen: GroupIDSize}
	return appendGroupID(AppendHeader(b, &h, group, 0), id)
}

// AppendSelfLeave appends the notice that the receiver's own leave is done (5.4).
func AppendSelfLeave(b []byte, group *Name) []byte {
	return AppendHeader(b, &Header{Type: CausedByLeave}, group, 0)
}

// AppendReject appends the refusal of message m, which must be in our byte
// order, as it goes back to its sender (5.6).
func AppendReject(b, m []byte, private *Name) []byte {
	h, err := ParseHeader(m)
	if err != nil {
		return b
	}
	old := h.Type
	switch {
	case old&Join != 0:
		old = CausedByJoin
	case old&Leave != 0:
		old = CausedByLeave
	}
	names := m[HeaderSize:h.Data()]
	if h.NumGroups == MaxGroups {
		names = names[:len(names)-NameSize]
	} else {
		h.NumGroups++
	}
	data := m[len(m)-h.DataLen:]
	start := len(b)
	b = append(b, m[:HeaderSize]...)
	h.Type = Reject
	PutHeader(b[start:], &h)
	b = le.AppendUint32(b, uint32(old)|marker)
	b = append(b, names...)
	b = append(b, private[:]...)
	return append(b, data...)
}

// OldType reads the original type word of a rejected message: the four bytes
// behind its header, in the daemon's order. The marker tells that order.
func OldType(b []byte) Type {
	w := le.Uint32(b[HeaderSize:])
	if w&marker != marker {
		w = bits.ReverseBytes32(w)
	}
	return Type(w &^ marker)
}

// ErrBadView: a membership body whose counts do not fit its length.
var ErrBadView = errors.New("membership message with a damaged body")

// maxEmptySets is how many sets without members a view may have: one for each
// daemon of the largest configuration of the original.
const maxEmptySets = 128

// reader takes integers of either byte order from a membership body.
type reader struct {
	b       []byte
	foreign bool
	short   bool
}

func (r *reader) word() int32 {
	if len(r.b) < 4 {
		r.short = true
		return 0
	}
	w := le.Uint32(r.b)
	r.b = r.b[4:]
	if r.foreign {
		w = bits.ReverseBytes32(w)
	}
	return int32(w)
}

func (r *reader) names() []Name {
	n := int(r.word())
	if r.short || n < 0 || n > len(r.b)/NameSize {
		r.short = true
		return nil
	}
	names := ParseNames(r.b[:n*NameSize])
	r.b = r.b[n*NameSize:]
	return names
}

// ParseNames reads whole 32-byte names.
func ParseNames(b []byte) []Name {
	names := make([]Name, len(b)/NameSize)
	for i := range names {
		names[i] = NameOf(b[i*NameSize:])
	}
	return names
}

// ParseGroupID reads a group id from the beginning of a membership body.
func ParseGroupID(body []byte, foreign bool) (GroupID, error) {
	r := reader{b: body, foreign: foreign}
	id := GroupID{r.word(), r.word(), r.word()}
	if r.short {
		return GroupID{}, fmt.Errorf("%w: %d bytes, a group id has %d", ErrBadView, len(body), GroupIDSize)
	}
	return id, nil
}

// ParseView reads a regular membership notice: m is the whole message, h its
// header, old tells the 3.x layout (the daemon's version decides, section 11).
func ParseView(m []byte, h *Header, old bool) (*View, error) {
	v := &View{
		Group:   NameOf(Sender(m)),
		Cause:   h.Type & Causes,
		Members: ParseNames(m[h.Names():h.Data()]),
	}
	if bits.OnesCount32(uint32(v.Cause)) != 1 {
		return nil, fmt.Errorf("%w: causes 0x%04x, must be exactly one", ErrBadView, uint32(v.Cause))
	}
	r := reader{b: m[h.Data():], foreign: h.Foreign}
	v.ID = GroupID{r.word(), r.word(), r.word()}
	if old {
		v.Sets = [][]Name{r.names()}
		if r.short {
			return nil, ErrBadView
		}
		return v, nil
	}
	sets, own := int(r.word()), int(r.word())
	// The original makes an empty set now and then; there cannot be many.
	if r.short || sets < 0 || sets > min(len(r.b)/4, len(v.Members)+maxEmptySets) {
		return nil, fmt.Errorf("%w: %d sets in %d bytes", ErrBadView, sets, len(r.b))
	}
	v.Own = -1
	size := len(r.b)
	for i := range sets {
		if size-len(r.b) == own {
			v.Own = i
		}
		v.Sets = append(v.Sets, r.names())
		if r.short {
			return nil, ErrBadView
		}
	}
	if v.Own < 0 {
		return nil, fmt.Errorf("%w: no set begins at offset %d", ErrBadView, own)
	}
	return v, nil
}
