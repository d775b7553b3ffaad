package conf

import (
	"fmt"
	"strings"
	"time"
)

// parseDirective reads what follows the directive's name, and lets it take effect.
func (p *parser) parseDirective(d *directive) error {
	name := p.tok
	if err := p.next(); err != nil {
		return err
	}
	if err := p.values(d, name); err != nil {
		return err
	}
	o := &p.cfg.Options
	if was, ok := o.set[d.key]; ok && d.key != KeyAllowedAuthMethods && d.key != KeyRequiredAuthMethods && d.effect != effectNever {
		p.warn(name, fmt.Sprintf("%s was already set in line %d", d.key, was.Line), "the later value holds")
	}
	o.set[d.key] = name.pos
	if d.effect == effectNever {
		p.warn(name, string(d.key)+" has no effect", "release 5 dropped it; it may be deleted")
	}
	return nil
}

func (p *parser) values(d *directive, name token) error {
	switch d.form {
	case formAlone:
		if d.key == KeyEventPreciseTimeStamp {
			p.cfg.Options.Log.Stamp.micros = true
		}
		return nil
	case formCosts:
		return p.costs(d)
	case formStamp:
		p.cfg.Options.Log.Stamp = TimeStamp{plain: true, micros: p.cfg.Options.Log.Stamp.micros}
		if p.tok.kind != kindEquals {
			return nil
		}
	}
	if err := p.expect(kindEquals, fmt.Sprintf("expected = after %s", d.key), hintEquals(string(d.key), p.tok)); err != nil {
		return err
	}
	if d.form == formFlags {
		return p.flags()
	}
	if err := p.value(d, name); err != nil {
		return err
	}
	return p.next()
}

// value takes the one token that is the value of most directives; the caller moves past it.
func (p *parser) value(d *directive, name token) error {
	t, o := p.tok, &p.cfg.Options
	switch d.form {
	case formLevel:
		return p.level(t)
	case formBool:
		if t.kind != kindBool {
			return p.fail(t, fmt.Sprintf("%s must be true, yes, false or no", d.key), hintBool(t))
		}
		*d.yes(o) = strings.EqualFold(t.raw, "true") || strings.EqualFold(t.raw, "yes")
		if d.key == KeyDangerousMonitor {
			p.echoDangerousMonitor()
		}
	case formTri:
		if t.kind != kindTri {
			return p.fail(t, fmt.Sprintf("%s must be on, off or auto", d.key), hintTri(t))
		}
		o.SocketPortReuse = map[string]TriState{"on": On, "off": Off, "auto": Auto}[strings.ToLower(t.raw)]
		p.echoPortReuse()
	case formNumber, formMillis:
		if t.kind != kindNumber {
			return p.fail(t, fmt.Sprintf("%s must be a number from %d to %d", d.key, d.min, d.max), hintNumber(t))
		}
		if t.num < d.min || t.num > d.max {
			return p.fail(t, fmt.Sprintf("%s must be %d to %d", d.key, d.min, d.max), "")
		}
		if d.form == formMillis {
			*d.millis(o) = time.Duration(t.num) * time.Millisecond
		} else {
			*d.number(o) = t.num
		}
		p.checkNumber(d, t)
	case formListen:
		return p.listen(d, t)
	case formWord, formStamp:
		if t.kind != kindWord {
			return p.fail(t, fmt.Sprintf("expected a text as the value of %s, found %s", d.key, t.describe()), hintText(t))
		}
		return p.text(d, t, name)
	}
	return nil
}

// flags = "{" { flag | "!" flag } "}" . Evaluated from left to right, starting with none.
func (p *parser) flags() error {
	if err := p.expect(kindOpen, "expected { before the event flags", ""); err != nil {
		return err
	}
	var mask EventFlags
	for p.tok.kind != kindClose {
		unset := p.tok.kind == kindBang
		if unset {
			if err := p.next(); err != nil {
				return err
			}
		}
		if p.tok.kind != kindFlag {
			return p.fail(p.tok, "expected an event flag or }, found "+p.tok.describe(), hintFlag(p.tok))
		}
		for _, e := range eventFlags {
			if e.name == p.tok.raw && unset {
				mask &^= e.flag
			} else if e.name == p.tok.raw {
				mask |= e.flag
			}
		}
		if err := p.next(); err != nil {
			return err
		}
	}
	p.cfg.Options.Log.Mask = mask
	p.echo(LevelInfo, "Set Alarm mask to: %x", uint32(mask))
	return p.next()
}

func (p *parser) level(t token) error {
	if t.kind == kindLevel {
		for _, e := range levels {
			if e.name == t.raw {
				p.cfg.Options.Log.Priority = e.level
				return nil
			}
		}
	}
	return p.fail(t, "expected an event level, found "+t.describe(), hintLevel(t))
}

// costs = "{" { number } "}" , from the time of releases 3 and 4.
func (p *parser) costs(d *directive) error {
	if err := p.expect(kindOpen, fmt.Sprintf("expected { after %s", d.key), ""); err != nil {
		return err
	}
	for p.tok.kind == kindNumber {
		if err := p.next(); err != nil {
			return err
		}
	}
	return p.expect(kindClose, fmt.Sprintf("expected a number or } in %s", d.key), "")
}

// checkNumber warns of values that are allowed but hardly meant.
func (p *parser) checkNumber(d *directive, t token) {
	switch {
	case d.key == KeyMaxSessionMessages && t.num == 0:
		p.warn(t, "with MaxSessionMessages = 0 every client is cut off at its first waiting message",
			"leave the directive out for no limit by count; MaxSessionBytes limits the memory")
	case d.key == KeyMaxSessionBytes && t.num < smallSession:
		p.warn(t, fmt.Sprintf("with less than %d bytes a client is cut off while a few large messages wait for it", smallSession), "")
	}
}

// smallSession is about two messages of the size that the original can carry.
const smallSession = 256 << 10
