package packaging

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
)

// version is that of the packages the tests build.
const version = "0.1.0"

// dir is where everything is built.
var dir string

func TestMain(m *testing.M) {
	var err error
	if dir, err = os.MkdirTemp("", "packaging"); err != nil {
		panic(err)
	}
	code := m.Run()
	_ = os.RemoveAll(dir)
	os.Exit(code)
}

// run runs a program in the root of the repository and returns what it prints.
func run(t *testing.T, name string, args ...string) string {
	t.Helper()
	out, err := try(t, name, args...)
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
	return out
}

func try(t *testing.T, name string, args ...string) (string, error) {
	t.Helper()
	if _, err := exec.LookPath(name); err != nil {
		t.Skipf("%v; scripts/setup.sh installs it", err)
	}
	cmd := exec.CommandContext(t.Context(), name, args...)
	cmd.Dir = ".."
	// The tests may run with settings for the race detector.
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=-buildvcs=false", "LC_ALL=C.UTF-8")
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// built makes something once, however many tests need it.
var (
	packages    = sync.OnceValue(func() bool { return make("packages") })
	programs    = sync.OnceValue(func() bool { return make("build") })
	manuals     = sync.OnceValue(func() bool { return make("man") })
	completions = sync.OnceValue(func() bool { return make("completions") })
	output      bytes.Buffer
)

func make(target string) bool {
	cmd := exec.Command("make", "-s", target, "VERSION="+version, "BIN="+filepath.Join(dir, "bin"), "DIST="+filepath.Join(dir, "dist"))
	cmd.Dir = ".."
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=-buildvcs=false")
	cmd.Stdout, cmd.Stderr = &output, &output
	return cmd.Run() == nil
}

func need(t *testing.T, made func() bool) {
	t.Helper()
	if !made() {
		t.Fatalf("make: %s", &output)
	}
}

func file(name string) string { return filepath.Join(dir, "dist", name) }

const (
	deb = "gospread_" + version + "-1_amd64.deb"
	rpm = "gospread-" + version + "-1.x86_64.rpm"
)

// here is the name of that package for the machine of the tests.
func here(name string) string {
	if runtime.GOARCH == "arm64" {
		return strings.NewReplacer("amd64", "arm64", "x86_64", "aarch64").Replace(name)
	}
	return name
}

// TestPackages: they are there for both architectures, in order, and with all that
// belongs to a system.
func TestPackages(t *testing.T) {
	need(t, packages)
	for name, arch := range map[string]string{deb: "x86-64", strings.Replace(deb, "amd64", "arm64", 1): "aarch64"} {
		tree := t.TempDir()
		run(t, "dpkg-deb", "-x", file(name), tree)
		if got := run(t, "readelf", "-h", filepath.Join(tree, "usr/sbin/spread")); !strings.Contains(strings.ToLower(got), arch) {
			t.Errorf("%s has a program for\n%s", name, got)
		}
	}
	list := run(t, "rpm", "-qpl", file(rpm)) + run(t, "rpm", "-qp", "--scripts", file(rpm)) + run(t, "rpm", "-qp", "--queryformat",
		"[%{FILENAMES} %{FILEFLAGS:fflags}\n]", file(rpm))
	all := run(t, "dpkg-deb", "-c", file(deb))
	for _, p := range commands(t) {
		for _, where := range []string{"bin/" + p, "bash-completion/completions/" + p, "fish/vendor_completions.d/" + p + ".fish"} {
			if !strings.Contains(all, where) || !strings.Contains(list, where) {
				t.Errorf("no %s in a package", where)
			}
		}
	}
	for _, want := range []string{"/etc/spread/spread.conf cn", "lib/systemd/system/spread.service", "lib/sysctl.d/10-gospread.conf", "systemd-sysusers gospread.conf", "man8/spread.8.gz", "zsh/site-functions/_spread"} {
		if !strings.Contains(list, want) {
			t.Errorf("no %s in\n%s", want, list)
		}
	}
	if got := run(t, "lintian", "--allow-root", "--fail-on", "error,warning", file(deb)); got != "" {
		t.Errorf("lintian: %s", got)
	}
}

// commands are the programs that there are.
func commands(t *testing.T) (names []string) {
	t.Helper()
	dirs, err := os.ReadDir("../cmd")
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range dirs {
		names = append(names, d.Name())
	}
	return names
}

// notAlone is the status of alone.sh where there can be no copy of the system.
const notAlone = 99

// TestLife: installed, used, upgraded, removed and purged in a copy of this system that
// is thrown away; with the checks of systemd for the unit.
func TestLife(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can make a copy of the system")
	}
	need(t, packages)
	for script, name := range map[string]string{"deb.sh": deb, "rpm.sh": rpm} {
		t.Run(script, func(t *testing.T) {
			out, err := try(t, "unshare", "--mount", "--net", "--pid", "--fork", "--kill-child", "sh", "packaging/testdata/alone.sh",
				"packaging/testdata/"+script, file(here(name)))
			if failed, ok := errors.AsType[*exec.ExitError](err); ok && failed.ExitCode() == notAlone {
				t.Skipf("no overlay of this system: %s", out)
			}
			if err != nil || !strings.HasSuffix(out, "PASS\n") {
				t.Errorf("%v\n%s", err, out)
			}
		})
	}
}

// TestManuals: each program and the file have a page, in which the formatter finds
// nothing to say.
func TestManuals(t *testing.T) {
	need(t, manuals)
	pages, err := filepath.Glob(filepath.Join(dir, "bin/man/man*/*"))
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, page := range pages {
		names = append(names, filepath.Base(page))
		cmd := exec.CommandContext(t.Context(), "man", "--warnings", "-E", "UTF-8", "-l", page)
		cmd.Dir = filepath.Join(dir, "bin/man") // for pages that refer to others
		cmd.Env = append(os.Environ(), "LC_ALL=C.UTF-8", "MANWIDTH=80")
		var out, errs bytes.Buffer
		cmd.Stdout, cmd.Stderr = &out, &errs
		if err := cmd.Run(); err != nil || errs.Len() > 0 {
			t.Errorf("%s: %v\n%s", page, err, &errs)
		}
		for _, want := range []string{"NAME", "DESCRIPTION", "gospread " + version} {
			if !strings.Contains(out.String(), want) {
				t.Errorf("%s has no %s:\n%s", page, want, &out)
			}
		}
		for _, mark := range []string{"**", "](", "|--"} {
			if strings.Contains(out.String(), mark) {
				t.Errorf("%s has %s, a mark of Markdown", page, mark)
			}
		}
	}
	// Neither placeholders nor the empty lines of examples get lost.
	for page, want := range map[string]string{
		"man8/spread.8": "\n       /tmp/<port>.lock\n", "man1/spping.1": "0.395 ms\n\n           --- spping ping statistics ---\n",
	} {
		cmd := exec.CommandContext(t.Context(), "man", "-E", "UTF-8", "-l", filepath.Join(dir, "bin/man", page))
		cmd.Env = append(os.Environ(), "LC_ALL=C.UTF-8", "MANWIDTH=80")
		if out, err := cmd.Output(); err != nil || !strings.Contains(string(out), want) {
			t.Errorf("%s: %v, no %q in\n%s", page, err, want, out)
		}
	}
	all := strings.Join(names, " ")
	for _, name := range append(commands(t), "sptuser", "spread.conf") {
		if !strings.Contains(all, name+".") {
			t.Errorf("no page for %s in docs, among %s: is the heading of its page its name?", name, all)
		}
	}
}
