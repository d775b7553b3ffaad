package link

import (
	"net/netip"
	"slices"
	"sync/atomic"
)

// dest is an address to send to, with what was learned about the path.
type dest struct {
	addr netip.AddrPort
	raw  rawAddr
	// whole is the size in bytes from which on segmentation was refused; 0: never.
	whole atomic.Int32
}

// segmentable tells whether datagrams of that size may go as one message.
func (d *dest) segmentable(size int) bool {
	w := d.whole.Load()
	return w == 0 || size < int(w)
}

// table is who is where. It does not change once it is in use.
type table struct {
	self   uint32
	data   map[uint32]*dest
	token  map[uint32]*dest
	all    audience                  // everybody
	near   audience                  // the own segment
	source map[netip.AddrPort]uint32 // both ports
	port   uint16                    // of the own segment
}

// audience is several daemons that are sent the same.
type audience struct {
	groups  []*dest // addresses that reach several
	ids     []uint32
	copies  []*dest // of the daemons that have a copy each, as ids
	every   []*dest // groups and copies
	members []*dest // of every, without the copies for those who are no members
}

func (a *audience) add(id uint32, d *dest) { a.ids, a.copies = append(a.ids, id), append(a.copies, d) }

// set makes the lists. members is nil if it is not known who is one.
func (a *audience) set(members map[uint32]bool) {
	a.every = slices.Concat(a.groups, a.copies)
	a.members = slices.Clone(a.groups)
	for i, d := range a.copies {
		if members == nil || members[a.ids[i]] {
			a.members = append(a.members, d)
		}
	}
}

func (a *audience) of(members bool) []*dest {
	if members {
		return a.members
	}
	return a.every
}

// with is the table with other members.
func (t *table) with(members map[uint32]bool) *table {
	n := *t
	n.all.set(members)
	n.near.set(members)
	return &n
}

// newTable takes over what old knows of destinations that stay.
func newTable(self Peer, peers []Peer, members map[uint32]bool, groups []netip.Addr, zone uint32, old *table) *table {
	t := &table{
		self:   self.ID,
		data:   make(map[uint32]*dest, len(peers)),
		token:  make(map[uint32]*dest, len(peers)),
		source: make(map[netip.AddrPort]uint32, 2*len(peers)),
		port:   self.Addr.Port(),
	}
	known := make(map[netip.AddrPort]*dest)
	if old != nil {
		for _, m := range []map[uint32]*dest{old.data, old.token} {
			for _, d := range m {
				known[d.addr] = d
			}
		}
		for _, d := range old.all.groups {
			known[d.addr] = d
		}
	}
	to := func(a netip.AddrPort) *dest {
		a = bare(a)
		d, raw := known[a], encodeAddr(a, zone)
		if d == nil || d.raw != raw {
			d = &dest{addr: a, raw: raw}
			known[a] = d
		}
		return d
	}
	for _, g := range groups {
		t.all.groups = append(t.all.groups, to(netip.AddrPortFrom(g, t.port)))
	}
	t.near.groups = t.all.groups
	for _, p := range peers {
		next := netip.AddrPortFrom(p.Addr.Addr(), p.Addr.Port()+1)
		t.source[bare(p.Addr)] = p.ID
		if _, other := t.source[bare(next)]; !other {
			t.source[bare(next)] = p.ID
		}
		if p.ID == self.ID {
			continue
		}
		t.data[p.ID], t.token[p.ID] = to(p.Addr), to(next)
		if p.Segment != self.Segment || len(groups) == 0 {
			t.all.add(p.ID, t.data[p.ID])
		}
		if p.Segment == self.Segment && len(groups) == 0 {
			t.near.add(p.ID, t.data[p.ID])
		}
	}
	return t.with(members)
}
