package spread

import (
	"fmt"
	"strings"

	"gospread/spread/internal/clientproto"
)

// Version is the release of a daemon or of this library.
type Version struct{ Major, Minor, Patch int }

// String returns the version as "5.0.1".
func (v Version) String() string { return fmt.Sprintf("%d.%d.%d", v.Major, v.Minor, v.Patch) }

func versionOf(v clientproto.Version) Version {
	return Version{int(v.Major), int(v.Minor), int(v.Patch)}
}

// LibraryVersion is the release of Spread whose protocol this library speaks,
// which it tells the daemon.
func LibraryVersion() Version { return versionOf(clientproto.ThisVersion) }

const (
	defaultDaemon = "4803"
	// maxDaemonName is a host of 64 bytes and the port before it (1.4).
	maxDaemonName = 70
)

// address is where a daemon is to be found. An empty host is this machine; with a
// path, it is that Unix socket, whatever the rest.
type address struct {
	port uint16
	host string
	path string
}

// pathPrefix stands before the path of a Unix socket.
const pathPrefix = "unix:"

const spaces = " \t\n\v\f\r"

// parseDaemon reads the name of a daemon with the peculiarities of the C library
// (client protocol 1.4): a port of any number of digits counts modulo 65536, and
// what follows the host behind a blank is ignored. Paths of sockets are ours.
func parseDaemon(s string) (address, error) {
	if s == "" {
		s = defaultDaemon
	}
	if path, ok := strings.CutPrefix(s, pathPrefix); ok {
		if path == "" {
			return address{}, fmt.Errorf("daemon name %q has no path; write unix:/PATH, such as unix:/run/spread/4803", s)
		}
		return address{path: path}, nil
	}
	if len(s) > maxDaemonName {
		return address{}, fmt.Errorf("daemon name of %d bytes, must be at most %d", len(s), maxDaemonName)
	}
	port, rest, ok := parsePort(strings.TrimLeft(s, spaces))
	if !ok {
		return address{}, fmt.Errorf("daemon name %q does not begin with a port; write PORT or PORT@HOST, such as 4803@localhost", s)
	}
	words := strings.FieldsFunc(rest, func(r rune) bool { return strings.ContainsRune(spaces, r) })
	if len(words) == 0 {
		return address{port: port}, nil
	}
	host, ok := strings.CutPrefix(words[0], "@")
	switch {
	case !ok:
		return address{}, fmt.Errorf("daemon name %q has %q behind the port; write PORT or PORT@HOST, such as 4803@localhost", s, words[0])
	case host == "":
		return address{}, fmt.Errorf("daemon name %q has no host behind the @; write PORT@HOST without blanks, or just PORT for this machine", s)
	}
	if inner, ok := strings.CutPrefix(host, "["); ok && strings.HasSuffix(inner, "]") && strings.Contains(inner, ":") {
		host = inner[:len(inner)-1]
	}
	return address{port: port, host: host}, nil
}

// parsePort takes an optional sign and decimal digits from the front of s.
func parsePort(s string) (port uint16, rest string, ok bool) {
	negative := strings.HasPrefix(s, "-")
	if negative || strings.HasPrefix(s, "+") {
		s = s[1:]
	}
	for s != "" && s[0] >= '0' && s[0] <= '9' {
		port = port*10 + uint16(s[0]-'0') // wraps, as it must
		s, ok = s[1:], true
	}
	if negative {
		port = -port
	}
	return port, s, ok
}
