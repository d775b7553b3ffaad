package conf

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"
)

// listen takes where a service listens: a port alone means the loopback interface.
func (p *parser) listen(d *directive, t token) error {
	const form = "write address:port, such as 127.0.0.1:4810, or a port alone for this machine only"
	var host string
	var port int
	switch t.kind {
	case kindNumber:
		port = t.num
	case kindAddrPort:
		at := netip.AddrPortFrom(t.addr, t.port)
		host, port = strings.TrimSuffix(at.String(), ":"+strconv.Itoa(int(t.port))), int(t.port)
	case kindWord:
		at := strings.LastIndexByte(t.text, ':')
		if at < 0 || !digits(t.text[at+1:]) || !hostName(t.text[:at]) {
			return p.fail(t, fmt.Sprintf("%s must be an address and a port, found %s", d.key, quote(shorten(t.text))), form)
		}
		host = t.text[:at]
		port, _ = strconv.Atoi(t.text[at+1:]) // one that is too large for an int is out of range below
	default:
		return p.fail(t, fmt.Sprintf("%s must be an address and a port, found %s", d.key, t.describe()), form+"; leave the directive out for no service")
	}
	if port < 1 || port > 65535 {
		return p.fail(t, fmt.Sprintf("the port of %s must be 1 to 65535", d.key), form)
	}
	p.cfg.Options.HTTPStatus = strconv.Itoa(port)
	if host != "" {
		p.cfg.Options.HTTPStatus = host + ":" + strconv.Itoa(port)
	}
	return nil
}

// hostName tells whether s may be the name of a host, or an address that was quoted.
func hostName(s string) bool {
	if a, err := netip.ParseAddrPort(s + ":1"); err == nil {
		return a.IsValid()
	}
	ok := s != "" && len(s) <= 253
	for label := range strings.SplitSeq(s, ".") {
		ok = ok && label != "" && len(label) <= 63 && label[0] != '-' &&
			strings.Trim(label, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_") == ""
	}
	return ok
}
