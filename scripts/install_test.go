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

// install runs make install below dest and returns the directory of the prefix.
func install(t *testing.T, dest string) string {
	t.Helper()
	cmd := exec.Command("make", "install", "DESTDIR="+dest, "PREFIX=/opt/spread", "VERSION=1.2.3")
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
	dest := t.TempDir()
	prefix := install(t, dest)

	t.Run("programs", func(t *testing.T) {
		for _, name := range []string{"sbin/spread", "bin/spuser", "bin/sptuser", "bin/spflooder"} {
			if _, err := exec.LookPath(filepath.Join(prefix, name)); err != nil {
				t.Error(err)
			}
		}
		if link, err := os.Readlink(filepath.Join(prefix, "bin/sptuser")); link != "spuser" {
			t.Errorf("sptuser is a link to %q: %v", link, err)
		}
	})
	t.Run("version", func(t *testing.T) {
		out, err := exec.Command(filepath.Join(prefix, "sbin/spread"), "--version").CombinedOutput()
		if err != nil || !strings.Contains(string(out), "1.2.3") {
			t.Errorf("spread --version says %q: %v", out, err)
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
		install(t, dest)
		if kept, err := os.ReadFile(conf); string(kept) != mine {
			t.Errorf("a second install replaced the configuration by %q: %v", kept, err)
		}
	})
}
