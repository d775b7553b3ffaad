package conf

import (
	"net/netip"
	"strings"
)

// addressShape recognizes what has the shape of an address (rows 8 to 10 of configuration and tools 1.3); whether it
// is one, parseAddr says. The address without its port is left in text.
func addressShape(s string) (token, bool) {
	host, port, found := strings.Cut(s, ":")
	if shapeIPv4(host) {
		if !found {
			return token{kind: kindAddr, text: host}, true
		}
		if len(port) <= maxPortText && digits(port) {
			return token{kind: kindAddrPort, text: host}, true
		}
		return token{}, false
	}
	if shapeIPv6(s) {
		return token{kind: kindAddr, text: s}, true
	}
	return token{}, false
}

// bracketed recognizes [address]:port at the start of s and gives its length, or 0. More than five digits are not its
// matter: what follows is the next token.
func bracketed(s []byte) (token, int) {
	if s[0] != '[' {
		return token{}, 0
	}
	end := 1 + wordLen(s[1:])
	if end+2 >= len(s) || s[end] != ']' || s[end+1] != ':' {
		return token{}, 0
	}
	n := end + 2
	for n < len(s) && n-end-2 < maxPortText && s[n] >= '0' && s[n] <= '9' {
		n++
	}
	host := string(s[1:end])
	if n == end+2 || !shapeIPv6(host) {
		return token{}, 0
	}
	return token{kind: kindAddrPort, text: host}, n
}

// shapeIPv4: four groups of one to three digits.
func shapeIPv4(s string) bool {
	groups := 0
	for part := range strings.SplitSeq(s, ".") {
		if groups++; groups > 4 || len(part) > 3 || !digits(part) {
			return false
		}
	}
	return groups == 4
}

// shapeIPv6: eight groups of one to four hexadecimal digits, or two runs of up to seven groups around one "::"; then
// perhaps a zone. A dotted quad inside is not supported.
func shapeIPv6(s string) bool {
	s, zone, found := strings.Cut(s, "%")
	if found && zone == "" {
		return false
	}
	left, right, short := strings.Cut(s, "::")
	if !short {
		return hexGroups(left) == 8
	}
	l, r := hexGroups(left), hexGroups(right)
	return (left == "" || l > 0 && l < 8) && (right == "" || r > 0 && r < 8)
}

// hexGroups counts groups of one to four hexadecimal digits between colons; 0 if s is something else.
func hexGroups(s string) int {
	n := 0
	for part := range strings.SplitSeq(s, ":") {
		if len(part) < 1 || len(part) > 4 || strings.Trim(part, "0123456789abcdefABCDEF") != "" {
			return 0
		}
		n++
	}
	return n
}

// parseAddr reads an address of the right shape. An empty why means success.
func parseAddr(s string) (addr netip.Addr, why string) {
	bare, zone, _ := strings.Cut(s, "%")
	addr, err := netip.ParseAddr(bare)
	switch {
	case err == nil:
		return addr.WithZone(zone), ""
	case strings.Contains(bare, ":"):
		return addr, "there are too many groups around the ::"
	default:
		return addr, "each of the four numbers must be 0 to 255, without leading zeros"
	}
}

// IPVersion is an address family; 0 is none.
type IPVersion uint8

// The two families.
const (
	IPv4 IPVersion = 4
	IPv6 IPVersion = 6
)

// String gives the spelling used in the file.
func (v IPVersion) String() string {
	switch v {
	case IPv4:
		return "IPv4"
	case IPv6:
		return "IPv6"
	}
	return "none"
}

func familyOf(a netip.Addr) IPVersion {
	if a.Is4() {
		return IPv4
	}
	return IPv6
}

// addrText is the address for reports and logs: as netip prints it, but a zone may be anything that the file has.
func addrText(a netip.Addr) string {
	if zone := a.Zone(); zone != "" {
		return a.WithZone("").String() + "%" + harmless(shorten(zone))
	}
	return a.String()
}
