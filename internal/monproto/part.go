package monproto

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
)

// Part is the body of Doc: a piece of a document.
type Part struct {
	Index, Count uint16 // which of how many
	Sum          uint32 // CRC-32 of the whole document
	Data         []byte // at most MaxPart bytes
}

const partHeader = 8

// Append appends the body.
func (p *Part) Append(b []byte) []byte {
	b = appendU16(appendU16(b, p.Index), p.Count)
	return append(appendU32(b, p.Sum), p.Data...)
}

// Parse reads the body. Data is a part of b.
func (p *Part) Parse(b []byte) error {
	if len(b) <= partHeader || len(b) > partHeader+MaxPart {
		return ErrInvalid
	}
	p.Index, p.Count = binary.BigEndian.Uint16(b), binary.BigEndian.Uint16(b[2:])
	p.Sum, p.Data = binary.BigEndian.Uint32(b[4:]), b[partHeader:]
	if p.Count == 0 || p.Count > MaxParts || p.Index >= p.Count || p.Index+1 < p.Count && len(p.Data) != MaxPart {
		return ErrInvalid
	}
	return nil
}

// Split cuts a document into parts. They refer to its bytes.
func Split(doc []byte) ([]Part, error) {
	count := (len(doc) + MaxPart - 1) / MaxPart
	if count == 0 || count > MaxParts {
		return nil, fmt.Errorf("a document of %d bytes cannot be sent: it must have 1 to %d", len(doc), MaxParts*MaxPart)
	}
	parts := make([]Part, count)
	sum := crc32.ChecksumIEEE(doc)
	for i := range parts {
		n := min(len(doc), MaxPart)
		parts[i] = Part{Index: uint16(i), Count: uint16(count), Sum: sum, Data: doc[:n:n]}
		doc = doc[n:]
	}
	return parts, nil
}

// Assembly puts a document together again, from parts in any order.
type Assembly struct {
	sum     uint32
	parts   [][]byte
	missing int
}

// Add takes a part, which must have been parsed. It returns the document when it is
// complete. Parts of another document than those before take their place.
func (a *Assembly) Add(p *Part) (doc []byte, complete bool) {
	if len(a.parts) != int(p.Count) || a.sum != p.Sum {
		*a = Assembly{sum: p.Sum, parts: make([][]byte, p.Count), missing: int(p.Count)}
	}
	if a.parts[p.Index] == nil {
		a.parts[p.Index] = append([]byte(nil), p.Data...)
		a.missing--
	}
	if a.missing > 0 {
		return nil, false
	}
	for _, b := range a.parts {
		doc = append(doc, b...)
	}
	ok := crc32.ChecksumIEEE(doc) == a.sum
	*a = Assembly{}
	if !ok {
		return nil, false
	}
	return doc, true
}
