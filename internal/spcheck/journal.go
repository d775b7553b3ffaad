package spcheck

import (
	"bytes"
	"fmt"
	"hash/fnv"
	"sync"
	"sync/atomic"

	"gospread/spread"
	"gospread/spread/internal/clientproto"
	check "gospread/spread/internal/evscheck"
)

// journal is the trace of one connection in one round. Its events stand in the
// order in which the client knew of them: what it received stands before a call
// only if it had been received before the call.
type journal struct {
	serial uint32
	name   clientproto.Name
	views  bool
	daemon int

	mu     sync.Mutex
	events []check.Event
	sent   [][]byte // what the trace has for each message, by count
	ended  bool
	closed bool // nothing more is noted
	stats  Counts
}

// record is a round as it is written down.
type record struct {
	run   uint32
	round uint32
	names names
	// events counts those of all journals; full is closed when there are enough.
	events atomic.Int64
	limit  int64
	full   chan struct{}
	once   sync.Once

	mu       sync.Mutex
	journals map[uint32]*journal
}

func newRecord(run, round uint32, groups, limit int) *record {
	return &record{
		run: run, round: round, names: makeNames(run, round, groups),
		limit: int64(limit), full: make(chan struct{}), journals: map[uint32]*journal{},
	}
}

// open begins the trace of a connection.
func (r *record) open(serial uint32, daemon int, c *spread.Conn) *journal {
	j := &journal{serial: serial, daemon: daemon, name: clientproto.MakeName(c.PrivateGroup()), views: c.Membership()}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.journals[serial] = j
	return j
}

func (r *record) journal(serial uint32) *journal {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.journals[serial]
}

// add appends an event. Call it with the journal's lock.
func (r *record) add(j *journal, e check.Event) {
	if j.closed {
		return
	}
	j.events = append(j.events, e)
	if r.events.Add(1) == r.limit {
		r.once.Do(func() { close(r.full) })
	}
}

// send notes a call that sends, and makes the data. It must be made at once.
func (r *record) send(j *journal, m *spread.Outgoing, size int, marker uint32) {
	j.mu.Lock()
	defer j.mu.Unlock()
	h := head{run: r.run, round: r.round, serial: j.serial, count: uint32(len(j.sent)), marker: marker}
	m.Data = h.data(size)
	typ := clientproto.Type(m.Service)
	if m.SelfDiscard {
		typ |= clientproto.SelfDiscard
	}
	p := payload(typ, &j.name, m.Type, m.Groups, len(m.Data), h.id())
	j.sent = append(j.sent, p)
	j.stats.Sent++
	j.stats.SentBytes += int64(len(m.Data))
	r.add(j, check.Event{Kind: check.Send, Payload: p})
}

// request notes a join or leave.
func (r *record) request(j *journal, kind check.Kind, group string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	r.add(j, check.Event{Kind: kind, Group: clientproto.MakeName(group)})
}

// payload is what stands in a trace for a message: all but the data, and what
// identifies that.
func payload(typ clientproto.Type, sender *clientproto.Name, messType int16, groups []string, size int, id []byte) []byte {
	h := clientproto.Header{Type: typ, NumGroups: len(groups), DataLen: size}
	b := make([]byte, 0, clientproto.HeaderSize+clientproto.NameSize*len(groups)+len(id))
	b = clientproto.AppendHeader(b, &h, sender, messType)
	for _, g := range groups {
		name := clientproto.MakeName(g)
		b = append(b, name[:]...)
	}
	return append(b, id...)
}

// message notes a message that came, and returns its head if it is one of this
// round.
func (r *record) message(j *journal, m *spread.Message) (h head, ok bool) {
	h, ours := parseHead(m.Data)
	if ours && h.run == r.run && h.round != r.round {
		return h, false // one of a round that could not come to rest
	}
	id := h.id()
	ours = ours && h.run == r.run && h.intact(m.Data) && !m.BigEndian
	if !ours {
		id = damaged(m.Data)
	}
	p := received(m, id)
	if same := r.original(&h, p); ours && same != nil {
		p = same
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	j.stats.Delivered++
	j.stats.DeliveredBytes += int64(len(m.Data))
	r.add(j, check.Event{Kind: check.Message, Payload: p})
	return h, ours
}

// received is the payload of a message as it came.
func received(m *spread.Message, id []byte) []byte {
	sender := clientproto.MakeName(m.Sender)
	typ := clientproto.Type(m.Service) | clientproto.Type(m.Flags)
	if m.SelfDiscard {
		typ |= clientproto.SelfDiscard
	}
	return payload(typ, &sender, m.Type, m.Groups, len(m.Data), id)
}

// original returns what the sender's trace has, if that is the same: one copy is
// enough.
func (r *record) original(h *head, p []byte) []byte {
	from := r.journal(h.serial)
	if from == nil {
		return nil
	}
	from.mu.Lock()
	defer from.mu.Unlock()
	if int(h.count) < len(from.sent) && bytes.Equal(from.sent[h.count], p) {
		return from.sent[h.count]
	}
	return nil
}

// damaged stands for data that nobody sent: the beginning, and a sum of all.
func damaged(data []byte) []byte {
	sum := fnv.New64a()
	_, _ = sum.Write(data)
	return fmt.Appendf(nil, "damaged %x... (%x)", data[:min(len(data), headSize)], sum.Sum64())
}

// view, transition and selfLeave note a membership notice.
func (r *record) view(j *journal, v *spread.View) {
	w := &clientproto.View{
		Group: clientproto.MakeName(v.Group), Cause: clientproto.Type(v.Cause),
		ID: clientproto.GroupID(v.ID), Members: toNames(v.Members), Own: v.OwnSet,
	}
	for _, s := range v.Sets {
		w.Sets = append(w.Sets, toNames(s))
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	j.stats.Views++
	if v.Cause == spread.CausedByNetwork {
		j.stats.NetworkViews++
	}
	r.add(j, check.Event{Kind: check.View, View: w, Group: w.Group})
}

func (r *record) transition(j *journal, t *spread.Transition) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.stats.Signals++
	r.add(j, check.Event{Kind: check.Transition, Group: clientproto.MakeName(t.Group), ID: clientproto.GroupID(t.ID)})
}

func (r *record) selfLeave(j *journal, group string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.stats.SelfLeaves++
	r.add(j, check.Event{Kind: check.SelfLeave, Group: clientproto.MakeName(group)})
}

// end notes that the connection is no more.
func (j *journal) end() {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.ended = true
}

func toNames(s []string) []clientproto.Name {
	names := make([]clientproto.Name, len(s))
	for i := range s {
		names[i] = clientproto.MakeName(s[i])
	}
	return names
}
