package clientproto

import (
	"bytes"
	"fmt"
)

// Name is a group or private group as it travels: 32 bytes, zero-filled. Two
// names are the same when they agree up to the first zero byte; values made by
// the functions here have nothing behind it, so == compares them.
type Name [NameSize]byte

// NameOf reads a name from the first 32 bytes of b, dropping what stands behind
// its first zero byte. It panics if b is shorter.
func NameOf(b []byte) Name {
	n := Name(b[:NameSize])
	if i := bytes.IndexByte(n[:], 0); i >= 0 {
		clear(n[i:])
	}
	return n
}

// MakeName makes a name of s, cut to 32 bytes.
func MakeName(s string) Name {
	var n Name
	copy(n[:], s)
	return NameOf(n[:])
}

// Len is the number of bytes before the first zero byte.
func (n *Name) Len() int {
	if i := bytes.IndexByte(n[:], 0); i >= 0 {
		return i
	}
	return NameSize
}

// String returns the name without its filling.
func (n Name) String() string { return string(n[:n.Len()]) }

// IsPrivate tells whether the name is treated as a private group (3.4).
func (n *Name) IsPrivate() bool { return n[0] == '#' }

// Compare orders names by their bytes, as member lists do (5.2).
func (n *Name) Compare(o *Name) int { return bytes.Compare(n[:], o[:]) }

// Private makes the private group of a user at a daemon: #user#daemon.
// It needs a legal user and daemon name, which together always fit.
func Private(user, daemon string) Name { return MakeName("#" + user + "#" + daemon) }

// SplitPrivate takes a private group apart. ok is false for any other name.
func (n *Name) SplitPrivate() (user, daemon []byte, ok bool) {
	b := n[:n.Len()]
	if len(b) == 0 || b[0] != '#' {
		return nil, nil, false
	}
	i := bytes.IndexByte(b[1:], '#')
	if i < 0 {
		return nil, nil, false
	}
	return b[1 : 1+i], b[2+i:], true
}

// legalBytes tells whether every byte stands in $ .. ~ (0x24 to 0x7e).
func legalBytes[T string | []byte](s T) bool {
	for i := range len(s) {
		if s[i] < '$' || s[i] > '~' {
			return false
		}
	}
	return true
}

// CheckUser reports why s is no private name: 1 to 10 bytes, each from $ to ~.
func CheckUser(s string) error {
	switch {
	case s == "" || len(s) > MaxUser:
		return fmt.Errorf("private name %q: %d bytes, must be 1 to %d", s, len(s), MaxUser)
	case !legalBytes(s):
		return fmt.Errorf("private name %q: bytes must be printable ASCII from $ to ~ (no blanks, quotes, # or !)", s)
	}
	return nil
}

// CheckGroup reports why s is no group to join or leave: 1 to 31 bytes, each
// from $ to ~ (3.4; enforced by the library alone).
func CheckGroup(s string) error {
	switch {
	case s == "" || len(s) > MaxGroupName:
		return fmt.Errorf("group %q: %d bytes, must be 1 to %d", s, len(s), MaxGroupName)
	case !legalBytes(s):
		return fmt.Errorf("group %q: bytes must be printable ASCII from $ to ~ (no blanks, quotes, # or !)", s)
	}
	return nil
}
