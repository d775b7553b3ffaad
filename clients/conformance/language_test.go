package conformance

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// buildTime and testTime bound one command of a run.json.
const (
	buildTime = 5 * time.Minute
	testTime  = 3 * time.Minute
)

// language is a run.json, which tells how a client is built, driven and tested.
type language struct {
	Language string     `json:"language"`
	Needs    []string   `json:"needs"`
	Build    [][]string `json:"build"`
	Driver   []string   `json:"driver"`
	Tests    [][]string `json:"tests"`
	Checks   [][]string `json:"checks"`

	dir   string
	once  sync.Once
	built error
}

// order is that of the table; languages that are not in it come last.
var order = []string{"go", "python", "php", "perl", "ruby", "node", "java", "lua", "tcl", "c", "cpp"}

// findLanguages reads the run.json of each directory that has one.
func findLanguages(clients string) ([]*language, error) {
	paths, err := filepath.Glob(filepath.Join(clients, "*", "run.json"))
	if err != nil {
		return nil, err
	}
	var all []*language
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		l := &language{dir: filepath.Dir(path)}
		d := json.NewDecoder(bytes.NewReader(text))
		d.DisallowUnknownFields()
		if err := d.Decode(l); err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		if l.Language == "" || len(l.Driver) == 0 {
			return nil, fmt.Errorf("%s: language and driver must be given", path)
		}
		all = append(all, l)
	}
	place := func(l *language) int {
		if i := slices.Index(order, l.Language); i >= 0 {
			return i
		}
		return len(order)
	}
	slices.SortStableFunc(all, func(a, b *language) int { return place(a) - place(b) })
	return all, nil
}

// ready builds the client, the first time; it skips the test if this machine
// lacks the language, or fails it if it must not.
func (l *language) ready(t *testing.T) {
	t.Helper()
	for _, need := range l.Needs {
		if _, err := exec.LookPath(need); err != nil {
			reason := fmt.Sprintf("%s needs the command %s, which is not here", l.Language, need)
			if os.Getenv(mustHaveAll) != "" {
				t.Fatal(reason)
			}
			t.Skip(reason)
		}
	}
	l.once.Do(func() {
		l.built = os.MkdirAll(filepath.Join(l.dir, "build"), 0o755)
		for _, argv := range l.Build {
			if l.built != nil {
				return
			}
			l.built = l.run(buildTime, nil, argv)
		}
	})
	if l.built != nil {
		t.Fatalf("clients/%s does not build: %v", filepath.Base(l.dir), l.built)
	}
}

// run runs a command in the directory of the client. What it prints is in the error.
func (l *language) run(limit time.Duration, env, argv []string) error {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	cmd.Dir, cmd.Env, cmd.WaitDelay = l.dir, append(os.Environ(), env...), time.Second
	out, err := cmd.CombinedOutput()
	if ctx.Err() != nil {
		err = fmt.Errorf("not done after %v", limit)
	}
	if err != nil {
		return fmt.Errorf("%s: %w\n%s", strings.Join(argv, " "), err, out)
	}
	return nil
}

// TestClients runs each client's own tests, with a daemon of their own, and checks.
func TestClients(t *testing.T) {
	for _, l := range suite.languages {
		t.Run(l.Language, func(t *testing.T) {
			t.Parallel()
			l.ready(t)
			t.Run("tests", func(t *testing.T) {
				d := startDaemons(t, &scenario{Daemons: 1}, nil)[0]
				l.commands(t, l.Tests, "SPREAD_TEST_DAEMON="+d.tcp(), "SPREAD_TEST_SOCKET="+d.socket(), "SPREAD_TEST_SPREAD="+suite.daemon)
			})
			t.Run("checks", func(t *testing.T) { l.commands(t, l.Checks) })
		})
	}
}

func (l *language) commands(t *testing.T, all [][]string, env ...string) {
	t.Helper()
	outcome, reason := failed, ""
	defer func() { suite.results.add(l.Language, t.Name()[strings.LastIndex(t.Name(), "/")+1:], outcome, reason) }()
	if len(all) == 0 {
		outcome, reason = skipped, "its run.json has none"
		t.Skip(reason)
	}
	for _, argv := range all {
		if err := l.run(testTime, env, argv); err != nil {
			t.Error(err)
		}
	}
	if !t.Failed() {
		outcome = passed
	}
}
