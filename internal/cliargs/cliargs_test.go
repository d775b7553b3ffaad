package cliargs

import (
	"errors"
	"strings"
	"testing"
	"time"
)

type result struct {
	user   string
	number int
	both   string
	json   bool
	span   time.Duration
}

func parse(args ...string) (r result, err error) {
	err = Parse(args, []Option{
		{Name: "-ro", NoValue: true, Set: func(string) error { r.both = "ro"; return nil }},
		{Name: "-wo", NoValue: true, Set: func(string) error { r.both = "wo"; return nil }},
		String("-u", &r.user),
		String("--user", &r.user),
		Int("-m", &r.number, 0, 1000),
		Bool("--json", &r.json),
		Duration("--for", &r.span),
		{Name: "--bad", Set: func(string) error { return errors.New("always wrong") }},
	})
	return r, err
}

func TestParse(t *testing.T) {
	for _, c := range []struct {
		args string
		want result
	}{
		{"", result{}},
		{"-u x", result{user: "x"}},
		{"-user x", result{user: "x"}},
		{"-u x -u y", result{user: "y"}},
		{"-u -u", result{user: "-u"}},
		{"--user x", result{user: "x"}},
		{"--user=x=y", result{user: "x=y"}},
		{"--user=", result{}},
		{"-m 12 --json", result{number: 12, json: true}},
		{"-ro -wo", result{both: "wo"}},
		{"-wordy -rot", result{both: "ro"}},
		{"--for 1m30s", result{span: 90 * time.Second}},
	} {
		got, err := parse(strings.Fields(c.args)...)
		if err != nil || got != c.want {
			t.Errorf("%q: %+v, %v; want %+v", c.args, got, err, c.want)
		}
	}
}

func TestParseErrors(t *testing.T) {
	for args, want := range map[string]string{
		"-":          `unknown argument "-"`,
		"x":          `unknown argument "x"`,
		"-r":         `unknown argument "-r"`,
		"--js":       `unknown argument "--js"`,
		"--jsonx":    `unknown argument "--jsonx"`,
		"--json=1":   "argument --json takes no value",
		"-u":         "argument -u needs a value",
		"--user":     "argument --user needs a value",
		"-m x":       `argument -m: "x" is not a number from 0 to 1000`,
		"-m 1001":    `argument -m: "1001" is not a number from 0 to 1000`,
		"-m -1":      `argument -m: "-1" is not a number from 0 to 1000`,
		"-m 12x":     `argument -m: "12x" is not a number from 0 to 1000`,
		"--for 10":   `argument --for: "10" is not a time such as 500ms, 10s or 2m`,
		"--for -1s":  `argument --for: "-1s" is not a time such as 500ms, 10s or 2m`,
		"--bad=x -x": "argument --bad: always wrong",
	} {
		_, err := parse(strings.Fields(args)...)
		if err == nil || err.Error() != want {
			t.Errorf("%q: error %v, want %s", args, err, want)
		}
	}
}
