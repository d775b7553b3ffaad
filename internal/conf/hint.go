package conf

import (
	"fmt"
	"slices"
	"strings"
)

// Hints say what would be right. They know the classic mistakes (configuration and tools 14, traps 3 and 4) and find the
// nearest spelling; where nothing can be said they are empty.

// hintTopLevel is about a token where Spread_Segment or a directive should begin, and the one after it.
func hintTopLevel(t, following token) string {
	switch t.kind {
	case kindSemicolon:
		return "a ; may stand only after a daemon"
	case kindEquals:
		return "a directive's name must come first"
	case kindClose:
		return "there is one } too many"
	case kindKeyword:
		return "VirtualID stands within a segment, after a daemon's name and address"
	case kindAddr, kindAddrPort:
		return "an address belongs into a segment: Spread_Segment address:port { name address }"
	case kindWord:
	default:
		return ""
	}
	if hint := hintGlued(t.raw); hint != "" {
		return hint
	}
	if word := nearest(strings.TrimRight(t.raw, ";:,"), topLevelWords()); word != "" {
		return spell(t.raw, word)
	}
	if following.kind == kindEquals {
		return "there is no such directive"
	}
	return "daemons stand between the braces of a segment, and options have the form: name = value"
}

// hintGlued is about a word that may be an option with its = glued to it; else empty.
func hintGlued(raw string) string {
	name, value, ok := strings.Cut(raw, "=")
	if !ok || name == "" {
		return ""
	}
	word := nearest(name, append(topLevelWords(), wordVirtualID))
	if word == "" {
		return ""
	}
	return strings.TrimRight(fmt.Sprintf("the = needs blanks around it: %s = %s", word, shorten(value)), " ")
}

// spell suggests a spelling, and says so if only upper and lower case differ.
func spell(raw, word string) string {
	if strings.EqualFold(raw, word) {
		return fmt.Sprintf("upper and lower case count: %s", word)
	}
	return fmt.Sprintf("did you mean %s?", word)
}

func topLevelWords() []string {
	words := []string{wordSegment}
	for i := range directives {
		words = append(words, string(directives[i].key))
	}
	return words
}

// hintSegmentAddr is about a token in the head of a segment that has n addresses so far.
func hintSegmentAddr(t token, n int) string {
	switch {
	case t.malformed != "":
		return t.malformed
	case t.kind == kindEOF:
		return "a segment is: Spread_Segment address:port { name address }"
	case t.kind == kindNumber:
		return "a port is glued to its address: address:port, or [address]:port for IPv6"
	case t.kind == kindWord && t.quoted:
		return "addresses take no quotes"
	case t.kind == kindWord && n > 0 && strings.HasPrefix(t.raw, ":"):
		return "only IPv6 addresses take brackets: 127.0.0.255:4803 but [ff02::1]:4803"
	case t.kind == kindWord && strings.HasSuffix(t.raw, ";"):
		return "the ; is part of the word; a segment's head has none"
	case t.kind == kindWord && shapeIPv4(before(t.raw, ':')):
		return "a port has one to five digits"
	case t.kind == kindWord && shapeIPv4(before(t.raw, '/')):
		return "segments take no network masks; give the broadcast or multicast address"
	case t.kind == kindWord:
		return "segments take addresses only, no host names"
	case n == 0:
		return "a segment is: Spread_Segment address:port { name address }"
	}
	return ""
}

// before gives what stands before the first c.
func before(s string, c byte) string {
	if i := strings.IndexByte(s, c); i >= 0 {
		return s[:i]
	}
	return s
}

// hintDaemon is about a token where a daemon should begin.
func hintDaemon(t token) string {
	switch {
	case t.is(wordVirtualID):
		return "VirtualID stands directly after a daemon's name and address, before its { and ;"
	case t.kind == kindKeyword:
		return fmt.Sprintf("is a } missing before it? As a daemon's name it must be quoted: %s", quote(shorten(t.raw)))
	case t.reserved():
		return fmt.Sprintf("this is reserved; as a daemon's name it must be quoted: %s", quote(shorten(t.raw)))
	case t.kind == kindSemicolon:
		return "one ; may stand after a daemon, none before"
	case t.kind == kindOpen:
		return "an interface list follows a daemon directly, before the ;"
	case t.kind == kindBang, t.kind == kindEquals, t.kind == kindColon:
		return "daemon names consist of the characters from $ to ~, and a lone = : or ; is none"
	}
	return ""
}

func hintNameByte(t token) string {
	const legal = "the characters from $ to ~ are legal, because the name becomes part of every client's private group"
	if !t.quoted && (t.raw[0] == '"' || t.raw[0] == '\'') {
		if strings.IndexByte(t.raw[1:], t.raw[0]) > 0 {
			return "a blank must follow the closing quote; " + legal
		}
		return "the closing quote is missing; " + legal
	}
	return legal
}

// hintBareName is about a daemon whose address could not be looked up; t is the token after its name.
func hintBareName(name, t token) string {
	if t.malformed != "" {
		return fmt.Sprintf("%s after it is no address: %s", shorten(t.raw), t.malformed)
	}
	if hint := hintGlued(name.raw); hint != "" {
		return hint
	}
	if t.kind == kindEquals || t.kind == kindBang || t.kind == kindColon {
		return "only an address, VirtualID, { or ; may follow a name"
	}
	if strings.HasSuffix(name.raw, ";") {
		return "a ; that separates daemons stands alone, with blanks around it"
	}
	return "write the address after the name"
}

