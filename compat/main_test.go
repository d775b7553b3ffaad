package compat

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"testing"
)

// target is the daemon binary under test, set once by TestMain.
var target struct {
	argv     []string // command to which the daemon's arguments are appended
	original bool     // held to the rules of the original
}

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	flag.Parse()
	if path := os.Getenv("SPREAD_COMPAT_DAEMON"); path != "" {
		target.original = os.Getenv("SPREAD_COMPAT_RULES") != "ours"
		target.argv = lineBuffered(path)
	} else {
		dir, err := os.MkdirTemp("", "compat")
		if err != nil {
			fmt.Fprintln(os.Stderr, "compat:", err)
			return 1
		}
		defer func() { _ = os.RemoveAll(dir) }()
		path, err := build(dir)
		if err != nil {
			fmt.Fprintln(os.Stderr, "compat:", err)
			return 1
		}
		target.argv = []string{path}
	}
	if !given("test.parallel") {
		_ = flag.Set("test.parallel", "8") // the tests mostly wait for the daemon's time-outs
	}
	code := m.Run()
	if code == 0 && canHalt && !given("test.run", "test.skip", "test.list") {
		for rule, d := range deviations {
			if !d.used.Load() {
				fmt.Fprintf(os.Stderr, "compat: no test looks at the deviation %q\n", rule)
				code = 1
			}
		}
	}
	return code
}

// build compiles this module's daemon into dir, with the race detector if the
// tests themselves have it.
func build(dir string) (string, error) {
	path := filepath.Join(dir, "spread")
	if runtime.GOOS == "windows" {
		path += ".exe"
	}
	args := []string{"build", "-o", path}
	if raceDetector {
		args = append(args, "-race")
	}
	out, err := exec.Command("go", append(args, "gospread/spread/cmd/spread")...).CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("building the daemon: %w\n%s", err, out)
	}
	return path, nil
}

// lineBuffered runs a foreign daemon so that its last words are not lost in a
// buffer, where the system has the means.
func lineBuffered(path string) []string {
	if stdbuf, err := exec.LookPath("stdbuf"); err == nil {
		return []string{stdbuf, "-oL", path}
	}
	return []string{path}
}

// given reports whether one of these flags is on the command line.
func given(names ...string) bool {
	found := false
	flag.Visit(func(f *flag.Flag) { found = found || slices.Contains(names, f.Name) })
	return found
}
