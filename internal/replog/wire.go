package replog

import (
	"bytes"
	"strconv"
	"strings"
)

const (
	// MessageType is the 16-bit Spread message type of all messages of replicas.
	MessageType = 21072 // "RP"
	// MaxUpdate is the most data in bytes that one update carries.
	MaxUpdate = 128 << 10
	// GroupPrefix and the name of the state are the group of its replicas.
	GroupPrefix = "rp-"
	// Remembered is how many of the last updates are known by their ids, with
	// results of up to maxKept bytes.
	Remembered = 10_000

	maxKept   = 1 << 10
	maxHead   = 16 << 10
	maxID     = 64
	partSize  = 100_000 // bytes of a state that go in one message
	window    = 16      // messages of a state that are under way
	maxStream = 1 << 20 // messages of one state
)

// message is what replicas send each other: one line of words, and raw data.
//
//	rp1 VERB WORD WORD ...\n
//	data
//
// A word is 1 or more bytes without blank and newline; an empty one is written as -.
type message struct {
	verb  string
	words []string
	data  []byte
}

const magic = "rp1"

func encode(verb string, data []byte, words ...any) []byte {
	b := append(make([]byte, 0, 128+len(data)), magic...)
	b = append(append(b, ' '), verb...)
	for _, w := range words {
		b = append(b, ' ')
		switch w := w.(type) {
		case uint64:
			b = strconv.AppendUint(b, w, 10)
		case bool:
			b = append(b, "01"[b2i(w)])
		case string:
			if w == "" {
				w = "-"
			}
			b = append(b, w...)
		}
	}
	return append(append(b, '\n'), data...)
}

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}

// parse reads a message. Its data is part of b. False: b is none, and everybody
// ignores it.
func parse(b []byte) (*message, bool) {
	i := bytes.IndexByte(b[:min(len(b), maxHead)], '\n')
	if i < 0 {
		return nil, false
	}
	w := strings.Split(string(b[:i]), " ")
	if len(w) < 2 || w[0] != magic {
		return nil, false
	}
	for j, s := range w {
		switch s {
		case "":
			return nil, false
		case "-":
			w[j] = ""
		}
	}
	return &message{verb: w[1], words: w[2:], data: b[i+1:]}, true
}

// take reads the words into what the pointers point to. False: they do not fit.
func (m *message) take(to ...any) bool {
	if len(m.words) != len(to) {
		return false
	}
	for i, p := range to {
		switch p := p.(type) {
		case *string:
			*p = m.words[i]
		case *uint64:
			n, ok := parseNumber(m.words[i])
			if !ok {
				return false
			}
			*p = n
		case *bool:
			if m.words[i] != "0" && m.words[i] != "1" {
				return false
			}
			*p = m.words[i] == "1"
		}
	}
	return true
}

// parseNumber reads decimal digits, at most 18, no zero in front.
func parseNumber(s string) (uint64, bool) {
	if len(s) == 0 || len(s) > 18 || len(s) > 1 && s[0] == '0' {
		return 0, false
	}
	var n uint64
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return 0, false
		}
		n = n*10 + uint64(s[i]-'0')
	}
	return n, true
}

// ValidID tells whether s may name an update: 1 to 64 letters, digits, and ". _ -",
// but not "-".
func ValidID(s string) bool {
	for i := range len(s) {
		c := s[i]
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '.', c == '_', c == '-':
		default:
			return false
		}
	}
	return len(s) >= 1 && len(s) <= maxID && s != "-"
}

// ValidState tells whether s may name a state: 1 to 28 characters, each from $ to ~
// in ASCII, so that its group is a legal one.
func ValidState(s string) bool { return visible(s, 31-len(GroupPrefix)) }

// ValidName tells whether s may name a replica: 1 to 10 characters, each from $ to ~
// in ASCII, so that it is a legal private name.
func ValidName(s string) bool { return visible(s, 10) }

func visible(s string, most int) bool {
	for i := range len(s) {
		if s[i] < '$' || s[i] > '~' {
			return false
		}
	}
	return len(s) >= 1 && len(s) <= most
}

// nameOf is the private name in a private group #name#daemon.
func nameOf(private string) string {
	name, _, _ := strings.Cut(strings.TrimPrefix(private, "#"), "#")
	return name
}
