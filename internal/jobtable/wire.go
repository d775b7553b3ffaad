package jobtable

import (
	"bytes"
	"strconv"
	"strings"
)

const (
	// MessageType is the 16-bit Spread message type of all messages of work queues.
	MessageType = 22353 // "WQ"
	// PartSize is the most data in bytes that one message carries: the payload of
	// a job, a whole result, or a piece of it.
	PartSize = 128 << 10
	// GroupPrefix and the name of the queue are the group of its workers.
	GroupPrefix = "wq-"

	magic      = "wq1 "
	maxHeader  = 64 << 10
	maxText    = 1000 // bytes of a text for people
	maxID      = 64
	maxWord    = 16
	maxNumber  = 999_999_999_999_999 // of the largest length that is read
	statePiece = 100_000
)

// Message is a message of a work queue: a verb, fields, and raw data.
//
//	wq1 VERB\n
//	key=value\n    any number of these, each key once
//	\n
//	data
//
// A verb or key is 1 to 16 of the letters a to z; a value is any bytes but \n.
type Message struct {
	Verb string
	Data []byte
	f    []field
}

type field struct{ key, value string }

// NewMessage makes a message with data, which is not copied.
func NewMessage(verb string, data []byte) *Message { return &Message{Verb: verb, Data: data} }

// Set adds a field. Newlines in the value become blanks.
func (m *Message) Set(key, value string) *Message {
	if strings.IndexByte(value, '\n') >= 0 {
		value = strings.ReplaceAll(value, "\n", " ")
	}
	m.f = append(m.f, field{key, value})
	return m
}

// SetInt adds a field with a number from 0. Numbers that nobody would read become the
// largest that is.
func (m *Message) SetInt(key string, n int64) *Message {
	m.f = append(m.f, field{key, strconv.FormatInt(min(n, maxNumber), 10)})
	return m
}

// Get returns a field, "" if it is missing.
func (m *Message) Get(key string) string {
	for _, f := range m.f {
		if f.key == key {
			return f.value
		}
	}
	return ""
}

// Int returns a field as a number, def if it is missing; false if it is none.
func (m *Message) Int(key string, def int64) (int64, bool) {
	for _, f := range m.f {
		if f.key == key {
			return parseInt(f.value)
		}
	}
	return def, true
}

// parseInt reads what SetInt writes: decimal digits, at most 15, no zero in front.
func parseInt(s string) (int64, bool) {
	if len(s) == 0 || len(s) > 15 || len(s) > 1 && s[0] == '0' {
		return 0, false
	}
	var n int64
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return 0, false
		}
		n = n*10 + int64(s[i]-'0')
	}
	return n, true
}

// Header returns everything in front of the data.
func (m *Message) Header() []byte {
	b := make([]byte, 0, 256)
	b = append(b, magic...)
	b = append(b, m.Verb...)
	b = append(b, '\n')
	return appendFields(b, m.f)
}

func appendFields(b []byte, f []field) []byte {
	for _, f := range f {
		b = append(b, f.key...)
		b = append(b, '=')
		b = append(b, f.value...)
		b = append(b, '\n')
	}
	return append(b, '\n')
}

// Parse reads a message. Its data is part of b. False: b is none, and everybody
// ignores it.
func Parse(b []byte) (*Message, bool) {
	if !bytes.HasPrefix(b, []byte(magic)) {
		return nil, false
	}
	i := bytes.IndexByte(b, '\n')
	if i < 0 || !word(string(b[len(magic):i])) {
		return nil, false
	}
	m := &Message{Verb: string(b[len(magic):i])}
	f, rest, ok := parseFields(b[i+1:])
	if !ok || len(b)-len(rest) > maxHeader {
		return nil, false
	}
	m.f, m.Data = f, rest
	return m, true
}

// parseFields reads lines of fields up to an empty one.
func parseFields(b []byte) (f []field, rest []byte, ok bool) {
	f = make([]field, 0, 8)
	for {
		i := bytes.IndexByte(b, '\n')
		switch {
		case i < 0:
			return nil, nil, false
		case i == 0:
			return f, b[1:], true
		}
		key, value, found := strings.Cut(string(b[:i]), "=")
		if !found || !word(key) {
			return nil, nil, false
		}
		for _, g := range f {
			if g.key == key {
				return nil, nil, false
			}
		}
		f = append(f, field{key, value})
		if len(f) > 64 {
			return nil, nil, false
		}
		b = b[i+1:]
	}
}

func word(s string) bool {
	for i := range len(s) {
		if s[i] < 'a' || s[i] > 'z' {
			return false
		}
	}
	return len(s) >= 1 && len(s) <= maxWord
}

// ValidID tells whether s may name a job: 1 to 64 letters, digits, and ". _ -".
func ValidID(s string) bool {
	for i := range len(s) {
		c := s[i]
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '.', c == '_', c == '-':
		default:
			return false
		}
	}
	return len(s) >= 1 && len(s) <= maxID
}

// ValidQueue tells whether s may name a queue: 1 to 28 characters, each from $ to ~
// in ASCII, so that its group is a legal one.
func ValidQueue(s string) bool {
	for i := range len(s) {
		if s[i] < '$' || s[i] > '~' {
			return false
		}
	}
	return len(s) >= 1 && len(s) <= 31-len(GroupPrefix)
}

// cut shortens a text to what a message carries, and to one line.
func cut(s string) string {
	if len(s) > maxText {
		s = s[:maxText]
	}
	return strings.ReplaceAll(s, "\n", " ")
}