// hintEquals is about a token where the = after the name should be.
func hintEquals(name string, t token) string {
	switch {
	case t.kind == kindWord && !t.quoted && strings.HasPrefix(t.raw, "=") && len(t.raw) > 1:
		return fmt.Sprintf("the = needs blanks around it: %s = %s", name, shorten(t.raw[1:]))
	case t.kind == kindOpen, t.kind == kindBool, t.kind == kindTri, t.kind == kindNumber, t.kind == kindLevel, t.kind == kindWord && !t.quoted:
		return fmt.Sprintf("write %s = %s", name, shorten(t.raw))
	}
	return fmt.Sprintf("write %s = value", name)
}

func hintNumber(t token) string {
	switch {
	case t.kind == kindNumber:
		return ""
	case t.kind == kindWord && t.quoted:
		return "numbers take no quotes"
	case t.kind == kindWord && strings.HasSuffix(t.raw, ";") && digits(strings.TrimRight(t.raw, ";")):
		return "the ; is glued to the number; leave it out"
	case t.kind == kindWord && digits(strings.TrimLeft(t.raw, "+-")):
		return "a number is one to nine decimal digits, without sign"
	case t.kind == kindKeyword, t.kind == kindEOF, t.kind == kindOpen, t.kind == kindClose:
		return "the value is missing"
	}
	return "a number is one to nine decimal digits"
}

func hintBool(t token) string {
	switch {
	case strings.EqualFold(t.raw, "on"), t.raw == "1":
		return "write true"
	case strings.EqualFold(t.raw, "off"), t.raw == "0":
		return "write false"
	case t.quoted:
		return "the value takes no quotes"
	}
	return ""
}

func hintTri(t token) string {
	switch {
	case t.kind == kindBool && (strings.EqualFold(t.raw, "true") || strings.EqualFold(t.raw, "yes")), t.raw == "1":
		return "write on"
	case t.kind == kindBool, t.raw == "0":
		return "write off"
	case t.quoted:
		return "the value takes no quotes"
	}
	return ""
}

// hintText is about a token where a text should be.
func hintText(t token) string {
	switch {
	case t.kind == kindKeyword:
		return fmt.Sprintf("the value is missing; if this word is the value, quote it: %s", quote(shorten(t.raw)))
	case t.reserved():
		return fmt.Sprintf("this is reserved; as a text it must be quoted: %s", quote(shorten(t.raw)))
	case t.kind == kindEOF, t.kind == kindOpen, t.kind == kindClose:
		return "the value is missing"
	}
	return fmt.Sprintf("quote it: %s", quote(shorten(t.raw)))
}

func hintFlag(t token) string {
	words := make([]string, len(eventFlags))
	for i, e := range eventFlags {
		words[i] = e.name
	}
	switch {
	case t.kind == kindWord && t.raw == "!":
		return "the flag must stand on the same line as its !"
	case t.kind == kindBang:
		return "one ! is enough"
	case t.kind == kindWord && strings.TrimRight(t.raw, ",;|") != t.raw:
		return "flags are separated by blanks only"
	case t.kind == kindWord:
		if word := nearest(t.raw, words); word != "" {
			return spell(t.raw, word)
		}
	case t.kind == kindEOF, t.kind == kindKeyword:
		return "is a } missing before it?"
	}
	return "the flags are " + strings.Join(words, ", ")
}

func hintLevel(t token) string {
	words := make([]string, len(levels))
	for i, e := range levels {
		words[i] = e.name
	}
	switch {
	case t.kind == kindOpen:
		return "the level takes no braces"
	case strings.EqualFold(t.raw, "DEBUG"):
		return "the level is spelled pDEBUG"
	case t.kind == kindWord:
		if word := nearest(t.text, words); word != "" {
			return spell(t.raw, word)
		}
	}
	return "the levels are " + strings.Join(words, ", ")
}

func hintMethod(method string) string {
	if word := nearest(method, []string{authNull, authIP}); word != "" {
		return spell(method, word)
	}
	return "the methods are NULL and IP, separated by single blanks"
}

// hintInterface is about a token where an address of a stanza should be.
func hintInterface(t token) string {
	switch {
	case t.kind == kindAddrPort:
		return "interfaces take no port; that of the segment holds"
	case t.malformed != "":
		return t.malformed
	case t.kind == kindClose:
		return "an address must follow the letters"
	case t.kind == kindWord && slices.Contains([]string{"m", "c", "d"}, t.raw):
		return "the letters are upper case: " + strings.ToUpper(t.raw)
	case t.kind == kindWord && strings.Trim(t.raw, "MCD") == "":
		return "the letters are separated by blanks"
	case t.kind == kindWord:
		return "interfaces are addresses, no names"
	}
	return ""
}

func hintExact(text string, words ...string) string {
	if word := nearest(text, words); word != "" {
		return spell(text, word)
	}
	return ""
}

// nearest gives the word that s most likely meant: the same but for upper and lower case, or with few wrong letters. Empty
// if none is near.
func nearest(s string, words []string) string {
	if len(s) > 64 {
		return ""
	}
	best, bestDistance := "", 1+len(s)/4
	for _, w := range words {
		d := distance(strings.ToLower(s), strings.ToLower(w))
		if d < bestDistance || d == bestDistance && best == "" {
			best, bestDistance = w, d
		}
	}
	return best
}

// distance counts the letters to insert, delete or replace to make b of a.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := 1; i <= len(a); i++ {
		diagonal := row[0]
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := diagonal
			if a[i-1] != b[j-1] {
				cost++
			}
			diagonal = row[j]
			row[j] = min(cost, row[j]+1, row[j-1]+1)
		}
	}
	return row[len(b)]
}
