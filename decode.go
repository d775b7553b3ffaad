package spread

import (
	"fmt"
	"math/bits"
	"strings"

	"gospread/spread/internal/clientproto"
)

// decoder turns messages from the daemon into events.
type decoder struct {
	oldViews bool // the 3.x layout
	private  clientproto.Name
	names    nameCache
	slab     []Message
}

// Small messages are allocated slabSize at once. Large ones are not, lest one
// that is kept keeps the data of others.
const (
	slabSize = 32
	maxSlab  = 1 << 10 // bytes of the message
)

// decode makes an event of a message, whose data it shares.
func (d *decoder) decode(fr *frame) (Event, error) {
	t := fr.Type
	switch {
	case t&clientproto.Reject != 0:
		return d.rejected(fr), nil
	case t&clientproto.Services != 0:
		// Data, whatever else is set: other clients could forge the rest (3.3).
		return d.message(fr), nil
	case t&clientproto.RegularMembership != 0:
		return d.view(fr)
	case t&clientproto.Transition != 0:
		id, err := clientproto.ParseGroupID(fr.b[fr.Data():], fr.Foreign)
		if err != nil {
			return nil, err
		}
		return &Transition{Group: d.group(fr), ID: ViewID(id)}, nil
	case t&clientproto.Membership == clientproto.CausedByLeave:
		return &SelfLeave{Group: d.group(fr)}, nil
	}
	return d.message(fr), nil
}

func (d *decoder) group(fr *frame) string {
	return d.names.get(clientproto.Sender(fr.b)).s
}

func (d *decoder) message(fr *frame) *Message {
	if len(fr.b) > maxSlab {
		m := new(Message)
		d.fill(m, fr, fr.Type)
		return m
	}
	if len(d.slab) == 0 {
		d.slab = make([]Message, slabSize)
	}
	m := &d.slab[0]
	d.slab = d.slab[1:]
	d.fill(m, fr, fr.Type)
	return m
}

// fill reads a message whose type word is t.
func (d *decoder) fill(m *Message, fr *frame, t clientproto.Type) {
	m.Sender = d.group(fr)
	m.Groups = d.names.list(fr.b[fr.Names():fr.Data()])
	m.Service = service(t)
	m.SelfDiscard = t&clientproto.SelfDiscard != 0
	m.Flags = Flags(t &^ (clientproto.SelfDiscard | clientproto.Type(m.Service)))
	m.Type, m.BigEndian = clientproto.MessType(fr.b)
	if fr.DataLen > 0 {
		m.Data = fr.b[fr.Data():]
	}
}

// service picks the one service bit; of several, which no daemon lets pass, the
// strongest.
func service(t clientproto.Type) Service {
	s := uint32(t & clientproto.Services)
	if s == 0 {
		return 0
	}
	return 1 << (bits.Len32(s) - 1)
}

func (d *decoder) rejected(fr *frame) *Rejected {
	r := new(Rejected)
	old := clientproto.OldType(fr.b)
	switch {
	case old&clientproto.Services != 0:
	case old&clientproto.CausedByJoin != 0:
		r.Request = JoinRequest
		old &^= clientproto.CausedByJoin
	case old&clientproto.CausedByLeave != 0:
		r.Request = LeaveRequest
		old &^= clientproto.CausedByLeave
	}
	d.fill(&r.Message, fr, old)
	// The daemon adds the private group of this client to the names.
	if g := r.Message.Groups; len(g) > 0 && g[len(g)-1] == d.private.String() {
		r.Message.Groups = g[: len(g)-1 : len(g)-1]
	}
	return r
}

func (d *decoder) view(fr *frame) (Event, error) {
	p, err := clientproto.ParseView(fr.b, &fr.Header, d.oldViews)
	if err != nil {
		return nil, fmt.Errorf("view of group %q: %w", d.group(fr), err)
	}
	v := &View{
		Group:   d.group(fr),
		ID:      ViewID(p.ID),
		Cause:   Cause(p.Cause),
		Members: stringsOf(p.Members),
		Index:   -1,
		OwnSet:  p.Own,
	}
	for i := range p.Members {
		if p.Members[i] == d.private {
			v.Index = i
			break
		}
	}
	v.Sets = make([][]string, len(p.Sets))
	for i, set := range p.Sets {
		v.Sets[i] = stringsOf(set)
	}
	if v.Cause != CausedByNetwork && len(v.Sets) > 0 && len(v.Sets[0]) > 0 {
		v.Changed = v.Sets[0][0]
	}
	return v, nil
}

// stringsOf makes strings that share one allocation.
func stringsOf(names []clientproto.Name) []string {
	size := 0
	for i := range names {
		size += names[i].Len()
	}
	var all strings.Builder
	all.Grow(size)
	for i := range names {
		all.Write(names[i][:names[i].Len()])
	}
	s, rest := make([]string, len(names)), all.String()
	for i := range names {
		n := names[i].Len()
		s[i], rest = rest[:n], rest[n:]
	}
	return s
}
