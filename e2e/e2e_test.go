//go:build unix

// Package e2e runs the real programs as a user does: each *.txt file here is a
// script (see testscript) of what is typed and what must come. Those in alone want
// the machine for themselves.
package e2e

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

func TestMain(m *testing.M) { os.Exit(run(m)) }

// run builds the programs and puts them first in the path.
func run(m *testing.M) int {
	if dir := os.Getenv(aloneVar); dir != "" {
		if err := settleAlone(dir); err != nil {
			fmt.Fprintln(os.Stderr, "e2e:", err)
			return exitNotAlone
		}
		return m.Run()
	}
	dir, err := os.MkdirTemp("", "e2e")
	if err == nil {
		defer func() { _ = os.RemoveAll(dir) }()
		err = build(dir)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "e2e:", err)
		return 1
	}
	programs = dir
	_ = os.Setenv("PATH", dir+string(filepath.ListSeparator)+os.Getenv("PATH"))
	_ = os.Setenv("GORACE", "atexit_sleep_ms=50 "+os.Getenv("GORACE")) // else a second for each program
	return m.Run()
}

// build compiles the programs, with the race detector if the tests have it.
func build(dir string) error {
	args := []string{"build", "-o", dir + string(filepath.Separator)}
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, s := range info.Settings {
			if s.Key == "-race" && s.Value == "true" {
				args = append(args, "-race")
			}
		}
	}
	for _, p := range []string{"spread", "spuser", "sptuser", "spflooder", "spmonitor", "spping", "flush_user", "spsend", "sprecv"} {
		args = append(args, "gospread/spread/cmd/"+p)
	}
	if out, err := exec.Command("go", args...).CombinedOutput(); err != nil {
		return fmt.Errorf("building the programs: %w\n%s", err, out)
	}
	return os.Symlink("spmonitor", filepath.Join(dir, "sptmonitor"))
}

func TestScripts(t *testing.T) { runScripts(t, ".") }

func runScripts(t *testing.T, dir string) {
	testscript.Run(t, testscript.Params{
		Dir:                 dir,
		RequireExplicitExec: true,
		Setup: func(env *testscript.Env) error {
			env.Vars = append(env.Vars, "GORACE="+os.Getenv("GORACE"))
			// A daemon may give up root, and must still find its file.
			for _, dir := range []string{filepath.Dir(env.WorkDir), env.WorkDir} {
				if err := os.Chmod(dir, 0o755); err != nil {
					return err
				}
			}
			ps := processes{}
			env.Values[processesKey{}] = ps
			env.Defer(ps.kill)
			return nil
		},
		Condition: func(cond string) (bool, error) {
			switch cond {
			case "root":
				return os.Geteuid() == 0, nil
			case "pristine":
				return isFree(4803) && !installed(), nil
			}
			return false, errors.New("unknown condition")
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"freeport":  freePort,
			"start":     start,
			"expect":    expect,
			"send":      send,
			"eof":       eof,
			"signal":    signal,
			"exit":      exit,
			"exits":     exits,
			"mask":      mask,
			"jsonfield": jsonField,
			"get":       get,
		},
	})
}

// installed tells whether this machine has a configuration that daemons find.
func installed() bool {
	for _, path := range []string{"/usr/local/etc/spread.conf", "/etc/spread.conf"} {
		if _, err := os.Stat(path); err == nil {
			return true
		}
	}
	return false
}

// isFree tells whether a daemon can have a port: its TCP socket, two UDP sockets
// and the Unix socket.
func isFree(port int) bool {
	if _, err := os.Lstat(fmt.Sprintf("/tmp/%d", port)); err == nil {
		return false
	}
	l, err := net.Listen("tcp", fmt.Sprintf(":%d", port))
	if err != nil {
		return false
	}
	_ = l.Close()
	for _, p := range []int{port, port + 1} {
		u, err := net.ListenPacket("udp", fmt.Sprintf(":%d", p))
		if err != nil {
			return false
		}
		_ = u.Close()
	}
	return true
}
