package conf

import (
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Position is a place in a file. Both numbers start at 1; Col counts characters, a tab being one.
type Position struct{ Line, Col int }

// Diagnostic is a remark about a configuration file, tied to the place that caused it.
type Diagnostic struct {
	File string // as given to Parse
	Position
	Text string // the offending text as written, shortened; empty at the end of the file and where Msg has it
	Msg  string // what is the matter
	Hint string // what would be right; may be empty
}

// String gives the remark in one line: file:line:col: message, near "text"; hint.
func (d Diagnostic) String() string {
	var b strings.Builder
	if d.File == "" {
		d.File = builtinName
	}
	fmt.Fprintf(&b, "%s:%d:%d: %s", d.File, d.Line, d.Col, d.Msg)
	if d.Text != "" {
		b.WriteString(", near " + quote(d.Text))
	}
	if d.Hint != "" {
		b.WriteString("; " + d.Hint)
	}
	return b.String()
}

// Error says why a file was refused. Parse returns no other kind of error.
type Error struct {
	Diagnostic
	Err error // the cause, where there is one outside the file (name lookup); else nil
}

// Error gives the remark in one line, see [Diagnostic.String].
func (e *Error) Error() string { return e.String() }

// Unwrap gives the cause outside the file, or nil.
func (e *Error) Unwrap() error { return e.Err }

// maxText bounds, in bytes, how much of a token a diagnostic repeats.
const maxText = 48

// shorten cuts the raw text of a token for a diagnostic.
func shorten(raw string) string {
	if len(raw) <= maxText {
		return raw
	}
	cut := maxText
	for cut > maxText-4 && raw[cut]&0xc0 == 0x80 { // not within a character
		cut--
	}
	return raw[:cut] + "..."
}

// harmless gives the text with escapes for whatever could disturb a terminal or a log.
func harmless(s string) string {
	if !strings.ContainsFunc(s, disturbs) {
		return s
	}
	var b strings.Builder
	for i, r := range s {
		switch _, n := utf8.DecodeRuneInString(s[i:]); {
		case !disturbs(r):
			b.WriteRune(r)
		case n == 1:
			fmt.Fprintf(&b, "\\x%02x", s[i])
		default:
			fmt.Fprintf(&b, "\\u%04x", r)
		}
	}
	return b.String()
}

func disturbs(r rune) bool { return !unicode.IsPrint(r) || r == utf8.RuneError }

// newDiagnostic is about a token. Message and hint may repeat what is in the file.
func newDiagnostic(file string, t token, msg, hint string) Diagnostic {
	return Diagnostic{File: file, Position: t.pos, Text: shorten(t.raw), Msg: harmless(msg), Hint: harmless(hint)}
}

// quote puts text between quotation marks, with nothing left that could disturb a terminal or a log.
func quote(s string) string {
	if strings.ContainsRune(s, '"') && !strings.ContainsRune(s, '\'') && !strings.ContainsFunc(s, disturbs) {
		return "'" + s + "'"
	}
	return strconv.Quote(s)
}
