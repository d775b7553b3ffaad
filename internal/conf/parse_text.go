package conf

import (
	"fmt"
	"strings"
)

// The lengths at which the original refuses or cuts a text, in bytes.
const (
	maxRuntimeDir = 4096 // and that of our own paths
	maxAccount    = 32
	maxAuthList   = 89
)

// text lets a directive with a text as value take effect.
func (p *parser) text(d *directive, t, name token) error {
	o := &p.cfg.Options
	switch d.key {
	case KeyEventLogFile:
		if t.text == "" {
			return p.fail(t, "EventLogFile has an empty name", "leave the directive out to log to standard output")
		}
		o.Log.File = expandHost(t.text, p.env.Hostname)
	case KeyEventTimeStamp:
		o.Log.Stamp.custom = true
		o.Log.Stamp.format = t.text
		if len(t.text) > maxStampFormat {
			p.warn(t, fmt.Sprintf("the format is longer than %d bytes and is cut", maxStampFormat), "")
		}
	case KeyLogFormat:
		switch t.text {
		case LogText.String():
			o.Log.Format = LogText
		case LogJSON.String():
			o.Log.Format = LogJSON
		default:
			return p.fail(t, "LogFormat must be text or json", hintExact(t.text, "text", "json"))
		}
	case KeyRingKeyFile:
		return p.ringKeyFile(t)
	case KeyRuntimeDir:
		return p.account(d, t, &o.RuntimeDir, maxRuntimeDir, "runtime directory")
	case KeyDaemonUser:
		return p.account(d, t, &o.DaemonUser, maxAccount, "user name")
	case KeyDaemonGroup:
		return p.account(d, t, &o.DaemonGroup, maxAccount, "group name")
	case KeyAllowedAuthMethods, KeyRequiredAuthMethods:
		p.authMethods(d, t)
	case KeyAccessControlPolicy:
		if t.text != "PERMIT" {
			return p.fail(t, "there is no access control policy "+quote(shorten(t.text)), "the only one is PERMIT")
		}
	case KeyActiveIPVersion:
		return p.activeIPVersion(t, name)
	}
	return nil
}

// ringKeyFile takes the path of the ring keys. An empty one is an error: the ring would be open without a word.
func (p *parser) ringKeyFile(t token) error {
	const off = "leave the directive out for a ring that is not sealed"
	switch {
	case t.text == "":
		return p.fail(t, "RingKeyFile has an empty name", off)
	case len(t.text) > maxRuntimeDir:
		return p.fail(t, fmt.Sprintf("RingKeyFile is longer than %d bytes", maxRuntimeDir), "")
	case strings.ContainsRune(t.text, 0):
		return p.fail(t, "RingKeyFile contains a zero byte", "")
	}
	p.cfg.Options.RingKeyFile = t.text
	return nil
}

// expandHost replaces %h and %H; any other % stays.
func expandHost(s, host string) string {
	return strings.NewReplacer("%h", host, "%H", host).Replace(s)
}

// account takes one of the three texts about the identity of the process. An empty one is ignored, as ever.
func (p *parser) account(d *directive, t token, field *string, limit int, what string) error {
	switch {
	case len(t.text) > limit:
		return p.fail(t, fmt.Sprintf("%s is longer than %d bytes", d.key, limit), "")
	case strings.ContainsRune(t.text, 0):
		return p.fail(t, fmt.Sprintf("%s contains a zero byte", d.key), "")
	case t.text == "":
		p.warn(t, fmt.Sprintf("the empty %s is ignored", d.key), "")
	default:
		*field = t.text
		p.echo(LevelInfo, "Set %s to '%s'", what, t.text)
	}
	return nil
}

// authMethods takes one of the two lists of methods. The first of them switches off the initial permission of NULL; then
// each adds to what was said before.
func (p *parser) authMethods(d *directive, t token) {
	o := &p.cfg.Options
	if !o.IsSet(KeyAllowedAuthMethods) && !o.IsSet(KeyRequiredAuthMethods) {
		o.Auth.Allowed = nil
	}
	list := t.text
	if len(list) > maxAuthList {
		list = list[:maxAuthList]
		p.warn(t, fmt.Sprintf("the list of %s is longer than %d bytes and is cut", d.key, maxAuthList), "")
	}
	add := o.Auth.allow
	if d.key == KeyRequiredAuthMethods {
		add = o.Auth.require
		o.Auth.RequiredText = t.text
	} else {
		o.Auth.AllowedText = t.text
	}
	for method := range strings.SplitSeq(list, " ") {
		switch method {
		case authNull, authIP:
			add(method)
		case "":
		default:
			p.warn(t, fmt.Sprintf("the authentication method %s is unknown and is ignored", quote(shorten(method))), hintMethod(method))
		}
	}
}

func (p *parser) activeIPVersion(t, name token) error {
	var v IPVersion
	switch t.text {
	case "IPv4":
		v = IPv4
	case "IPv6":
		v = IPv6
	default:
		return p.fail(t, "ActiveIPVersion must be IPv4 or IPv6", hintExact(t.text, "IPv4", "IPv6"))
	}
	if p.family != 0 && p.family != v {
		return p.fail(t, fmt.Sprintf("ActiveIPVersion = %s comes too late: %s says %s", v, p.familyOwner, p.family),
			"all segment and daemon addresses must be of one family")
	}
	if p.family == 0 {
		p.family = v
		p.familyOwner = fmt.Sprintf("ActiveIPVersion in line %d", name.pos.Line)
	}
	p.cfg.Options.ActiveIPVersion = v
	p.echo(LevelInfo, "Setting active IP version to %d", map[IPVersion]int{IPv4: 2, IPv6: 10}[v])
	return nil
}
