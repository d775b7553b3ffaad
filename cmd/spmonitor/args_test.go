package main

import (
	"bytes"
	"reflect"
	"strings"
	"testing"
	"time"

	"gospread/spread/internal/spmonitor"
)

func TestArguments(t *testing.T) {
	for line, want := range map[string]arguments{
		"":                                    {options: spmonitor.Options{Port: 6543, Every: 10 * time.Second}},
		"-n a -c f -t 0x10 -p 0":              {options: spmonitor.Options{Name: "a", ConfigFile: "f", Every: 16 * time.Second}},
		"-n a -n b -p 010":                    {options: spmonitor.Options{Name: "b", Port: 8, Every: 10 * time.Second}},
		"status":                              {options: spmonitor.Options{Every: 10 * time.Second}, command: spmonitor.Command{Name: "status"}},
		"-c f status a --json b --timeout 3s": {options: spmonitor.Options{ConfigFile: "f", Every: 10 * time.Second}, command: spmonitor.Command{Name: "status", Args: []string{"a", "b"}, JSON: true, Timeout: 3 * time.Second}},
		"partition a/b --for=1m -p 70":        {options: spmonitor.Options{Port: 70, Every: 10 * time.Second}, command: spmonitor.Command{Name: "partition", Args: []string{"a/b"}, For: time.Minute}},
		"terminate status":                    {options: spmonitor.Options{Every: 10 * time.Second}, command: spmonitor.Command{Name: "terminate", Args: []string{"status"}}},
		"top -t 3":                            {options: spmonitor.Options{Every: 3 * time.Second}, command: spmonitor.Command{Name: "top"}},
		"top -c f":                            {options: spmonitor.Options{ConfigFile: "f", Every: time.Second}, command: spmonitor.Command{Name: "top"}},
		"--help":                              {options: spmonitor.Options{Port: 6543, Every: 10 * time.Second}, help: true},
	} {
		got, err := parse(strings.Fields(line))
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%q: %+v, %v; want %+v", line, got, err, want)
		}
	}
}

func TestWrongArguments(t *testing.T) {
	for line, want := range map[string]string{
		"-x":                       "Unknown or missing parameter: -x",
		"-x y":                     "Unknown or missing parameter: -x",
		"-nfoo a":                  "Unknown or missing parameter: -nfoo",
		"-p":                       "Unknown or missing parameter: -p",
		"-c x -n":                  "Unknown or missing parameter: -n",
		"-t 5 extra":               "Unknown or missing parameter: extra",
		"-p 70000":                 "Port number must be in range [0, 65536): 70000",
		"-p 0x10zz":                "Port number must be in range [0, 65536): 0x10zz",
		"-p -1":                    "Port number must be in range [0, 65536): -1",
		"-t 0":                     "Status query timeout must be a positive integer: 0",
		"-t x":                     "Status query timeout must be a positive integer: x",
		"-n qqqqqqqqqqqqqqqqqqqqq": "Proc name too long: qqqqqqqqqqqqqqqqqqqqq",
		"--json":                   "--json and --timeout go with a command such as status",
		"status --for 1s":          "--for goes with the command partition",
		"status --timeout 5":       `--timeout: "5" is not a time such as 500ms, 10s or 2m`,
		"top a":                    "top takes no names, no --json and no --timeout",
		"top --json":               "top takes no names, no --json and no --timeout",
		"status -x y":              "Unknown or missing parameter: -x",
	} {
		var out, errs bytes.Buffer
		code := run(append([]string{"/usr/sbin/spmonitor"}, strings.Fields(line)...), strings.NewReader(""), &out, &errs)
		first, rest, _ := strings.Cut(out.String(), "\n\n")
		if code != exitUsage || first != want || !strings.HasPrefix(rest, "Usage: /usr/sbin/spmonitor\n\t[-p <port number>]    : specify port number\n") || errs.Len() > 0 {
			t.Errorf("%q: exit %d\n%s%s", line, code, &out, &errs)
		}
	}
}

func TestHelpAndVersion(t *testing.T) {
	for _, arg := range []string{"--help", "-h", "--version"} {
		var out, errs bytes.Buffer
		if code := run([]string{"spmonitor", arg}, strings.NewReader(""), &out, &errs); code != 0 || errs.Len() > 0 || !strings.Contains(out.String(), "spmonitor") {
			t.Errorf("%s: exit %d, %q, %q", arg, code, out.String(), errs.String())
		}
	}
}
