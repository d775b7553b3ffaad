package clientproto

import (
	"bytes"
	"errors"
	"fmt"
)

// ErrShort: the bytes so far are a proper beginning; more must come.
var ErrShort = errors.New("incomplete")

// Hello flags (2.1).
const (
	flagMembership   = 0x01
	flagPriority     = 0x10
	helloFixed       = 2 // major and minor; what follows depends on them
	maxAuthListBytes = 127
)

// Hello is the first thing a client says.
type Hello struct {
	Version    Version
	Membership bool // membership messages wanted
	Priority   bool // stored by the original, without effect
	Name       string
}

// AppendHello appends the hello, the name cut to MaxUser bytes.
func AppendHello(b []byte, h *Hello) []byte {
	b = append(b, byte(h.Version.Major), byte(h.Version.Minor))
	if h.Version.sendsPatch() {
		b = append(b, byte(h.Version.Patch))
	}
	var flags byte
	if h.Membership {
		flags |= flagMembership
	}
	if h.Priority {
		flags |= flagPriority
	}
	name := h.Name[:min(len(h.Name), MaxUser)]
	b = append(b, flags, byte(len(name)))
	return append(b, name...)
}

// ParseHello reads a hello from the beginning of b and returns its length. It
// returns ErrShort while more bytes are needed, or the Code to refuse with.
// On ErrShort, partName tells that part of the name has arrived, which is when
// the original refuses rather than just closes (2.2).
func ParseHello(b []byte) (h Hello, n int, partName bool, err error) {
	if len(b) < helloFixed {
		return h, 0, false, ErrShort
	}
	h.Version.Major, h.Version.Minor = int8(b[0]), int8(b[1])
	n = helloFixed
	if h.Version.sendsPatch() {
		if len(b) < n+1 {
			return h, 0, false, ErrShort
		}
		h.Version.Patch = int8(b[n])
		n++
	}
	if !h.Version.Acceptable() {
		return h, n, false, RejectVersion
	}
	if len(b) < n+2 {
		return h, 0, false, ErrShort
	}
	flags, size := int8(b[n]), int(int8(b[n+1]))
	n += 2
	// The original takes the remainder of a signed division, so an odd byte
	// above 0x7f means no.
	h.Membership = flags%2 == 1
	h.Priority = flags/16 > 0
	if size < 0 || size > MaxUser {
		return h, n, false, RejectIllegalName
	}
	if len(b) < n+size {
		return h, 0, len(b) > n, ErrShort
	}
	h.Name = string(b[n : n+size])
	if !legalBytes(h.Name) {
		return h, n, false, RejectIllegalName
	}
	return h, n + size, false, nil
}

// AppendAuthList appends the daemon's list of allowed methods (2.5).
func AppendAuthList(b []byte, methods []string) []byte {
	var size int
	for _, m := range methods {
		size += len(m) + 1
	}
	b = append(b, byte(size))
	for _, m := range methods {
		b = append(b, m...)
		b = append(b, ' ')
	}
	return b
}

// ParseAuthList reads the list, or the Code that stands in its place.
func ParseAuthList(b []byte) (methods []string, n int, err error) {
	if len(b) < 1 {
		return nil, 0, ErrShort
	}
	if c := int8(b[0]); c < 0 {
		return nil, 1, Code(c)
	}
	n = 1 + int(b[0])
	if len(b) < n {
		return nil, 0, ErrShort
	}
	for m := range bytes.FieldsSeq(b[1:n]) {
		methods = append(methods, string(m))
	}
	return methods, n, nil
}

// AppendChoice appends the client's choice: at most three methods of less than
// 30 bytes each.
func AppendChoice(b []byte, methods []string) ([]byte, error) {
	var slots [ChoiceSize]byte
	if len(methods) == 0 || len(methods) > ChoiceSize/AuthSlot {
		return b, fmt.Errorf("%d authentication methods, must be 1 to %d", len(methods), ChoiceSize/AuthSlot)
	}
	for i, m := range methods {
		if m == "" || len(m) >= AuthSlot {
			return b, fmt.Errorf("authentication method %q: must be 1 to %d bytes", m, AuthSlot-1)
		}
		copy(slots[i*AuthSlot:], m)
	}
	return append(b, slots[:]...), nil
}

// ParseChoice reads the client's choice: the names of the filled slots up to
// the first empty one, each up to its first zero byte (2.6).
func ParseChoice(b []byte) (methods []string, err error) {
	if len(b) < ChoiceSize {
		return nil, ErrShort
	}
	for i := 0; i < ChoiceSize; i += AuthSlot {
		m, _, _ := bytes.Cut(b[i:i+AuthSlot], []byte{0})
		if len(m) == 0 {
			break
		}
		methods = append(methods, string(m))
	}
	return methods, nil
}

// AppendAccept appends the daemon's yes to a client of version v: its own
// version and the private group it gave (2.7).
func AppendAccept(b []byte, v Version, private *Name) []byte {
	b = append(b, byte(Accepted), byte(ThisVersion.Major), byte(ThisVersion.Minor))
	if v.wantsPatch() {
		b = append(b, byte(ThisVersion.Patch))
	}
	b = append(b, byte(private.Len()))
	return append(b, private[:private.Len()]...)
}

// Accept is the daemon's yes, as a client of ThisVersion reads it.
type Accept struct {
	Version Version // the daemon's
	Private Name
}

// ParseAccept reads the accept from the beginning of b: ErrShort, or the Code
// that refuses, or what 2.8 has the library check.
func ParseAccept(b []byte) (a Accept, n int, err error) {
	if len(b) < 1 {
		return a, 0, ErrShort
	}
	if c := Code(int8(b[0])); c != Accepted {
		return a, 1, c
	}
	const fixed = 5
	if len(b) < fixed {
		return a, 0, ErrShort
	}
	a.Version = Version{int8(b[1]), int8(b[2]), int8(b[3])}
	if a.Version.Major < 3 || a.Version.Minor < 0 || a.Version.Patch < 0 {
		return a, fixed, RejectVersion
	}
	size := int(int8(b[4]))
	if size < 1 || size > MaxGroupName {
		return a, fixed, ConnectionClosed
	}
	if len(b) < fixed+size {
		return a, 0, ErrShort
	}
	a.Private = MakeName(string(b[fixed : fixed+size]))
	return a, fixed + size, nil
}
