//go:build unix

package e2e

import (
	"encoding/json"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

func checkCode(ts *testscript.TestScript, want string, code int, stdout, stderr []byte) {
	if strconv.Itoa(code) != want {
		ts.Fatalf("exit status %d, want %s\n%s%s", code, want, stdout, stderr)
	}
}

// given are the ports that scripts have been given.
var given sync.Map

// freeport NAME sets a variable to a port that a daemon can have.
func freePort(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: freeport NAME")
	}
	for range 1000 {
		port := 22000 + 2*rand.IntN(5000)
		if _, taken := given.LoadOrStore(port, true); !taken && isFree(port) {
			ts.Setenv(args[0], strconv.Itoa(port))
			return
		}
	}
	ts.Fatalf("no free port")
}

// get CODE URL [PATTERN...] asks for something over HTTP, until the answer has the status
// given and lines that match the patterns.
func get(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: get CODE URL [PATTERN...]")
	}
	var patterns []*regexp.Regexp
	for _, p := range args[2:] {
		re, err := regexp.Compile("(?m)" + p)
		ts.Check(err)
		patterns = append(patterns, re)
	}
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	limit := time.After(20 * time.Second)
	for {
		code, body, err := ask(args[1])
		missing := slices.ContainsFunc(patterns, func(re *regexp.Regexp) bool { return !re.Match(body) })
		if err == nil && strconv.Itoa(code) == args[0] && !missing {
			return
		}
		select {
		case <-tick.C:
		case <-limit:
			ts.Fatalf("%s: %d %v\n%s", args[1], code, err, body)
		}
	}
}

func ask(url string) (code int, body []byte, err error) {
	resp, err := http.Get(url)
	if err != nil {
		return 0, nil, err
	}
	defer resp.Body.Close()
	body, err = io.ReadAll(resp.Body)
	return resp.StatusCode, body, err
}

// masks are what differs from run to run.
var masks = []struct {
	re   *regexp.Regexp
	with string
}{
	{regexp.MustCompile(`(?m)^grp id is -?\d+ \d+ \d+$`), "grp id is N N N"},
	{regexp.MustCompile(`(?m)^Membership id is \( -?\d+, \d+\)$`), "Membership id is ( N, N)"},
	{regexp.MustCompile(`(?m)^Hash value for this configuration is: \d+$`), "Hash value for this configuration is: N"},
	{regexp.MustCompile(`(?m)^Status at (\w+) V.*\n(?:.*\n){8}==================================$`), "Status at $1"},
	{regexp.MustCompile(`(?m)^\| gospread spmonitor .*\|$`), "| gospread spmonitor |"},
	{regexp.MustCompile(`(?m)^Spread: running as .*\n`), ""}, // only as root
}

// mask FILE... replaces the numbers that differ from run to run by N, and the
// port by PORT.
func mask(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) == 0 {
		ts.Fatalf("usage: mask FILE...")
	}
	for _, file := range args {
		text := ts.ReadFile(file)
		for _, m := range masks {
			text = m.re.ReplaceAllString(text, m.with)
		}
		if port := ts.Getenv("PORT"); port != "" {
			text = strings.ReplaceAll(text, port, "PORT")
		}
		ts.Check(os.WriteFile(ts.MkAbs(file), []byte(text), 0o644))
	}
}

// jsonfield FILE PATH VALUE compares a member of the JSON object in a file, such as
// sent.messages, as JSON text; the value > 0 is any positive number.
func jsonField(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: jsonfield FILE PATH VALUE")
	}
	var v any
	ts.Check(json.Unmarshal([]byte(ts.ReadFile(args[0])), &v))
	for _, name := range strings.Split(args[1], ".") {
		o, ok := v.(map[string]any)
		if v, ok = o[name], ok && o[name] != nil; !ok {
			ts.Fatalf("there is no %s", args[1])
		}
	}
	if n, ok := v.(float64); ok && args[2] == "> 0" {
		if n <= 0 {
			ts.Fatalf("%s is %v", args[1], n)
		}
		return
	}
	got, err := json.Marshal(v)
	ts.Check(err)
	if string(got) != args[2] {
		ts.Fatalf("%s is %s, want %s", args[1], got, args[2])
	}
}
