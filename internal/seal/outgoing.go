package seal

import (
	"bytes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"sync"
	"time"
)

// epochSize is how many datagrams are sealed with one subkey. With datagrams of
// 64 KB these are 2^38 blocks, far below what AES-GCM bears.
const epochSize = 1 << 26

// outgoing seals. No nonce is used twice with a subkey: within a process counter
// and epoch only rise, and other processes have other random bytes.
type outgoing struct {
	mu      sync.Mutex
	key     *ringKey
	prefix  *prefix // not changed, but replaced
	aead    cipher.AEAD
	counter uint32 // of the next datagram, up to epochSize

	clock func() time.Time // of a tool, which begins new lives; nil for a daemon
}

func newOutgoing(key *ringKey, self, incarnation uint32) (*outgoing, error) {
	o := new(outgoing)
	return o, o.begin(key, makePrefix(key, self, newLife(incarnation), 0))
}

func newLife(incarnation uint32) life {
	l := life{incarnation: incarnation}
	_, _ = rand.Read(l.random[:]) // does not fail, or ends the process
	return l
}

// begin goes on with another subkey.
func (o *outgoing) begin(key *ringKey, p *prefix) error {
	aead, err := key.subkey(p)
	if err != nil {
		return fmt.Errorf("seal: %w", err)
	}
	o.key, o.prefix, o.aead, o.counter = key, p, aead, 0
	return nil
}

// next begins the next epoch; of a tool, the next life.
func (o *outgoing) next(key *ringKey) error {
	p := o.prefix
	if o.clock != nil {
		return o.begin(key, makePrefix(key, toolID, newLife(seconds(o.clock())), 0))
	}
	return o.begin(key, makePrefix(key, p.sender(), p.life(), p.epoch()+1))
}

func (o *outgoing) setKey(key *ringKey) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if bytes.Equal(o.key.prk, key.prk) {
		return nil
	}
	return o.next(key)
}

// draw takes the next counter, and what it belongs to.
func (o *outgoing) draw() (cipher.AEAD, *prefix, uint32) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.counter == epochSize || o.clock != nil && distance(o.prefix.life().incarnation, seconds(o.clock())) >= toolLife {
		if err := o.next(o.key); err != nil {
			panic(err) // the same derivation has worked before
		}
	}
	c := o.counter
	o.counter++
	return o.aead, o.prefix, c
}

func (o *outgoing) seal(dst, datagram []byte) []byte {
	aead, p, counter := o.draw()
	at := len(dst)
	dst = append(dst, p[:]...)
	dst = binary.BigEndian.AppendUint32(dst, counter)
	nonce := dst[at+nonceOffset : at+headerSize]
	return aead.Seal(dst, nonce, datagram, nil)
}
