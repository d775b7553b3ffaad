package main

import (
	"bytes"
	"strings"
	"testing"
)

func TestArguments(t *testing.T) {
	for _, c := range []struct {
		args string
		want arguments
	}{
		{"-c spread.conf -n machine1", arguments{config: "spread.conf", name: "machine1"}},
		{"-nfoo bar -config x", arguments{config: "x", name: "bar"}},
		{"-n a -n b -l y -l n", arguments{name: "b"}},
		{"-l y", arguments{sessionLog: true}},
		{"--check -c f", arguments{check: true, config: "f"}},
	} {
		got, err := parseArgs(strings.Fields(c.args))
		if err != nil || got != c.want {
			t.Errorf("%q: %+v, %v", c.args, got, err)
		}
	}
}

func TestWrongArguments(t *testing.T) {
	for _, args := range []string{"-n", "-l x", "-x", "stray", "--chek", "-n 01234567890123456789", "-"} {
		var out, errs bytes.Buffer
		if code := run(strings.Fields(args), &out, &errs); code != exitUsage || !strings.Contains(errs.String(), "\nUsage: spread\n") {
			t.Errorf("%q: exit %d, %q", args, code, errs.String())
		}
	}
}

func TestHelpAndVersion(t *testing.T) {
	for _, arg := range []string{"--help", "-h", "--version"} {
		var out, errs bytes.Buffer
		if code := run([]string{arg}, &out, &errs); code != 0 || errs.Len() > 0 || !strings.Contains(out.String(), "spread") {
			t.Errorf("%s: exit %d, %q, %q", arg, code, out.String(), errs.String())
		}
	}
}
