package echo

import (
	"crypto/hmac"
	"crypto/sha256"
	"errors"
)

// Why a datagram has not the right tag.
var (
	// ErrDamaged: nobody has a key, and the bytes are not those that were sent.
	ErrDamaged = errors.New("the datagram was damaged on its way")
	// ErrUnkeyed: its sender has no key, and this doctor has one.
	ErrUnkeyed = errors.New("its sender has no RingKeyFile")
	// ErrKeyed: its sender has a key, and this doctor has none.
	ErrKeyed = errors.New("its sender has a RingKeyFile, this machine has none")
	// ErrOtherKey: its sender's first key is not among those of this doctor.
	ErrOtherKey = errors.New("the first key of its sender is not in the RingKeyFile here")
	// ErrForged: it is forged or damaged.
	ErrForged = errors.New("the datagram is forged or damaged")
)

// Key is one of the ring's: a name that may be shown, and a secret that was derived
// from it for this protocol alone.
type Key struct {
	Name   [3]byte
	Secret []byte
}

// Auth makes and checks tags: with the first of the keys, or any of them. Its zero
// value has no keys; then the tag finds damage.
type Auth struct{ Keys []Key }

// seal writes the tag of b, which has room for it.
func (a *Auth) seal(b []byte) {
	if len(a.Keys) > 0 {
		b[offKeyed] = 1
		copy(b[offKey:], a.Keys[0].Name[:])
	}
	body := len(b) - tagLen
	copy(b[body:], a.tag(b[:body], 0))
}

func (a *Auth) tag(body []byte, key int) []byte {
	if len(a.Keys) == 0 {
		sum := sha256.Sum256(body)
		return sum[:tagLen]
	}
	h := hmac.New(sha256.New, a.Keys[key].Secret)
	h.Write(body)
	return h.Sum(nil)[:tagLen]
}

func (a *Auth) check(b []byte) error {
	keyed, name := b[offKeyed] != 0, [3]byte(b[offKey:])
	switch {
	case keyed && len(a.Keys) == 0:
		return ErrKeyed
	case !keyed && len(a.Keys) > 0:
		return ErrUnkeyed
	}
	body, tag := b[:len(b)-tagLen], b[len(b)-tagLen:]
	if !keyed {
		if !hmac.Equal(tag, a.tag(body, 0)) {
			return ErrDamaged
		}
		return nil
	}
	for i := range a.Keys {
		if a.Keys[i].Name != name {
			continue
		}
		if !hmac.Equal(tag, a.tag(body, i)) {
			return ErrForged
		}
		return nil
	}
	return ErrOtherKey
}
