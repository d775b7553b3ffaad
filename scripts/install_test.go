// Package scripts holds a test only: make install, as a packager calls it.
package scripts

import (
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// install runs make install below dest and returns the directory of the prefix. It
// builds in bin, not in the checkout, whose programs are not of this version.
func install(t *testing.T, bin, dest string) string {
	t.Helper()
	cmd := exec.Command("make", "install", "BIN="+bin, "DESTDIR="+dest, "PREFIX=/opt/spread", "VERSION=1.2.3")
	cmd.Dir = ".."
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %v\n%s", cmd, err, out)
	}
	return filepath.Join(dest, "opt", "spread")
}

func TestInstall(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("the Makefile is for Unix")
	}
	if _, err := exec.LookPath("make"); err != nil {
		t.Skip("make is missing; scripts/setup.sh installs it")
	}
	bin, dest := t.TempDir(), t.TempDir()
	prefix := install(t, bin, dest)

	t.Run("programs", func(t *testing.T) {
		for _, path := range []string{
			filepath.Join(prefix, "sbin/spread"), filepath.Join(prefix, "bin/spuser"), filepath.Join(prefix, "bin/sptuser"),
			filepath.Join(prefix, "bin/spflooder"), filepath.Join(prefix, "sbin/spmonitor"), filepath.Join(prefix, "sbin/sptmonitor"), filepath.Join(bin, "spread"),
		} {
			if _, err := exec.LookPath(path); err != nil {
				t.Error(err)
			}
		}
	})
	t.Run("version", func(t *testing.T) {
		for _, name := range []string{"sbin/spread", "sbin/spmonitor", "bin/spuser", "bin/spflooder"} {
			out, err := exec.Command(filepath.Join(prefix, name), "--version").CombinedOutput()
			if err != nil || !strings.HasSuffix(string(out), " 1.2.3\n") {
				t.Errorf("%s --version says %q: %v", name, out, err)
			}
		}
	})
	t.Run("configuration", func(t *testing.T) {
		conf := filepath.Join(prefix, "etc/spread.conf")
		out, err := exec.Command(filepath.Join(prefix, "sbin/spread"), "--check", "-c", conf).CombinedOutput()
		if err != nil {
			t.Errorf("the sample does not pass its check: %v\n%s", err, out)
		}
		mine := "# mine\n"
		if err := os.WriteFile(conf, []byte(mine), 0o600); err != nil {
			t.Fatal(err)
		}
		install(t, bin, dest)
		if kept, err := os.ReadFile(conf); string(kept) != mine {
			t.Errorf("a second install replaced the configuration by %q: %v", kept, err)
		}
	})
}
