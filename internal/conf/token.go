package conf

import "net/netip"

// kind is what a token is (configuration and tools 1.3).
type kind uint8

const (
	kindEOF kind = iota
	kindOpen
	kindClose
	kindEquals
	kindColon
	kindSemicolon
	kindBang
	kindKeyword
	kindBool
	kindTri
	kindFlag
	kindLetter
	kindLevel
	kindAddr
	kindAddrPort
	kindNumber
	kindWord
)

// token is one piece of the file.
type token struct {
	kind kind
	pos  Position
	raw  string // as written, quotes included
	text string // of a word: without quotes; of an address: without brackets, zone and port

	quoted bool
	addr   netip.Addr // of an address: with its zone
	port   uint16
	num    int
	// malformed says why a word that has the shape of an address is none; such a word is a name (1.3).
	malformed string
}

// is reports whether the token is the given keyword.
func (t token) is(keyword string) bool { return t.kind == kindKeyword && t.raw == keyword }

// The two keywords that are not directives.
const (
	wordSegment   = "Spread_Segment"
	wordVirtualID = "VirtualID"
)

// describe says in words what the token is, for messages about what was found.
func (t token) describe() string {
	switch t.kind {
	case kindEOF:
		return "the end of the file"
	case kindKeyword:
		return "the keyword " + t.raw
	case kindBool:
		return "a yes-or-no value"
	case kindTri:
		return "an on-off-auto value"
	case kindFlag:
		return "an event flag"
	case kindLetter:
		return "an interface letter"
	case kindLevel:
		return "an event level"
	case kindAddr:
		return "an address"
	case kindAddrPort:
		return "an address with a port"
	case kindNumber:
		return "a number"
	case kindWord:
		if t.quoted {
			return "a quoted text"
		}
		return "a word"
	default:
		return quote(t.raw)
	}
}

// reserved reports whether the token would be a word if it stood in quotes.
func (t token) reserved() bool {
	return t.kind >= kindKeyword && t.kind <= kindNumber
}
