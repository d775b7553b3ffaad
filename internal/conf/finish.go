package conf

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
)

// finish checks what only the whole file shows, and closes the report.
func (p *parser) finish() error {
	o := &p.cfg.Options
	if len(p.cfg.Segments) == 0 {
		return p.fail(p.tok, "the file has no segment", "at least one is needed: Spread_Segment address:port { name address }")
	}
	if o.PersonalWindow > o.Window {
		return p.failAt(fmt.Sprintf("PersonalWindow (%d) is greater than Window (%d)", o.PersonalWindow, o.Window),
			"one daemon cannot send more in a round than all together", KeyWindow, KeyPersonalWindow)
	}
	if o.AcceleratedRing && o.AcceleratedWindow > o.PersonalWindow {
		return p.failAt(fmt.Sprintf("AcceleratedWindow (%d) is greater than PersonalWindow (%d)", o.AcceleratedWindow, o.PersonalWindow),
			"it is the part of PersonalWindow that is sent after the token", KeyPersonalWindow, KeyAcceleratedWindow)
	}
	if err := p.checkTimers(); err != nil {
		return err
	}
	o.ActiveIPVersion = p.family
	if !o.IsSet(KeyWideAreaNetwork) {
		o.WideAreaNetwork = len(p.cfg.Segments) > 1
	}
	p.checkStamp()
	p.checkAuth()
	p.checkPorts()
	p.checkLoopback()
	p.echo(LevelInfo, "Hash value for this configuration is: %d", p.cfg.Hash())
	p.echo(LevelInfo, "Finished configuration file.")
	return nil
}

// failAt is fail at the directive, of those given, that was set last.
func (p *parser) failAt(msg, hint string, keys ...Key) error {
	return p.fail(p.lastSet(keys...), msg, hint)
}

// lastSet makes a token of the directive, of those given, that stands last in the file.
func (p *parser) lastSet(keys ...Key) token {
	var t token
	for _, k := range keys {
		at, ok := p.cfg.Options.set[k]
		if ok && (at.Line > t.pos.Line || at.Line == t.pos.Line && at.Col > t.pos.Col) {
			t = token{kind: kindKeyword, pos: at, raw: string(k)}
		}
	}
	return t
}

// checkTimers: all nine membership timers or none. The original accepts the file and dies later.
func (p *parser) checkTimers() error {
	var set, missing []Key
	for i := range directives {
		if d := &directives[i]; !d.timer {
			continue
		} else if p.cfg.Options.IsSet(d.key) {
			set = append(set, d.key)
		} else {
			missing = append(missing, d.key)
		}
	}
	if len(set) == 0 || len(missing) == 0 {
		return nil
	}
	names := make([]string, len(missing))
	for i, k := range missing {
		names[i] = string(k)
	}
	return p.failAt("the membership timers must be set all or none; missing: "+strings.Join(names, ", "),
		"set these too, or leave all nine out", set...)
}

func (p *parser) checkStamp() {
	if s := p.cfg.Options.Log.Stamp; s.micros && !s.Precise() {
		p.warn(p.lastSet(KeyEventPreciseTimeStamp), "the time stamp leaves no room for microseconds", "let the format end in %S")
	}
}

// checkAuth warns when ordinary clients cannot get in. They offer NULL and nothing else.
func (p *parser) checkAuth() {
	at := p.lastSet(KeyAllowedAuthMethods, KeyRequiredAuthMethods)
	const hint = `to restrict by address write AllowedAuthMethods = "NULL" and RequiredAuthMethods = "IP"`
	switch allowed := p.cfg.Options.Auth.Allowed; {
	case len(allowed) == 0:
		p.warn(at, "no authentication method is allowed: every client will be refused", hint)
	case !slices.Contains(allowed, authNull):
		p.warn(at, "NULL is not allowed: clients that use the usual libraries will be refused", hint)
	}
}

// checkPorts warns when the token channel, one above the port, is not free.
func (p *parser) checkPorts() {
	for _, d := range p.cfg.Daemons() {
		t := token{kind: kindWord, pos: p.names[d.Name], raw: d.Name}
		if d.Port == 65535 {
			p.warn(t, "port 65535 leaves none for the token channel, which is one above", "use a smaller port")
		} else if other, ok := p.addrs[netip.AddrPortFrom(d.Addr.WithZone(""), d.Port+1)]; ok {
			p.warn(t, fmt.Sprintf("the token port %d of this daemon is the port of daemon %s on the same address", d.Port+1, quote(other)),
				"leave a gap of two between ports on one machine")
		}
	}
}

// checkLoopback warns of daemons on loopback addresses beside others: they cannot reach each other.
func (p *parser) checkLoopback() {
	all := p.cfg.Daemons()
	far := slices.IndexFunc(all, func(d Daemon) bool { return !d.Addr.IsLoopback() })
	here := slices.IndexFunc(all, func(d Daemon) bool { return d.Addr.IsLoopback() })
	if far < 0 || here < 0 {
		return
	}
	t := token{kind: kindWord, pos: p.names[all[here].Name], raw: all[here].Name}
	p.warn(t, fmt.Sprintf("this daemon has a loopback address, while %s is at %s: they cannot reach each other",
		quote(all[far].Name), addrText(all[far].Addr)), "give every daemon an address that the others can reach")
}
