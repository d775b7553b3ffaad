//go:build unix

package e2e

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"testing"
)

// aloneVar names the variable with the directory of the programs by which a test
// program knows that it is the one in namespaces of its own.
const aloneVar = "E2E_ALONE"

// exitNotAlone is its status if it could not set them up.
const exitNotAlone = 3

// programs is the directory of the programs.
var programs string

// TestAlone runs the scripts that need a fixed port, where that can be had in a
// network and a /tmp of their own: by root, on Linux. Elsewhere it runs them here,
// and they are skipped if the port is taken.
func TestAlone(t *testing.T) {
	if os.Getenv(aloneVar) != "" || !runAlone(t) {
		runScripts(t, "alone")
	}
}

// runAlone runs a test in a process with namespaces of its own. It returns false if
// there can be none.
func runAlone(t *testing.T) bool {
	if os.Geteuid() != 0 || namespaces == nil {
		return false
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), self, "-test.run=^"+t.Name()+"$", "-test.v")
	cmd.Env = append(os.Environ(), aloneVar+"="+programs)
	cmd.SysProcAttr = namespaces
	out, err := cmd.CombinedOutput()
	var failed *exec.ExitError
	switch {
	case err == nil && bytes.Contains(out, []byte("--- SKIP")):
		t.Skipf("%s", out)
	case err == nil:
		t.Logf("%s", out)
	case !errors.As(err, &failed) || failed.ExitCode() == exitNotAlone:
		t.Logf("no namespaces: %v\n%s", err, out)
		return false
	default:
		t.Errorf("%v\n%s", err, out)
	}
	return true
}
