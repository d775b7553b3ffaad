package conf

import (
	"fmt"
	"net/netip"
)

// Env is what parsing needs from outside.
type Env struct {
	// LookupHost gives the addresses of a host name, best first. Without it a daemon without address is an error.
	LookupHost func(name string) ([]netip.Addr, error)
	// Hostname replaces %h and %H in EventLogFile.
	Hostname string
}

// Parse reads a configuration. The name of the file is only for messages. The error, if any, is an [*Error] about the
// first thing that is wrong; the file is then to be refused as a whole.
func Parse(src []byte, file string, env Env) (*Config, error) {
	p := &parser{
		lex:   newLexer(src, file),
		env:   env,
		cfg:   &Config{File: file, Options: defaultOptions()},
		names: make(map[string]Position),
		addrs: make(map[netip.AddrPort]string),
		ids:   make(map[uint32]string),
	}
	if len(src) > MaxFileSize {
		return nil, &Error{Diagnostic: Diagnostic{File: file, Position: Position{1, 1},
			Msg: fmt.Sprintf("the file has more than %d bytes, which no configuration needs", MaxFileSize)}}
	}
	if err := p.file(); err != nil {
		return nil, err
	}
	return p.cfg, nil
}

// parser is a recursive-descent parser with one token of look-ahead. Directives take effect as they are read.
type parser struct {
	lex *lexer
	env Env
	cfg *Config
	tok token // the next token

	family      IPVersion // of all addresses; 0: not fixed yet
	familyOwner string    // what fixed it, for messages

	names map[string]Position
	addrs map[netip.AddrPort]string
	ids   map[uint32]string
}

// next moves to the next token.
func (p *parser) next() error {
	t, err := p.lex.next()
	if err != nil {
		return err
	}
	p.tok = t
	if t.malformed != "" {
		p.warn(t, fmt.Sprintf("%s looks like an address but is none, so it is taken as a name", shorten(t.raw)), t.malformed)
	}
	return nil
}

func (p *parser) diagnostic(t token, msg, hint string) Diagnostic {
	return newDiagnostic(p.lex.file, t, msg, hint)
}

// fail makes the error about a token.
func (p *parser) fail(t token, msg, hint string) error {
	return &Error{Diagnostic: p.diagnostic(t, msg, hint)}
}

// maxWarnings bounds what a file full of mistakes can cost.
const maxWarnings = 100

func (p *parser) warn(t token, msg, hint string) {
	switch len(p.cfg.Warnings) {
	case maxWarnings:
		msg, hint = "further warnings are left out", ""
	case maxWarnings + 1:
		return
	}
	d := p.diagnostic(t, msg, hint)
	p.cfg.Warnings = append(p.cfg.Warnings, d)
	p.echo(LevelWarning, "%v", d)
}

// file = { segment | directive } .
func (p *parser) file() error {
	if err := p.next(); err != nil {
		return err
	}
	for p.tok.kind != kindEOF {
		var err error
		if p.tok.is(wordSegment) {
			err = p.segment()
		} else if d := p.directive(); d != nil {
			err = p.parseDirective(d)
		} else {
			err = p.unexpected()
		}
		if err != nil {
			return err
		}
	}
	return p.finish()
}

// unexpected is the error about what can begin neither segment nor directive.
func (p *parser) unexpected() error {
	t := p.tok
	following, _ := p.lex.next() // only for the hint; the file is refused anyway
	return p.fail(t, "expected Spread_Segment or a directive, found "+t.describe(), hintTopLevel(t, following))
}

// directive gives the directive that begins at the current token, or nil.
func (p *parser) directive() *directive {
	return directiveByKey[p.tok.raw] // quotes are part of raw, so a quoted text never is one
}

// expect moves past a token of the given kind.
func (p *parser) expect(k kind, msg, hint string) error {
	if p.tok.kind != k {
		return p.fail(p.tok, msg+", found "+p.tok.describe(), hint)
	}
	return p.next()
}
