package replog

import "encoding/binary"

// updates is the log of a replica: what lies behind start, in its order, of which all
// up to commit are applied.
type updates struct {
	start, commit uint64
	list          []Entry
	bytes         int // of the data
}

func (l *updates) length() uint64 { return l.start + uint64(len(l.list)) }

func (l *updates) at(index uint64) *Entry { return &l.list[index-l.start-1] }

// behind returns the entries from index+1 on.
func (l *updates) behind(index uint64) []Entry { return l.list[index-l.start:] }

func (l *updates) add(e Entry) {
	l.list = append(l.list, e)
	l.bytes += len(e.Data)
}

// cut drops what lies behind index.
func (l *updates) cut(index uint64) {
	for _, e := range l.behind(index) {
		l.bytes -= len(e.Data)
	}
	clear(l.behind(index))
	l.list = l.list[:index-l.start]
}

// trim forgets applied entries beyond so many, and beyond so many bytes.
func (l *updates) trim(entries, bytes int) {
	n := 0
	for n < len(l.list) && l.start+uint64(n) < l.commit && (len(l.list)-n > entries || l.bytes > bytes) {
		l.bytes -= len(l.list[n].Data)
		l.list[n] = Entry{}
		n++
	}
	l.start += uint64(n)
	l.list = l.list[n:]
}

// The kinds of records that are persisted.
const (
	promiseRecord  = 'P' // epoch
	adoptRecord    = 'A' // epoch: the log is that of this epoch
	snapshotRecord = 'S' // state and its index; the log is empty behind it
	cutRecord      = 'T' // index: the log ends there
	entryRecord    = 'E'
	commitRecord   = 'C' // index: all up to there are applied
)

func appendRecord(b []byte, kind byte, payload []byte) []byte {
	return appendBytes(append(b, kind), payload)
}

func numberRecord(b []byte, kind byte, n uint64) []byte {
	return appendRecord(b, kind, binary.BigEndian.AppendUint64(nil, n))
}
