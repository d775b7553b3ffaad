package seal

import (
	"crypto/subtle"
	"encoding/binary"
)

// A sealed datagram begins with a header of headerSize bytes in the clear:
//
//	 0  mark
//	 1  short name of the key (3 bytes)
//	 4  id of the sender
//	 8  its incarnation
//	12  random, of this life (8 bytes)
//	20  epoch
//	24  proof
//	28  counter
//
// and ends with the tag of AES-256-GCM, tagSize bytes. All but the counter is the
// same for a whole epoch and picks its subkey; see prefix. The last 12 bytes of the
// header are the nonce.
const (
	prefixSize  = 28
	headerSize  = 32
	nonceOffset = 20
	tagSize     = 16

	// mark is no version of the protocol between daemons, so that sealed and
	// unsealed datagrams are told apart. It is also the version of this format.
	mark = 0xa5
)

// prefix is the part of the header that is the same for a whole epoch.
type prefix [prefixSize]byte

// life is one run of a process.
type life struct {
	incarnation uint32
	random      [8]byte
}

func (p *prefix) keyID() [3]byte        { return [3]byte(p[1:4]) }
func (p *prefix) sender() uint32        { return binary.BigEndian.Uint32(p[4:]) }
func (p *prefix) epoch() uint32         { return binary.BigEndian.Uint32(p[20:]) }
func (p *prefix) life() life            { return life{binary.BigEndian.Uint32(p[8:]), [8]byte(p[12:20])} }
func (p *prefix) stream() []byte        { return p[4:24] } // sender, life and epoch
func (p *prefix) proof() []byte         { return p[24:] }
func (p *prefix) ofLife(q *prefix) bool { return [16]byte(p[4:20]) == [16]byte(q[4:20]) }

// makePrefix is for the datagrams that a life seals with a key in an epoch.
func makePrefix(key *ringKey, sender uint32, l life, epoch uint32) *prefix {
	p := new(prefix)
	p[0] = mark
	copy(p[1:], key.id[:])
	binary.BigEndian.PutUint32(p[4:], sender)
	binary.BigEndian.PutUint32(p[8:], l.incarnation)
	copy(p[12:], l.random[:])
	binary.BigEndian.PutUint32(p[20:], epoch)
	copy(p.proof(), key.prove(p))
	return p
}

// prove computes the proof of a prefix: the first bytes of CBC-MAC over its stream,
// padded with zeros. Who has no key cannot make others derive a subkey.
func (k *ringKey) prove(p *prefix) []byte {
	b := make([]byte, 16)
	k.proof.Encrypt(b, p[4:20])
	for i, x := range p[20:24] {
		b[i] ^= x
	}
	k.proof.Encrypt(b, b)
	return b[:prefixSize-24]
}

// proven reports whether the maker of a prefix had the key.
func (k *ringKey) proven(p *prefix) bool {
	return subtle.ConstantTimeCompare(k.prove(p), p.proof()) == 1
}
