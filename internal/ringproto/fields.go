package ringproto

import (
	"encoding/binary"

	"gospread/spread/internal/seqset"
)

// reader takes fields off the front of a body. After a failure it gives zeros.
type reader struct {
	b   []byte
	bad bool
}

func (r *reader) fail() { r.b, r.bad = nil, true }

func (r *reader) uint() uint64 {
	v, n := binary.Uvarint(r.b)
	if n <= 0 {
		r.fail()
		return 0
	}
	r.b = r.b[n:]
	return v
}

func (r *reader) u32() uint32 {
	if len(r.b) < 4 {
		r.fail()
		return 0
	}
	v := binary.BigEndian.Uint32(r.b)
	r.b = r.b[4:]
	return v
}

// count reads the length of a list whose items take at least size bytes each.
func (r *reader) count(size int) int {
	n := r.uint()
	if n > uint64(len(r.b)/size) {
		r.fail()
		return 0
	}
	return int(n)
}

func (r *reader) set(s *seqset.Set) {
	rest, err := s.Parse(r.b)
	if err != nil {
		r.fail()
		return
	}
	r.b = rest
}

func (r *reader) ids() []uint32 {
	n := r.count(4)
	if n == 0 {
		return nil
	}
	ids := make([]uint32, n)
	for i := range ids {
		ids[i] = r.u32()
	}
	return ids
}

func (r *reader) config() Config { return Config{r.u32(), r.u32()} }

// end is the error of the whole body, which must have been used up.
func (r *reader) end() error {
	if r.bad || len(r.b) > 0 {
		return ErrInvalid
	}
	return nil
}

func appendU32(b []byte, v uint32) []byte { return binary.BigEndian.AppendUint32(b, v) }

func appendIDs(b []byte, ids []uint32) []byte {
	b = binary.AppendUvarint(b, uint64(len(ids)))
	for _, id := range ids {
		b = appendU32(b, id)
	}
	return b
}

func appendConfig(b []byte, c Config) []byte { return appendU32(appendU32(b, c.Leader), c.Time) }
