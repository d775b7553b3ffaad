package group

import (
	"encoding/binary"
	"slices"

	"gospread/spread/internal/clientproto"
	"gospread/spread/internal/ring"
)

// A daemon's knowledge of all groups travels as messages of type Groups, each a
// header without names and this data (integers little-endian):
//
//	1  version
//	1  flags: 1 = last of this table
//	2  number of daemons D (in the last message; else 0)
//	4  leader, 4 time of the regular configuration it is for
//	4  number of this message, from 0
//	D*4  ids of the daemons that share this knowledge
//	records, to the end:
//	  1 group   1 length, name, 4 daemon, 4 time, 4 index, 1 changed
//	  2 daemon  4 id
//	  3 member  1 length, user
//
// A member record is about the group and daemon records before it in the same
// message, so a table can be cut between any two members.
const (
	tableVersion = 1
	flagLast     = 1
	tableFixed   = 16

	recordGroup  = 1
	recordDaemon = 2
	recordMember = 3

	// tablePart bounds the data of one message. It leaves room for the longest
	// records, and for the daemons of the last one.
	tablePart = 48 << 10
)

var le = binary.LittleEndian

// tableWriter cuts a table into messages.
type tableWriter struct {
	config ring.ID
	emit   func(payload []byte)
	b      []byte
	number uint32
	group  *group // whose record stands in this message
	at     *daemon
}

func (w *tableWriter) start() {
	w.b = make([]byte, clientproto.HeaderSize, clientproto.HeaderSize+tablePart)
	w.b = append(w.b, tableVersion, 0, 0, 0)
	w.b = le.AppendUint32(w.b, uint32(w.config.Leader))
	w.b = le.AppendUint32(w.b, w.config.Time)
	w.b = le.AppendUint32(w.b, w.number)
	w.number++
	w.group, w.at = nil, nil
}

func (w *tableWriter) flush() {
	var none clientproto.Name
	h := clientproto.Header{Type: clientproto.Groups, DataLen: len(w.b) - clientproto.HeaderSize}
	clientproto.AppendHeader(w.b[:0], &h, &none, 0)
	w.emit(slices.Clip(w.b))
}

func (w *tableWriter) member(g *group, c *client) {
	const longest = 1 + 1 + clientproto.NameSize + 13 + 5 + 2 + clientproto.NameSize
	if len(w.b)+longest > cap(w.b) {
		w.flush()
		w.start()
	}
	if w.group != g {
		w.group, w.at = g, nil
		n := g.name.Len()
		w.b = append(w.b, recordGroup, byte(n))
		w.b = append(w.b, g.name[:n]...)
		w.b = le.AppendUint32(w.b, uint32(g.id.Daemon))
		w.b = le.AppendUint32(w.b, uint32(g.id.Time))
		w.b = le.AppendUint32(w.b, uint32(g.id.Index))
		var changed byte
		if g.changed {
			changed = 1
		}
		w.b = append(w.b, changed)
	}
	if w.at != c.at {
		w.at = c.at
		w.b = append(w.b, recordDaemon)
		w.b = le.AppendUint32(w.b, uint32(c.at.id))
	}
	user, _, _ := c.name.SplitPrivate()
	w.b = append(w.b, recordMember, byte(len(user)))
	w.b = append(w.b, user...)
}

// last ends the table: it speaks for these daemons.
func (w *tableWriter) last(daemons []ring.DaemonID) {
	if len(w.b)+4*len(daemons) > cap(w.b) && len(w.b) > clientproto.HeaderSize+tableFixed {
		w.flush()
		w.start()
	}
	fixed := w.b[clientproto.HeaderSize:]
	fixed[1] = flagLast
	le.PutUint16(fixed[2:], uint16(len(daemons)))
	ids := make([]byte, 0, 4*len(daemons))
	for _, id := range daemons {
		ids = le.AppendUint32(ids, uint32(id))
	}
	w.b = slices.Insert(w.b, clientproto.HeaderSize+tableFixed, ids...)
	w.flush()
}

// tableHeader is the fixed part of a message of a table.
type tableHeader struct {
	config  ring.ID
	number  uint32
	last    bool
	daemons []byte // ids, four bytes each
}

// parseTable takes a message of a table apart, up to its records.
func parseTable(data []byte) (h tableHeader, records []byte, ok bool) {
	if len(data) < tableFixed || data[0] != tableVersion {
		return h, nil, false
	}
	h.last = data[1]&flagLast != 0
	h.config = ring.ID{Leader: ring.DaemonID(le.Uint32(data[4:])), Time: le.Uint32(data[8:])}
	h.number = le.Uint32(data[12:])
	n := 4 * int(le.Uint16(data[2:]))
	data = data[tableFixed:]
	if n > len(data) {
		return h, nil, false
	}
	h.daemons = data[:n]
	return h, data[n:], true
}

// record is one record of a table. The group and daemon of a member are those
// of the records before it.
type record struct {
	kind    byte
	name    clientproto.Name // of the group
	id      clientproto.GroupID
	changed bool
	daemon  ring.DaemonID
	user    []byte
}

// next reads a record into r and returns the bytes behind it. ok is false at
// the end and at the first record that cannot be read.
func (r *record) next(b []byte) (rest []byte, ok bool) {
	if len(b) < 2 {
		return nil, false
	}
	r.kind = b[0]
	switch r.kind {
	case recordGroup:
		n := int(b[1])
		if n > clientproto.NameSize || len(b) < 2+n+13 {
			return nil, false
		}
		r.name = clientproto.Name{}
		copy(r.name[:], b[2:2+n])
		r.name = clientproto.NameOf(r.name[:])
		b = b[2+n:]
		r.id = clientproto.GroupID{
			Daemon: int32(le.Uint32(b)), Time: int32(le.Uint32(b[4:])), Index: int32(le.Uint32(b[8:])),
		}
		r.changed = b[12] != 0
		return b[13:], true
	case recordDaemon:
		if len(b) < 5 {
			return nil, false
		}
		r.daemon = ring.DaemonID(le.Uint32(b[1:]))
		return b[5:], true
	case recordMember:
		n := int(b[1])
		if len(b) < 2+n {
			return nil, false
		}
		r.user = b[2 : 2+n]
		return b[2+n:], true
	}
	return nil, false
}
