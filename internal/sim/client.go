package sim

import (
	"encoding/binary"
	"fmt"
	"slices"
	"time"

	"gospread/spread/internal/clientproto"
	"gospread/spread/internal/group"
	"gospread/spread/internal/ring"
)

// client is a program that connects to one daemon, again and again.
type client struct {
	h    *host
	user string
	name clientproto.Name
	slow bool

	conn    *connection // nil: not connected
	handle  group.Local
	closing bool // it has asked to be disconnected
	pending []request
	joined  []string
}

// request is what a client wrote and the daemon has not read yet.
type request struct {
	service ring.Service
	payload []byte
}

// pendingLimit is how many requests fit the socket of a client.
const pendingLimit = 8

// populate gives the daemon its clients.
func (h *host) populate() {
	w := h.w
	for i := range w.Plan.Traffic.Clients {
		user := fmt.Sprintf("c%d", i)
		c := &client{h: h, user: user, name: clientproto.Private(user, h.slot.name), slow: w.chance(w.Plan.Traffic.Slow)}
		h.clients = append(h.clients, c)
		if w.Plan.Traffic.Every > 0 {
			c.next(i)
		}
	}
}

func (c *client) next(i int) {
	w := c.h.w
	if !w.calm {
		w.queue.push(event{at: w.now + w.exp(w.Plan.Traffic.Every), kind: clientEvent, host: c.h, arg: int32(i)})
	}
}

// act lets the client do something, and comes again.
func (c *client) act() {
	w := c.h.w
	if w.calm {
		return
	}
	c.next(slices.Index(c.h.clients, c))
	t := &w.Plan.Traffic
	switch {
	case w.silent || c.h.leaving:
	case c.conn == nil:
		c.connect()
	case c.closing || len(c.pending) >= pendingLimit:
	case w.chance(t.Churn):
		c.churn()
	default:
		for range 1 + w.rng.IntN(t.Burst) {
			if !w.load.room(w) {
				break
			}
			c.send()
		}
	}
	c.h.turn()
}

// connect opens a session and mostly joins something at once.
func (c *client) connect() {
	w := c.h.w
	handle := group.Local(len(c.h.local))
	views := !w.chance(0.1)
	if !c.h.groups.Connect(handle, c.name, views) {
		return // still taken by the session before
	}
	c.h.local = append(c.h.local, c)
	c.handle, c.closing, c.pending, c.joined = handle, false, nil, nil
	c.conn = w.newConnection(c, views)
	for w.chance(0.7) {
		c.join()
	}
}

func (c *client) churn() {
	switch n := c.h.w.rng.IntN(20); {
	case n < 9:
		c.join()
	case n < 17:
		c.leaveGroup()
	default:
		c.disconnect()
	}
}

func (w *World) group() string { return fmt.Sprintf("g%d", w.rng.IntN(w.Plan.Traffic.Groups)) }

func (c *client) join() {
	g := c.h.w.group()
	c.joined = append(c.joined, g)
	c.conn.join(g)
	c.request(clientproto.Join, g)
}

func (c *client) leaveGroup() {
	g := c.h.w.group()
	if len(c.joined) > 0 {
		i := c.h.w.rng.IntN(len(c.joined))
		g = c.joined[i]
		c.joined = slices.Delete(c.joined, i, i+1)
	}
	c.conn.leave(g)
	c.request(clientproto.Leave, g)
}

func (c *client) disconnect() {
	c.closing = true
	c.conn.end()
	c.request(clientproto.Kill, c.name.String())
}

func (c *client) request(t clientproto.Type, name string) {
	h := clientproto.Header{Type: t, NumGroups: 1}
	n := clientproto.MakeName(name)
	c.h.w.requests++ // no two are equal
	b := clientproto.AppendHeader(nil, &h, &c.name, int16(c.h.w.requests))
	c.submit(ring.Agreed, append(b, n[:]...))
}

// send multicasts a message to one group, or to several, or to a client.
func (c *client) send() {
	w := c.h.w
	t := &w.Plan.Traffic
	service := ring.Service(w.rng.IntN(6))
	if w.chance(t.Safe) {
		service = ring.Safe
	}
	var names []clientproto.Name
	for range 1 + w.rng.IntN(5)/3 {
		names = append(names, clientproto.MakeName(w.group()))
	}
	if w.chance(0.05) {
		o := w.slots[w.rng.IntN(len(w.slots))]
		names = append(names, clientproto.Private(fmt.Sprintf("c%d", w.rng.IntN(t.Clients)), o.name))
	}
	typ := clientproto.Type(1) << service
	if w.chance(0.05) {
		typ |= clientproto.SelfDiscard
	}
	c.multicast(service, typ, names, w.size())
}

