// Package echo is the small protocol by which the doctors of several machines find
// out who hears whom: probes that are answered, and reports of what has been heard.
//
// A datagram has a fixed header, a body, and a tag of 16 bytes. With ring keys the
// tag authenticates it; without, it finds damage. An answer is never longer than the
// probe, nothing is sent but to daemons of the configuration, and what has not the
// right tag is not answered.
package echo

import (
	"encoding/binary"
	"errors"
	"net/netip"
)

// Kind is what a datagram is for.
type Kind uint8

// The kinds.
const (
	Probe  Kind = 1 // asks for an Answer
	Answer Kind = 2
	Report Kind = 3 // what the sender has heard of others
)

// Way is how a datagram travels.
type Way uint8

// The ways, to the ports of the daemons and to spare ones that are used where a
// daemon has its own.
const (
	Data Way = iota // to the data port
	Token
	All // to everybody in the segment at once
	SpareData
	SpareToken
	SpareAll
	Ways // how many there are
)

// Limits of a datagram, in bytes.
const (
	MinSize = headerLen + tagLen
	MaxSize = 60_000
	// MaxRows is how many rows a report has.
	MaxRows = 24
)

// Message is a datagram.
type Message struct {
	Kind Kind
	Way  Way
	From uint32 // id of the daemon whose doctor this is
	To   uint32 // id of the one it is for; 0: everybody
	Life uint64 // of the sender: a number that it has drawn at its start
	Seq  uint32 // of a probe on its way, and of its answer
	// Stamp is when a probe was sent, in nanoseconds of a clock of the sender's own;
	// the answer has it too.
	Stamp int64
	// Clock is the sender's, in nanoseconds since 1970.
	Clock int64
	// What the sender's configuration is: its hash, and prints of what the hash
	// covers and of the segment addresses.
	Hash     uint32
	Text     uint64
	SegAddrs uint32
	// Size is the length of the whole datagram; of a Report, it is computed.
	Size int
	Rows []Row // of a Report
}

// Row is what a doctor knows of another daemon.
type Row struct {
	Daemon uint32 // its id
	// Addr is its address according to the sender's configuration.
	Addr netip.AddrPort
	// Heard are the probes of its doctor that have come, by their way.
	Heard [Ways]uint16
	// Done: the sender has measured what it wanted to know of it.
	Done bool
}

// Heards is how many probes were heard, on any way.
func (r Row) Heards() int {
	n := 0
	for _, h := range r.Heard {
		n += int(h)
	}
	return n
}

const (
	magic     = "gsDr"
	version   = 1
	headerLen = 72
	tagLen    = 16
	rowLen    = 36
)

// Where the fields are. Numbers are big-endian.
const (
	offVersion  = 4
	offKind     = 5
	offWay      = 6
	offRows     = 7
	offKey      = 8 // short name of the key, 3 bytes
	offKeyed    = 11
	offFrom     = 12
	offTo       = 16
	offSeq      = 20
	offLife     = 24
	offStamp    = 32
	offClock    = 40
	offHash     = 48
	offSegAddrs = 52
	offText     = 56
	offSize     = 64 // 4 bytes, and 4 of zeros
)

// Errors of Parse.
var (
	ErrForeign   = errors.New("not a datagram of a doctor")
	ErrMalformed = errors.New("a damaged datagram of a doctor")
)

var be = binary.BigEndian

// Append appends the datagram, with its tag.
func (m *Message) Append(b []byte, auth *Auth) []byte {
	size := max(m.Size, MinSize)
	if m.Kind == Report {
		size = MinSize + len(m.Rows)*rowLen
	}
	from := len(b)
	b = append(b, make([]byte, size)...)
	d := b[from:]
	copy(d, magic)
	d[offVersion], d[offKind], d[offWay], d[offRows] = version, byte(m.Kind), byte(m.Way), byte(len(m.Rows))
	be.PutUint32(d[offFrom:], m.From)
	be.PutUint32(d[offTo:], m.To)
	be.PutUint32(d[offSeq:], m.Seq)
	be.PutUint64(d[offLife:], m.Life)
	be.PutUint64(d[offStamp:], uint64(m.Stamp))
	be.PutUint64(d[offClock:], uint64(m.Clock))
	be.PutUint32(d[offHash:], m.Hash)
	be.PutUint32(d[offSegAddrs:], m.SegAddrs)
	be.PutUint64(d[offText:], m.Text)
	be.PutUint32(d[offSize:], uint32(size))
	for i := range m.Rows {
		m.Rows[i].put(d[headerLen+i*rowLen:])
	}
	auth.seal(d)
	return b
}

func (r *Row) put(b []byte) {
	be.PutUint32(b, r.Daemon)
	addr := r.Addr.Addr().As16()
	copy(b[4:], addr[:])
	be.PutUint16(b[20:], r.Addr.Port())
	if r.Done {
		b[22] = 1
	}
	for w, n := range r.Heard {
		be.PutUint16(b[24+2*w:], n)
	}
}

func (r *Row) get(b []byte) {
	r.Daemon = be.Uint32(b)
	r.Addr = netip.AddrPortFrom(netip.AddrFrom16([16]byte(b[4:20])).Unmap(), be.Uint16(b[20:]))
	r.Done = b[22] == 1
	for w := range r.Heard {
		r.Heard[w] = be.Uint16(b[24+2*w:])
	}
}

// Parse reads a datagram, whose tag must be right. Otherwise the error is
// ErrForeign, ErrMalformed or one of Auth.
func Parse(b []byte, auth *Auth) (*Message, error) {
	if len(b) < MinSize || len(b) > MaxSize || string(b[:len(magic)]) != magic || b[offVersion] != version {
		return nil, ErrForeign
	}
	if err := auth.check(b); err != nil {
		return nil, err
	}
	m := &Message{
		Kind: Kind(b[offKind]), Way: Way(b[offWay]),
		From: be.Uint32(b[offFrom:]), To: be.Uint32(b[offTo:]), Seq: be.Uint32(b[offSeq:]), Life: be.Uint64(b[offLife:]),
		Stamp: int64(be.Uint64(b[offStamp:])), Clock: int64(be.Uint64(b[offClock:])),
		Hash: be.Uint32(b[offHash:]), SegAddrs: be.Uint32(b[offSegAddrs:]), Text: be.Uint64(b[offText:]),
		Size: int(be.Uint32(b[offSize:])),
	}
	rows := int(b[offRows])
	switch {
	case m.Kind < Probe || m.Kind > Report, m.Way >= Ways, m.Size != len(b), m.From == 0,
		m.Kind != Report && rows > 0, m.Kind == Report && (rows > MaxRows || len(b) != MinSize+rows*rowLen):
		return nil, ErrMalformed
	}
	if rows > 0 {
		m.Rows = make([]Row, rows)
		for i := range m.Rows {
			m.Rows[i].get(b[headerLen+i*rowLen:])
		}
	}
	return m, nil
}
