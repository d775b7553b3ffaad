package conf

import (
	"strings"
	"testing"
)

func TestHTTPStatus(t *testing.T) {
	const segment = "Spread_Segment 127.0.0.255:4803 { a 127.0.0.1 }\n"
	for value, want := range map[string]string{
		"4810":                 "4810",
		"127.0.0.1:4810":       "127.0.0.1:4810",
		"0.0.0.0:65535":        "0.0.0.0:65535",
		"[::1]:4810":           "[::1]:4810",
		`"[::1]:4810"`:         "[::1]:4810",
		`"10.0.0.1:1"`:         "10.0.0.1:1",
		"[fe80::1%eth0]:4810":  "[fe80::1%eth0]:4810",
		"localhost:4810":       "localhost:4810",
		"mars.example.com:80":  "mars.example.com:80",
		"4810\nHTTPStatus = 7": "7",
	} {
		if c := parse(t, segment+"HTTPStatus = "+value+"\n"); c.Options.HTTPStatus != want {
			t.Errorf("%s: %q, want %q", value, c.Options.HTTPStatus, want)
		}
	}
	if c := parse(t, segment); c.Options.HTTPStatus != "" {
		t.Errorf("it is on by default: %q", c.Options.HTTPStatus)
	}
	// The word is free for names, as it always was.
	if c := parse(t, "Spread_Segment 127.0.0.255:4803 { HTTPStatus 127.0.0.1 }"); c.Daemons()[0].Name != "HTTPStatus" {
		t.Errorf("%+v", c.Daemons())
	}
	for value, want := range map[string]string{
		"0":                           "1 to 65535",
		"65536":                       "1 to 65535",
		"127.0.0.1:0":                 "1 to 65535",
		`"a:99999999999999999999999"`: "1 to 65535",
		"127.0.0.1":                   "found an address",
		"on":                          "found an on-off-auto value",
		"off":                         "leave the directive out",
		"true":                        "found a yes-or-no value",
		"localhost":                   `found "localhost"`,
		`":4810"`:                     `found ":4810"`,
		`"*:4810"`:                    `found "*:4810"`,
		`"a b:4810"`:                  `found "a b:4810"`,
		`"a..b:4810"`:                 `found "a..b:4810"`,
		`"::1:4810"`:                  `found "::1:4810"`,
		`"host:"`:                     `found "host:"`,
		`""`:                          `found ""`,
	} {
		_, err := Parse([]byte(segment+"HTTPStatus = "+value+"\n"), "f", Env{})
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "f:2:14") {
			t.Errorf("%s: %v, want %q", value, err, want)
		}
	}
}

func TestHTTPStatusChanges(t *testing.T) {
	const segment = "Spread_Segment 127.0.0.255:4803 { a 127.0.0.1 }\n"
	live, refused := Changed(parse(t, segment), parse(t, segment+"HTTPStatus = 4810"), "a")
	if len(refused) > 0 || len(live) != 1 || live[0] != `HTTPStatus: "" -> 4810` {
		t.Errorf("%q %q", live, refused)
	}
}
