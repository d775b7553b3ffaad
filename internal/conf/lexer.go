package conf

import (
	"bytes"
	"strconv"
	"strings"
	"unicode/utf8"
)

// lexer cuts a file into tokens: at each place the longest match wins, among equally long ones the earlier row of
// the table in configuration and tools 1.3. Time and memory are linear in the size of the file.
type lexer struct {
	src  []byte
	file string
	off  int
	pos  Position
}

func newLexer(src []byte, file string) *lexer {
	// An editor's byte order mark is no part of the text.
	return &lexer{src: bytes.TrimPrefix(src, []byte("\xef\xbb\xbf")), file: file, pos: Position{1, 1}}
}

// Classes of bytes outside quotes.
const (
	classWord  = iota // any byte that is in no other class, also above 127
	classBlank        // separates tokens
	classBrace        // a token of its own
	classHash         // begins a comment
	classNoise        // belongs to no token and is dropped, but ends a word
)

func class(c byte) int {
	switch c {
	case ' ', '\t', '\r', '\n':
		return classBlank
	case '{', '}':
		return classBrace
	case '#':
		return classHash
	case '[', ']', '\v', '\f':
		return classNoise
	}
	return classWord
}

// advance moves n bytes on and keeps line and column true, also across newlines within quotes.
func (l *lexer) advance(n int) {
	piece := l.src[l.off : l.off+n]
	l.off += n
	if k := bytes.LastIndexByte(piece, '\n'); k >= 0 {
		l.pos.Line += bytes.Count(piece, []byte{'\n'})
		l.pos.Col = 1
		piece = piece[k+1:]
	}
	l.pos.Col += utf8.RuneCount(piece)
}

// next gives the next token, at the end of the file for ever kindEOF. The only error is a port above 65535.
func (l *lexer) next() (token, error) {
	for l.off < len(l.src) {
		rest := l.src[l.off:]
		switch class(rest[0]) {
		case classBlank:
			l.advance(1)
		case classHash:
			end := bytes.IndexByte(rest, '\n')
			if end < 0 {
				end = len(rest)
			}
			l.advance(end)
		case classBrace:
			k := kindOpen
			if rest[0] == '}' {
				k = kindClose
			}
			return l.take(token{kind: k}, 1), nil
		case classNoise:
			if t, n := bracketed(rest); n > 0 {
				return l.address(t, n)
			}
			l.advance(1)
		default:
			return l.word(rest)
		}
	}
	return token{pos: l.pos}, nil
}

// take completes the token with its place and its n raw bytes, and moves past them.
func (l *lexer) take(t token, n int) token {
	t.pos = l.pos
	t.raw = string(l.src[l.off : l.off+n])
	if t.kind == kindWord && !t.quoted {
		t.text = t.raw
	}
	l.advance(n)
	return t
}

// word cuts a token that begins with a word character: a quoted text or a run of word characters, whichever is longer.
func (l *lexer) word(rest []byte) (token, error) {
	if rest[0] == '!' && len(rest) > 1 && rest[1] != '\n' {
		return l.take(token{kind: kindBang}, 1), nil
	}
	run := wordLen(rest)
	if n := quotedLen(rest); n >= run {
		return l.take(token{kind: kindWord, quoted: true, text: string(rest[1 : n-1])}, n), nil
	}
	t := classify(string(rest[:run]))
	if t.kind == kindAddr || t.kind == kindAddrPort {
		return l.address(t, run)
	}
	return l.take(t, run), nil
}

// address completes a token that has the shape of an address; one that cannot be an address becomes a word.
func (l *lexer) address(t token, n int) (token, error) {
	shape := t.text
	t = l.take(t, n)
	t.text, _, _ = strings.Cut(shape, "%")
	if t.kind == kindAddrPort {
		colon := strings.LastIndexByte(t.raw, ':')
		port, err := strconv.ParseUint(t.raw[colon+1:], 10, 16)
		if err != nil {
			return t, &Error{Diagnostic: newDiagnostic(l.file, t, "the port "+t.raw[colon+1:]+" is out of range", "a port is 1 to 65535")}
		}
		t.port = uint16(port)
	}
	addr, why := parseAddr(shape)
	if why != "" {
		return token{kind: kindWord, pos: t.pos, raw: t.raw, text: t.raw, malformed: why}, nil
	}
	t.addr = addr
	return t, nil
}

// wordLen gives the length of the run of word characters at the start of s.
func wordLen(s []byte) int {
	for i, c := range s {
		if class(c) != classWord {
			return i
		}
	}
	return len(s)
}

// quotedLen gives the length of the quoted text at the start of s, both quotes included, or -1.
func quotedLen(s []byte) int {
	if s[0] != '"' && s[0] != '\'' {
		return -1
	}
	end := bytes.IndexByte(s[1:], s[0])
	if end < 0 {
		return -1
	}
	return end + 2
}

// classify says what a run of word characters is. Of an address it leaves the part without port in text.
func classify(s string) token {
	switch s {
	case "=":
		return token{kind: kindEquals}
	case ":":
		return token{kind: kindColon}
	case ";":
		return token{kind: kindSemicolon}
	}
	if k, ok := reservedWords[s]; ok {
		return token{kind: k}
	}
	switch strings.ToLower(s) {
	case "true", "yes", "false", "no":
		return token{kind: kindBool}
	case "on", "off", "auto":
		return token{kind: kindTri}
	}
	if t, ok := addressShape(s); ok {
		return t
	}
	if len(s) <= maxDigits && digits(s) {
		n, _ := strconv.Atoi(s) // nine digits always fit
		return token{kind: kindNumber, num: n}
	}
	return token{kind: kindWord}
}

// How many digits a number and a port may have; one more makes it a word.
const (
	maxDigits   = 9
	maxPortText = 5
)

func digits(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return s != ""
}
