package spuser

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
)

func TestParseSteps(t *testing.T) {
	for script, want := range map[string][]Step{
		"":                          nil,
		" ; ;":                      nil,
		"j test":                    {{'j', "test"}},
		"j test; s test hello you;": {{'j', "test"}, {'s', "test hello you"}},
		`s test a\;b\\c; q`:         {{'s', `test a;b\c`}, {'q', ""}},
		`s test \n`:                 {{'s', `test \n`}},
		"s test":                    {{'s', "test"}},
		"b test 100;r;p;e;d;l g":    {{'b', "test 100"}, {'r', ""}, {'p', ""}, {'e', ""}, {'d', ""}, {'l', "g"}},
	} {
		got, err := ParseSteps(script)
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%q: %v, %v", script, got, err)
		}
	}
	for _, script := range []string{"x", "j", "jtest", "j a b", "s", "b g", "b g x", "b g -1", "b g 102401", "m g", "q now", "j g; ?"} {
		if got, err := ParseSteps(script); err == nil {
			t.Errorf("%q: %v, no error", script, got)
		}
	}
}

func runScript(t *testing.T, script string, json bool) (string, error) {
	t.Helper()
	steps, err := ParseSteps(script)
	if err != nil {
		t.Fatal(err)
	}
	address, _ := daemon(t)
	var b strings.Builder
	err = Run(t.Context(), Options{Address: address, User: "user", Exec: steps, JSON: json}, nil, &b)
	return b.String(), err
}

// Each step shows what it has caused before the next begins.
func TestScript(t *testing.T) {
	got, err := runScript(t, "j test; s test hello you; b test 4; p; l test", false)
	if err != nil {
		t.Fatal(err)
	}
	want := `============================
Received REGULAR membership for group test with 1 members, where I am member 0:
	#user#machine1
grp id is 1 2 1
Due to the JOIN of #user#machine1
============================
` + "received SAFE message from #user#machine1, of type 1, (endian 0) to 1 groups " + `
(9 bytes): hello you
sending 10 messages of 4 bytes
`
	if !strings.HasPrefix(got, want) {
		t.Errorf("output\n%s", got)
	}
	if !strings.HasSuffix(got, "(4 bytes): mess\nPolling sais: 0\n"+ruler+"received membership message that left group test\n") {
		t.Errorf("output\n%s", got)
	}
}

func TestScriptEndsWithTheFirstError(t *testing.T) {
	got, err := runScript(t, "j #bad; j test", false)
	if err == nil || got != "SP_error: (-14) Illegal group.\n" {
		t.Errorf("%q, %v", got, err)
	}
	if got, err := runScript(t, "q; j #bad", false); err != nil || got != "" {
		t.Errorf("%q, %v", got, err)
	}
}

func TestScriptReceives(t *testing.T) {
	got, err := runScript(t, "d; j test; s test one; r; r", false)
	if err != nil || strings.Count(got, ruler) != 2 || !strings.HasSuffix(got, "(3 bytes): one\n") {
		t.Errorf("%q, %v", got, err)
	}
}

func TestJSON(t *testing.T) {
	got, err := runScript(t, "j test; s test <hello>; s test \xff\x00; p; l test", true)
	if err != nil {
		t.Fatal(err)
	}
	var all []map[string]any
	for line := range strings.Lines(got) {
		var o map[string]any
		if err := json.Unmarshal([]byte(line), &o); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		delete(o, "address")
		all = append(all, o)
	}
	want := []map[string]any{
		{"event": "connected", "private_group": "#user#machine1", "daemon_version": "5.0.1"},
		{"event": "view", "group": "test", "id": []any{1.0, 2.0, 1.0}, "cause": "JOIN", "changed": "#user#machine1",
			"members": []any{"#user#machine1"}, "index": 0.0, "sets": []any{[]any{"#user#machine1"}}, "own_set": 0.0},
		{"event": "message", "sender": "#user#machine1", "groups": []any{"test"}, "service": "SAFE", "type": 1.0,
			"big_endian": false, "bytes": 7.0, "text": "<hello>"},
		{"event": "message", "sender": "#user#machine1", "groups": []any{"test"}, "service": "SAFE", "type": 1.0,
			"big_endian": false, "bytes": 2.0, "base64": "/wA="},
		{"event": "pending", "bytes": 0.0},
		{"event": "left", "group": "test"},
	}
	if !reflect.DeepEqual(all, want) {
		t.Errorf("output\n%s\nwant\n%v", got, want)
	}
	got, err = runScript(t, "l #bad", true)
	if err == nil || !strings.Contains(got, `{"code":-14,"error":`) {
		t.Errorf("%q, %v", got, err)
	}
}
