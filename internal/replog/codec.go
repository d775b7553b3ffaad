package replog

import (
	"bytes"
	"encoding/binary"
)

// Entry is an update in the log.
type Entry struct {
	ID     string
	Origin string // name of the replica that submitted it
	// Since is the length of the log that its origin knew when it first sent it: if
	// more than Remembered updates follow, nobody can tell any more whether an
	// earlier copy was applied.
	Since uint64
	Data  []byte
}

// All integers are big-endian. A string has its length in 2 bytes before it, bytes
// have theirs in 4.

func appendString(b []byte, s string) []byte {
	return append(binary.BigEndian.AppendUint16(b, uint16(len(s))), s...)
}

func appendBytes(b, data []byte) []byte {
	return append(binary.BigEndian.AppendUint32(b, uint32(len(data))), data...)
}

func (e *Entry) append(b []byte) []byte {
	b = appendString(appendString(b, e.ID), e.Origin)
	b = binary.BigEndian.AppendUint64(b, e.Since)
	return appendBytes(b, e.Data)
}

// reader reads what these write. It is broken for ever when something is missing.
type reader struct {
	b      []byte
	broken bool
}

func (r *reader) next(n uint64) []byte {
	if r.broken || n > uint64(len(r.b)) {
		r.broken = true
		return nil
	}
	b := r.b[:n:n]
	r.b = r.b[n:]
	return b
}

func (r *reader) number(size int) (n uint64) {
	for _, c := range r.next(uint64(size)) {
		n = n<<8 | uint64(c)
	}
	return n
}

func (r *reader) string() string { return string(r.next(r.number(2))) }
func (r *reader) bytes() []byte  { return r.next(r.number(4)) }

// entry keeps nothing of what is read: that may be a whole state.
func (r *reader) entry() Entry {
	return Entry{ID: r.string(), Origin: r.string(), Since: r.number(8), Data: bytes.Clone(r.bytes())}
}

// entries reads all up to the end.
func (r *reader) entries() (list []Entry) {
	for len(r.b) > 0 && !r.broken {
		list = append(list, r.entry())
	}
	return list
}

func appendEntries(b []byte, list []Entry) []byte {
	for i := range list {
		b = list[i].append(b)
	}
	return b
}

// memory knows the last updates that were applied, by their ids.
type memory struct {
	ids    map[string]*memo
	oldest []string // in the order of application
}

type memo struct {
	result []byte
	kept   bool // result was small enough
}

func newMemory() *memory { return &memory{ids: map[string]*memo{}} }

func (m *memory) add(id string, result []byte) {
	if m.ids[id] != nil {
		return
	}
	n := &memo{kept: len(result) <= maxKept}
	if n.kept {
		n.result = result
	}
	m.ids[id] = n
	m.oldest = append(m.oldest, id)
	if len(m.oldest) > Remembered {
		delete(m.ids, m.oldest[0])
		m.oldest = m.oldest[1:]
	}
}

func (m *memory) append(b []byte) []byte {
	b = binary.BigEndian.AppendUint32(b, uint32(len(m.oldest)))
	for _, id := range m.oldest {
		n := m.ids[id]
		b = appendString(b, id)
		b = append(b, byte(b2i(n.kept)))
		b = appendBytes(b, n.result)
	}
	return b
}

// read adds what append has written.
func (m *memory) read(r *reader) {
	for n := r.number(4); n > 0 && !r.broken; n-- {
		id := r.string()
		kept := r.number(1) == 1
		result := bytes.Clone(r.bytes())
		if r.broken || m.ids[id] != nil {
			continue
		}
		m.add(id, result)
		m.ids[id].kept = kept
	}
}
