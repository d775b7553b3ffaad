package seal

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
	"time"
)

// checksumSize is the overhead of plain mode in bytes: a CRC-32C behind the datagram.
const checksumSize = 4

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Sealer seals and opens the datagrams of one process. All methods may be called
// by several goroutines at a time.
type Sealer struct {
	out *outgoing // nil: plain
	in  *incoming
}

var errNoKeys = errors.New("seal: no ring keys")

// Plain is for a ring without key: it only finds datagrams that were damaged on
// their way.
func Plain() *Sealer { return &Sealer{} }

// New is for a ring with keys. The incarnation is that of the ring protocol: the
// start of this life in seconds since 1970, above that of every earlier life of the
// daemon with the id self. Others refuse a life below the one they know.
func New(keys *Keys, self, incarnation uint32) (*Sealer, error) {
	switch {
	case keys == nil || len(keys.list) == 0:
		return nil, errNoKeys
	case self == toolID:
		return nil, errors.New("seal: no daemon has the id 0")
	}
	out, err := newOutgoing(keys.list[0], self, incarnation)
	if err != nil {
		return nil, err
	}
	return &Sealer{out: out, in: newIncoming(keys, out.prefix)}, nil
}

// NewTool is for a tool that talks to the daemons of a ring, such as a monitor. Its
// clock and theirs must agree to five minutes.
func NewTool(keys *Keys) (*Sealer, error) { return newTool(keys, time.Now) }

func newTool(keys *Keys, clock func() time.Time) (*Sealer, error) {
	if keys == nil || len(keys.list) == 0 {
		return nil, errNoKeys
	}
	out, err := newOutgoing(keys.list[0], toolID, seconds(clock()))
	if err != nil {
		return nil, err
	}
	out.clock = clock
	return &Sealer{out: out, in: newIncoming(keys, out.prefix)}, nil
}

// Keyed reports whether datagrams are encrypted and authenticated.
func (s *Sealer) Keyed() bool { return s.out != nil }

// Overhead is how many bytes longer a datagram is when sealed. It is the same for
// all datagrams of a Sealer.
func (s *Sealer) Overhead() int {
	if s.out == nil {
		return checksumSize
	}
	return headerSize + tagSize
}

// Seal appends the sealed datagram to dst. They must not overlap. It does not
// allocate if dst has room, but when a new subkey begins.
func (s *Sealer) Seal(dst, datagram []byte) []byte {
	if s.out != nil {
		return s.out.seal(dst, datagram)
	}
	dst = append(dst, datagram...)
	return binary.BigEndian.AppendUint32(dst, crc32.Checksum(datagram, castagnoli))
}

// Open gives the datagram that is sealed in b. It is decrypted in place: b is not
// to be opened again, whatever came of it. The error is one of those of this
// package, as it is. Open does not allocate, but for the first datagrams of a life
// or epoch.
func (s *Sealer) Open(b []byte) (datagram []byte, err error) {
	if s.in != nil {
		return s.in.open(b)
	}
	n := len(b) - checksumSize
	switch {
	case n < 0:
		return nil, ErrCorrupt
	case crc32.Checksum(b[:n], castagnoli) == binary.BigEndian.Uint32(b[n:]):
		return b[:n:n], nil
	case b[0] == mark && n >= headerSize+tagSize-checksumSize:
		return nil, ErrSealed
	}
	return nil, ErrCorrupt
}

// SetKeys replaces the keys, from the next datagram on. A plain Sealer has none to
// replace: make a new one.
func (s *Sealer) SetKeys(keys *Keys) error {
	switch {
	case s.out == nil:
		return errors.New("seal: a ring without keys cannot get keys while it runs")
	case keys == nil || len(keys.list) == 0:
		return errNoKeys
	}
	s.in.setKeys(keys) // first, so that nothing is sealed that would not be opened here
	return s.out.setKey(keys.list[0])
}