// size draws the length of the data of a message.
func (w *World) size() int {
	switch n := w.rng.IntN(20); {
	case w.chance(w.Plan.Traffic.Large):
		if w.chance(0.2) {
			return w.Plan.Traffic.bounded(w.rng.IntN(100_001))
		}
		return 1400 + w.rng.IntN(8000)
	case n < 2:
		return w.rng.IntN(8)
	case n < 15:
		return w.rng.IntN(150)
	case n < 19:
		return w.rng.IntN(1300)
	default: // around the size of a datagram
		return max(0, w.Plan.Datagram-250+w.rng.IntN(300))
	}
}

func (c *client) multicast(service ring.Service, typ clientproto.Type, names []clientproto.Name, size int) {
	h := clientproto.Header{Type: typ, NumGroups: len(names), DataLen: size}
	b := make([]byte, 0, h.Size())
	id := c.h.w.sent.next()
	b = clientproto.AppendHeader(b, &h, &c.name, int16(id))
	for i := range names {
		b = append(b, names[i][:]...)
	}
	b = b[:h.Size()]
	fill(b[h.Data():], id)
	c.h.w.sent.add(b)
	c.h.w.load.level += float64(len(b))
	c.conn.send(b)
	c.submit(service, b)
}

// fill writes data that tells its message from all others, if it has the room.
func fill(data []byte, id uint64) {
	var word [8]byte
	for i := 0; i < len(data); i += 8 {
		binary.LittleEndian.PutUint64(word[:], id+uint64(i)<<40)
		copy(data[i:], word[:])
	}
}

func (c *client) submit(service ring.Service, payload []byte) {
	c.pending = append(c.pending, request{service, payload})
}

// read takes what clients have written, while the daemon has room, and tells
// whether there was anything.
func (h *host) read() (any bool) {
	for _, c := range h.clients {
		for len(c.pending) > 0 && h.ring.Backlog() < inputLimit {
			r := c.pending[0]
			c.pending = slices.Delete(c.pending, 0, 1)
			h.ring.Submit(r.service, r.payload)
			any = true
		}
	}
	return any
}

// end: the daemon or the connection is gone.
func (c *client) end() {
	c.conn.end()
	c.conn, c.pending = nil, nil
	c.h.local[c.handle] = nil
}

// got writes to a session. A client that is slow reads it later.
func (c *client) got(f func(conn *connection)) {
	if c.conn.ended {
		return
	}
	if !c.slow {
		f(c.conn)
		return
	}
	conn := c.conn
	conn.unread = append(conn.unread, f)
	if len(conn.unread) == 1 {
		c.h.w.after(c.h.w.exp(100*time.Millisecond), conn.catchUp)
	}
}

// sink takes what the group machine decides.
type sink struct{ h *host }

func (s sink) Deliver(to []group.Local, payload []byte) {
	p := s.h.w.sent.find(payload)
	for _, l := range to {
		if c := s.h.local[l]; c != nil {
			c.got(func(conn *connection) { conn.message(p) })
		}
	}
}

func (s sink) View(to []group.Local, v *clientproto.View) {
	o := *v
	o.Members, o.Sets = slices.Clone(v.Members), nil
	for _, set := range v.Sets {
		o.Sets = append(o.Sets, slices.Clone(set))
	}
	s.h.arrange(&o)
	s.h.w.Seen.view(s.h, &o)
	for _, l := range to {
		if c := s.h.local[l]; c != nil {
			c.got(func(conn *connection) { conn.view(&o) })
		}
	}
}

func (s sink) Transition(to []group.Local, name *clientproto.Name, id clientproto.GroupID) {
	g := *name
	s.h.w.Seen.Signals++
	for _, l := range to {
		if c := s.h.local[l]; c != nil {
			c.got(func(conn *connection) { conn.transition(g, id) })
		}
	}
}

func (s sink) SelfLeave(to group.Local, name *clientproto.Name) {
	g := *name
	if c := s.h.local[to]; c != nil {
		c.got(func(conn *connection) { conn.selfLeave(g) })
	}
}

func (s sink) Disconnected(l group.Local) {
	if c := s.h.local[l]; c != nil {
		c.end()
	}
}

func (s sink) Submit(service ring.Service, payload []byte) {
	s.h.ring.SubmitExchange(service, slices.Clone(payload))
}
