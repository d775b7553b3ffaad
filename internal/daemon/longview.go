package daemon

import "gospread/spread/internal/clientproto"

// longView is a view of a large group as session.Long: the bytes of its names are
// shared with other views.
type longView struct {
	head, tail []byte
	members    *nameList
	again      bool // the members stand behind the tail once more
	cost       int
}

// longViewCost is what a longView takes beside the bytes of head and tail.
const longViewCost = 80

// newLongView makes the view of members, a list that has taken cost bytes.
func newLongView(v *clientproto.View, l clientproto.Layout, members *nameList, cost int) *longView {
	x := &longView{members: members, head: clientproto.AppendViewHead(nil, v, l)}
	x.tail, x.again = clientproto.AppendViewTail(nil, v, l)
	x.cost = longViewCost + cap(x.head) + cap(x.tail) + cost
	return x
}

// Size implements session.Long.
func (v *longView) Size() int {
	n := len(v.head) + v.members.size + len(v.tail)
	if v.again {
		n += v.members.size
	}
	return n
}

// Cost implements session.Long.
func (v *longView) Cost() int { return v.cost }

// CopyAt implements session.Long.
func (v *longView) CopyAt(buf []byte, at int) int {
	c := cutter{buf: buf, skip: at}
	c.add(v.head)
	c.addList(v.members)
	c.add(v.tail)
	if v.again {
		c.addList(v.members)
	}
	return c.n
}

// cutter takes the bytes from an offset on out of pieces that stand one behind the
// other.
type cutter struct {
	buf  []byte
	n    int // bytes in buf
	skip int // bytes of the pieces to come before the offset
}

func (c *cutter) add(b []byte) {
	if c.skip >= len(b) {
		c.skip -= len(b)
		return
	}
	c.n += copy(c.buf[c.n:], b[c.skip:])
	c.skip = 0
}

func (c *cutter) addList(l *nameList) {
	for _, s := range l.sheets {
		if c.skip >= s.size {
			c.skip -= s.size
			continue
		}
		for _, b := range s.leaves {
			if c.add(b); c.n == len(c.buf) {
				return
			}
		}
	}
}
