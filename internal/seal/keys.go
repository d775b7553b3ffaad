package seal

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strings"
)

const (
	// KeySize is the size of a ring key in bytes.
	KeySize = 32
	// MaxKeys is how many keys a file may have.
	MaxKeys = 16
	// MaxKeyFile is the size in bytes of the largest key file.
	MaxKeyFile = 64 << 10
)

const howToMake = "make one with: openssl rand -hex 32"

// Keys are the keys of a ring: the first one seals, all of them open. They do not
// change, and no formatting verb shows them.
type Keys struct{ list []*ringKey }

// ringKey is a key, or rather what is derived from it once.
type ringKey struct {
	id    [3]byte // shown in datagrams and messages; tells nothing of the key
	prk   []byte  // subkeys are expanded from it
	proof cipher.Block
	line  int
}

// The purposes for which keys are derived.
const (
	forID        = "gospread seal 1 key id"
	forProof     = "gospread seal 1 proof"
	forDatagrams = "gospread seal 1 datagrams "
	forOthers    = "gospread seal 1 other use "
)

// ParseKeys reads the text of a key file: one key a line, as 64 hexadecimal digits
// or as base64 (44 characters, the last of which may be missing), with # before
// remarks. The name is only for messages. Errors give the line, never a key.
func ParseKeys(text []byte, name string) (*Keys, error) {
	if len(text) > MaxKeyFile {
		return nil, fmt.Errorf("%s: more than %d bytes, which no key file needs", name, MaxKeyFile)
	}
	text = bytes.TrimPrefix(text, []byte("\ufeff"))
	keys := new(Keys)
	number := 0
	for line := range bytes.Lines(text) {
		number++
		line, _, _ = bytes.Cut(line, []byte("#"))
		line = bytes.TrimSpace(line)
		if len(line) == 0 {
			continue
		}
		secret, err := decodeKey(line)
		if err == nil {
			err = keys.add(secret, number)
			clear(secret)
		}
		if err != nil {
			return nil, fmt.Errorf("%s:%d: %w", name, number, err)
		}
	}
	if len(keys.list) == 0 {
		return nil, fmt.Errorf("%s: there is no key in it; %s", name, howToMake)
	}
	return keys, nil
}

// decodeKey gives the bytes of a key that is written in one of the two ways.
func decodeKey(text []byte) ([]byte, error) {
	secret := make([]byte, KeySize+1)
	var n int
	var err error
	switch bare := bytes.TrimRight(text, "="); {
	case len(text) == hex.EncodedLen(KeySize):
		n, err = hex.Decode(secret, text)
	case len(bare) == base64.RawStdEncoding.EncodedLen(KeySize) && len(text)-len(bare) <= 1:
		n, err = base64.RawStdEncoding.Strict().Decode(secret, bare)
	default:
		return nil, fmt.Errorf("a key is 64 hexadecimal digits or 44 characters of base64, this is %d characters; %s", len(text), howToMake)
	}
	if err != nil || n != KeySize {
		// The error of the decoder would show a part of the key.
		clear(secret)
		return nil, errors.New("a character or the end is none of a key in hexadecimal digits or base64; " + howToMake)
	}
	return secret[:KeySize], nil
}

// add derives what is needed from a key and appends it.
func (k *Keys) add(secret []byte, line int) error {
	if bytes.Count(secret, secret[:1]) == len(secret) {
		return errors.New("the key is one byte over and over, which everybody can guess; " + howToMake)
	}
	if len(k.list) == MaxKeys {
		return fmt.Errorf("more than %d keys; remove those that no daemon seals with any more", MaxKeys)
	}
	prk, err := hkdf.Extract(sha256.New, secret, nil)
	if err != nil {
		return fmt.Errorf("derive from the key: %w", err)
	}
	key := &ringKey{prk: prk, line: line}
	id, err := key.expand(forID, len(key.id))
	if err != nil {
		return err
	}
	key.id = [3]byte(id)
	proof, err := key.expand(forProof, KeySize)
	if err != nil {
		return err
	}
	if key.proof, err = aes.NewCipher(proof); err != nil {
		return fmt.Errorf("derive from the key: %w", err)
	}
	if same := k.find(key.id); same != nil {
		if bytes.Equal(same.prk, prk) {
			return fmt.Errorf("the key of line %d again", same.line)
		}
		return fmt.Errorf("the key has by chance the same short name %x as that of line %d; make another one", key.id, same.line)
	}
	k.list = append(k.list, key)
	return nil
}

// Derive gives a secret of KeySize bytes for each key, in order, that tells nothing of
// the key and of what is derived for anything else. It is for protocols that are not
// sealed as datagrams of the ring are.
func (k *Keys) Derive(purpose string) ([][]byte, error) {
	secrets := make([][]byte, len(k.list))
	for i, key := range k.list {
		secret, err := key.expand(forOthers+purpose, KeySize)
		if err != nil {
			return nil, err
		}
		secrets[i] = secret
	}
	return secrets, nil
}

func (k *ringKey) expand(purpose string, size int) ([]byte, error) {
	b, err := hkdf.Expand(sha256.New, k.prk, purpose, size)
	if err != nil {
		return nil, fmt.Errorf("derive from the key: %w", err)
	}
	return b, nil
}

// subkey is what seals the datagrams of one epoch.
func (k *ringKey) subkey(p *prefix) (cipher.AEAD, error) {
	b, err := k.expand(forDatagrams+string(p.stream()), KeySize)
	if err != nil {
		return nil, err
	}
	block, err := aes.NewCipher(b)
	if err != nil {
		return nil, fmt.Errorf("derive from the key: %w", err)
	}
	return cipher.NewGCM(block)
}

// find gives the key of that id, or nil.
func (k *Keys) find(id [3]byte) *ringKey {
	for _, key := range k.list {
		if key.id == id {
			return key
		}
	}
	return nil
}

// has reports whether the very key is among these.
func (k *Keys) has(key *ringKey) bool {
	own := k.find(key.id)
	return own != nil && bytes.Equal(own.prk, key.prk)
}

// Names are the short names of the keys, in order: six hexadecimal digits that
// are derived from each and do not tell it. They are the same on all machines,
// and stand in the clear in each datagram.
func (k *Keys) Names() []string {
	names := make([]string, len(k.list))
	for i, key := range k.list {
		names[i] = fmt.Sprintf("%x", key.id)
	}
	return names
}

// String names the keys; it does not show them.
func (k *Keys) String() string { return "ring keys " + strings.Join(k.Names(), ", ") }

// Format is String for all verbs, so that no message can show a key.
func (k *Keys) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, k.String()) }
