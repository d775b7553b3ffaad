//go:build unix

package compat

import (
	"errors"
	"syscall"
	"testing"
)

const canHalt = true

// halt stops the process where it is, so that nothing of it moves, until resume.
// What comes for it waits in its sockets.
func (d *daemon) halt(t testing.TB) {
	t.Helper()
	pid := d.cmd.Process.Pid
	if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
		t.Fatalf("stopping daemon %s: %v", d.name, err)
	}
	d.halted = true
	for {
		var status syscall.WaitStatus
		_, err := syscall.Wait4(pid, &status, syscall.WUNTRACED, nil)
		switch {
		case errors.Is(err, syscall.EINTR):
		case err != nil || !status.Stopped():
			t.Fatalf("daemon %s did not stop: %v, status %#x", d.name, err, status)
		default:
			return
		}
	}
}

// resume lets a stopped process go on. It does nothing to another one.
func (d *daemon) resume(t testing.TB) {
	t.Helper()
	if !d.halted {
		return
	}
	d.halted = false
	if err := d.cmd.Process.Signal(syscall.SIGCONT); err != nil {
		t.Errorf("letting daemon %s go on: %v", d.name, err)
	}
}
