package packaging

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"gospread/spread"
)

// TestImageSources: what the Dockerfile copies from the repository is there, and not
// kept from it by .dockerignore.
func TestImageSources(t *testing.T) {
	text, err := os.ReadFile("../Dockerfile")
	if err != nil {
		t.Fatal(err)
	}
	ignored, err := os.ReadFile("../.dockerignore")
	if err != nil {
		t.Fatal(err)
	}
	copies := regexp.MustCompile(`(?m)^COPY (.*) \S+$`).FindAllStringSubmatch(string(text), -1)
	if len(copies) < 3 {
		t.Fatalf("%d COPY lines", len(copies))
	}
	for _, c := range copies {
		if strings.HasPrefix(c[1], "--from=") {
			continue
		}
		for _, source := range strings.Fields(c[1]) {
			if _, err := os.Stat(filepath.Join("..", source)); err != nil {
				t.Errorf("COPY %s: %v", c[1], err)
			}
			for line := range strings.Lines(string(ignored)) {
				if p := strings.Trim(line, "/\n"); source == p || strings.HasPrefix(source, p+"/") {
					t.Errorf("COPY %s: .dockerignore has %s", c[1], p)
				}
			}
		}
	}
}

// TestImageBuilds: the commands of the Dockerfile that make what the image has can be
// carried out, and all programs are there.
func TestImageBuilds(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can give files away")
	}
	text, err := os.ReadFile("../Dockerfile")
	if err != nil {
		t.Fatal(err)
	}
	m := regexp.MustCompile(`(?m)^RUN ((?s:.*?[^\\]))\n`).FindAllStringSubmatch(string(text), -1)
	if len(m) != 2 { // the first one fetches modules
		t.Fatalf("%d RUN lines", len(m))
	}
	image := filepath.Join(t.TempDir(), "image")
	run(t, "sh", "-euc", "VERSION=1; "+strings.ReplaceAll(m[1][1], "/image", image))
	for _, p := range append(commands(t), "sptmonitor") {
		if info, err := os.Stat(filepath.Join(image, "usr/bin", p)); err != nil || info.Mode()&0o111 == 0 {
			t.Errorf("%s: %v", p, err)
		}
	}
}

// TestImage: the programs run where there is nothing but them, as a user without a
// name: the daemon serves clients over TCP and its sockets, the health check succeeds,
// and the stop signal stops it.
func TestImage(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can change the root directory")
	}
	need(t, programs)
	root := t.TempDir()
	for name, mode := range map[string]os.FileMode{"": 0o755, "etc": 0o755, "tmp": 0o777, "run": 0o755, "run/spread": 0o755} {
		if err := os.MkdirAll(filepath.Join(root, name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(filepath.Join(root, name), mode); err != nil {
			t.Fatal(err)
		}
	}
	const nobody = 65534
	if err := os.Chown(filepath.Join(root, "run/spread"), nobody, nobody); err != nil {
		t.Fatal(err)
	}
	if err := os.CopyFS(filepath.Join(root, "usr/bin"), os.DirFS(filepath.Join(dir, "bin"))); err != nil {
		t.Fatal(err)
	}
	port := freePort(t)
	config, err := os.ReadFile("docker/spread.conf")
	if err != nil {
		t.Fatal(err)
	}
	config = bytes.ReplaceAll(config, []byte("4803"), fmt.Append(nil, port))
	if err := os.WriteFile(filepath.Join(root, "etc/spread.conf"), config, 0o644); err != nil {
		t.Fatal(err)
	}
	within := func(name string, args ...string) *exec.Cmd {
		cmd := exec.CommandContext(t.Context(), "/usr/bin/"+name, args...)
		cmd.Dir, cmd.Env = "/", []string{"PATH=/usr/bin"}
		cmd.SysProcAttr = &syscall.SysProcAttr{Chroot: root, Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
		return cmd
	}
	if out, err := within("spread", "--version").CombinedOutput(); err != nil || !strings.Contains(string(out), version) {
		t.Fatalf("%v: %s", err, out)
	}
	daemon := within("spread")
	var log bytes.Buffer
	daemon.Stdout, daemon.Stderr = &log, &log
	if err := daemon.Start(); err != nil {
		t.Fatal(err)
	}
	c, err := dialWhenThere(t, fmt.Sprintf("%d@127.0.0.1", port))
	if err != nil {
		_ = daemon.Process.Kill()
		_ = daemon.Wait()
		t.Fatalf("%v\n%s", err, &log)
	}
	_ = c.Close()
	for _, socket := range []string{"tmp", "run/spread"} {
		if conn, err := net.Dial("unix", filepath.Join(root, socket, fmt.Sprint(port))); err != nil {
			t.Error(err)
		} else {
			_ = conn.Close()
		}
	}
	if out, err := within("spuser", "-s", fmt.Sprint(port), "-r", "--exec", "").CombinedOutput(); err != nil {
		t.Errorf("the health check: %v: %s", err, out)
	}
	if err := daemon.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := daemon.Wait(); err != nil {
		t.Errorf("%v\n%s", err, &log)
	}
	if out, err := within("spuser", "-s", fmt.Sprint(port), "-r", "--exec", "").CombinedOutput(); err == nil {
		t.Errorf("the health check without a daemon: %s", out)
	}
}

func freePort(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	return l.Addr().(*net.TCPAddr).Port
}

// dialWhenThere connects to a daemon that is starting.
func dialWhenThere(t *testing.T, address string) (c *spread.Conn, err error) {
	t.Helper()
	try := time.NewTicker(20 * time.Millisecond)
	defer try.Stop()
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); <-try.C {
		if c, err = spread.Dial(t.Context(), address, spread.WithName("a")); err == nil {
			return c, nil
		}
	}
	return nil, err
}
