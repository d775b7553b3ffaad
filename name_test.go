package spread

import (
	"strings"
	"testing"
)

func TestParseDaemon(t *testing.T) {
	long := strings.Repeat("h", 65)
	for _, tt := range []struct {
		in   string
		port uint16
		host string
		path string
		bad  string // part of the error
	}{
		{in: "", port: 4803},
		{in: "4803", port: 4803},
		{in: "5811@host", port: 5811, host: "host"},
		{in: "5811@::1", port: 5811, host: "::1"},
		{in: "5811@127.0.0.1", port: 5811, host: "127.0.0.1"},
		// Oddities of the C library (client protocol 1.4).
		{in: "71347@h", port: 5811, host: "h"},
		{in: "99999", port: 34463},
		{in: "-1", port: 65535},
		{in: "+7", port: 7},
		{in: " \t5811 @host", port: 5811, host: "host"},
		{in: "5811@host junk", port: 5811, host: "host"},
		{in: "5811 ", port: 5811},
		{in: "5811\n", port: 5811},
		{in: "00000000000000000000000000000000000000000000000000000000000000004803", port: 4803},
		{in: "5811@[::1]", port: 5811, host: "::1"},
		{in: "5811@[h]", port: 5811, host: "[h]"}, // no host has that name
		{in: "1@" + long[:64], port: 1, host: long[:64]},
		{in: "12345@" + long, bad: "at most 70"},
		{in: "12345@" + long[:64], port: 12345, host: long[:64]},
		{in: "unix:/run/spread/4803", path: "/run/spread/4803"},
		{in: "unix:a b@c", path: "a b@c"},
		{in: "unix:/" + long + long, path: "/" + long + long},
		{in: "unix:", bad: "no path"},
		{in: " unix:/x", bad: "does not begin with a port"},
		{in: "5811junk", bad: `"junk" behind the port`},
		{in: "5811 host", bad: `"host" behind the port`},
		{in: "5811@", bad: "no host"},
		{in: "5811@ host", bad: "no host"},
		{in: "host", bad: "does not begin with a port"},
		{in: "@host", bad: "does not begin with a port"},
		{in: "- 1", bad: "does not begin with a port"},
		{in: " ", bad: "does not begin with a port"},
		{in: "+-1", bad: "does not begin with a port"},
	} {
		a, err := parseDaemon(tt.in)
		switch {
		case tt.bad != "":
			if err == nil || !strings.Contains(err.Error(), tt.bad) {
				t.Errorf("%q: %v, %v; want an error with %q", tt.in, a, err, tt.bad)
			}
		case err != nil || a != address{tt.port, tt.host, tt.path}:
			t.Errorf("%q: %v, %v; want %d, %q and %q", tt.in, a, err, tt.port, tt.host, tt.path)
		}
	}
}

func FuzzParseDaemon(f *testing.F) {
	for _, s := range []string{"", "4803", "4803@host", " -1 @ x", "99999999999999999999@::1", "unix:/x"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		a, err := parseDaemon(s)
		if err == nil && strings.ContainsAny(a.host, spaces) {
			t.Errorf("%q: host %q", s, a.host)
		}
	})
}
