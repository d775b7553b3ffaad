package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"gospread/spread/internal/fakedaemon"
	"gospread/spread/internal/spcheck"
)

// listen starts a stand-in of a daemon.
func listen(t *testing.T) string {
	t.Helper()
	address, stop, err := fakedaemon.New("machine1").Listen()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stop)
	return address
}

func call(args ...string) (code int, stdout, stderr string) {
	var out, errs strings.Builder
	code = run(args, &out, &errs)
	return code, out.String(), errs.String()
}

func TestText(t *testing.T) {
	a := listen(t)
	code, out, errs := call("-s", a, "-s", a, "-t", "600ms", "--round", "300ms", "--rate", "500", "--services", "safe, agreed")
	if code != 0 || errs != "" {
		t.Fatalf("exit %d, %s\n%s", code, errs, out)
	}
	for _, want := range []string{
		"round 1: ", "0 violations, at rest\n", fmt.Sprintf("daemons      2: %s %s\n", a, a), "clients      4, with ",
		"sent         ", "delivered    ", "compared     ", "violations   0\n",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
}

func TestJSON(t *testing.T) {
	code, out, errs := call("-s", listen(t), "-t", "300ms", "--json", "--clients", "3")
	var got struct {
		Clients, Sent  int
		ViolationCount *int `json:"violation_count"`
	}
	if err := json.Unmarshal([]byte(out), &got); err != nil || code != 0 || errs != "" {
		t.Fatalf("exit %d, %v, %s\n%s", code, err, errs, out)
	}
	if got.Clients != 3 || got.Sent == 0 || got.ViolationCount == nil || *got.ViolationCount != 0 {
		t.Errorf("%s", out)
	}
}

// Daemons that cannot be reached, or do not know each other, are no success.
func TestIncomplete(t *testing.T) {
	a := listen(t)
	for _, other := range []string{listen(t), "1@127.0.0.1"} {
		code, out, errs := call("-s", a, "-s", other, "--limit", "300ms", "-t", "300ms")
		if code != exitFailed || !strings.Contains(out, "INCOMPLETE ") || !strings.Contains(out, other) || errs == "" {
			t.Errorf("%s: exit %d, %s\n%s", other, code, errs, out)
		}
	}
}

func TestUsage(t *testing.T) {
	for _, args := range [][]string{
		{"--nonsense"}, {"-t"}, {"-t", "0s"}, {"--clients", "0"}, {"--services", "best"}, {"--services", ""}, {"--size", "10"}, {"--events", "1"},
	} {
		if code, out, errs := call(args...); code != exitFailed || out != "" || !strings.HasPrefix(errs, "spcheck: ") {
			t.Errorf("%v: exit %d, %s%s", args, code, out, errs)
		}
	}
	if code, out, _ := call("--help"); code != 0 || out != help {
		t.Errorf("exit %d, %s", code, out)
	}
	if code, out, _ := call("--version"); code != 0 || !strings.HasPrefix(out, "spcheck (gospread) ") {
		t.Errorf("exit %d, %s", code, out)
	}
}

func TestStatus(t *testing.T) {
	for want, err := range []error{0: nil, exitViolations: spcheck.ErrViolations, exitFailed: spcheck.ErrIncomplete} {
		if got := status(err); got != want {
			t.Errorf("%v is %d, want %d", err, got, want)
		}
	}
	if got := status(errors.New("other")); got != exitFailed {
		t.Errorf("another error is %d", got)
	}
}

// The traces of a round with a violation are kept, others are not.
func TestTraces(t *testing.T) {
	path := filepath.Join(t.TempDir(), "traces")
	a := arguments{traces: path}
	var out strings.Builder
	if err := a.report(&spcheck.Summary{}, &out); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path); err == nil {
		t.Error("a file without a violation")
	}
	if err := a.report(&spcheck.Summary{Trace: []byte("x")}, &out); err != nil {
		t.Fatal(err)
	}
	if got, err := os.ReadFile(path); err != nil || string(got) != "x" {
		t.Errorf("%q, %v", got, err)
	}
}
