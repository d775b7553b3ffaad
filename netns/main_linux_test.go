package netns

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// target is the daemon under test, set once by TestMain.
var target struct {
	binary   string
	argv     []string // what stands before the program's name
	original bool     // expected to behave as the original
}

var (
	long = flag.Duration("long", 0, "how long TestLong goes on; it is skipped otherwise")
	rate = flag.Int("rate", 50, "what each client of TestLong does in a second")
	seed = flag.Uint64("seed", 0, "of what is chosen at random; 0: the time")
)

func TestMain(m *testing.M) { os.Exit(testMain(m)) }

func testMain(m *testing.M) int {
	flag.Parse()
	if *seed == 0 {
		*seed = uint64(time.Now().UnixNano()) % 1_000_000
	}
	dir, err := os.MkdirTemp("", "netns")
	if err != nil {
		fmt.Fprintln(os.Stderr, "netns:", err)
		return 1
	}
	defer func() { _ = os.RemoveAll(dir) }()
	if target.binary = os.Getenv("SPREAD_NETNS_DAEMON"); target.binary != "" {
		target.original = os.Getenv("SPREAD_NETNS_RULES") != "ours"
		if stdbuf, err := exec.LookPath("stdbuf"); err == nil {
			target.argv = []string{stdbuf, "-oL"} // its last words would be lost in a buffer
		}
		return m.Run()
	}
	if target.binary, err = build(dir); err != nil {
		fmt.Fprintln(os.Stderr, "netns:", err)
		return 1
	}
	return m.Run()
}

// build compiles this module's daemon, with the race detector if the tests
// themselves have it.
func build(dir string) (string, error) {
	path := filepath.Join(dir, "spread")
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
