package session

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
)

// Names of the authentication methods, in the order in which they are offered.
const (
	MethodNull = "NULL"
	MethodIP   = "IP"
)

// methods lists the methods that the daemon knows.
var methods = []string{MethodNull, MethodIP}

// Auth is which authentication methods clients may and must pass (section 10).
type Auth struct {
	Allowed  []string
	Required []string
	IP       IPRules
}

// offered is the list that clients are shown.
func (a *Auth) offered() []string {
	var list []string
	for _, m := range methods {
		if slices.Contains(a.Allowed, m) {
			list = append(list, m)
		}
	}
	return list
}

// admit decides about a client that chose some methods: each must be allowed,
// and it must pass these and the required ones.
func (a *Auth) admit(chosen []string, conn net.Conn) error {
	if len(chosen) == 0 {
		return fmt.Errorf("no authentication method chosen")
	}
	for _, m := range chosen {
		if !slices.Contains(a.offered(), m) {
			return fmt.Errorf("authentication method %q is not allowed", m)
		}
	}
	return a.pass(append(slices.Clone(chosen), a.Required...), conn)
}

// admitOld decides about a client from before the choice of methods existed:
// the IP rules if they are allowed, else NULL, and the required ones.
func (a *Auth) admitOld(conn net.Conn) error {
	allowed := a.offered()
	if len(allowed) == 0 {
		return fmt.Errorf("no authentication method is allowed")
	}
	return a.pass(append(allowed[len(allowed)-1:], a.Required...), conn)
}

func (a *Auth) pass(list []string, conn net.Conn) error {
	for _, m := range list {
		if m == MethodIP && !a.IP.Admits(conn.RemoteAddr()) {
			return fmt.Errorf("no line of spread.access_ip admits %s", remote(conn))
		}
		if !slices.Contains(methods, m) {
			return fmt.Errorf("required authentication method %q is unknown", m)
		}
	}
	return nil
}

// IPRules are the lines of a spread.access_ip file: who is admitted. The zero
// value admits nobody.
type IPRules struct {
	unix     bool
	prefixes []netip.Prefix
}

// Admits tells whether a client with that address is admitted.
func (r *IPRules) Admits(a net.Addr) bool {
	tcp, ok := a.(*net.TCPAddr)
	if !ok {
		return r.unix
	}
	addr := tcp.AddrPort().Addr().Unmap().WithZone("")
	return slices.ContainsFunc(r.prefixes, func(p netip.Prefix) bool { return p.Contains(addr) })
}

// ParseIPRules reads a spread.access_ip file (10.2): lines of `unix`, `local`
// (127.0.0.0/8), an address, or a prefix such as 10.1.0.0/16 or fd00::/8. Empty
// lines, and what stands behind a #, are skipped. A prefix whose address has bits
// behind its length admits nobody, as ever, and is in the warnings. Errors and
// warnings name the line.
func ParseIPRules(file string, text []byte) (r IPRules, warnings []string, err error) {
	lines := bufio.NewScanner(bytes.NewReader(text))
	for n := 1; lines.Scan(); n++ {
		line, _, _ := strings.Cut(lines.Text(), "#")
		line = strings.TrimSpace(strings.TrimPrefix(line, "\ufeff"))
		switch {
		case line == "":
		case strings.HasPrefix(line, "unix"):
			r.unix = true
		case strings.HasPrefix(line, "local"):
			r.prefixes = append(r.prefixes, netip.PrefixFrom(netip.AddrFrom4([4]byte{127}), 8))
		default:
			p, err := parsePrefix(line)
			if err != nil {
				return IPRules{}, nil, fmt.Errorf("%s:%d: %q is no rule: %w; write unix, local, an address, or address/bits", file, n, line, err)
			}
			if p != p.Masked() {
				warnings = append(warnings, fmt.Sprintf("%s:%d: %s admits nobody; write %s", file, n, p, p.Masked()))
				continue
			}
			r.prefixes = append(r.prefixes, p)
		}
	}
	if err := lines.Err(); err != nil {
		return IPRules{}, nil, fmt.Errorf("%s: %w", file, err)
	}
	return r, warnings, nil
}

func parsePrefix(s string) (netip.Prefix, error) {
	if strings.Contains(s, "/") {
		p, err := netip.ParsePrefix(s)
		if err == nil && p.Addr().Is4In6() {
			err = errors.New("an IPv4 address in IPv6 form; write a.b.c.d/bits")
		}
		return p, err
	}
	a, err := netip.ParseAddr(s)
	if err != nil {
		return netip.Prefix{}, err
	}
	return netip.PrefixFrom(a.Unmap().WithZone(""), a.Unmap().BitLen()), nil
}
