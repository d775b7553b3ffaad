//go:build unix

package conformance

import "syscall"

// halt stops the process where it is; goOn lets it go on.
func (d *daemon) halt() error { return d.cmd.Process.Signal(syscall.SIGSTOP) }
func (d *daemon) goOn() error { return d.cmd.Process.Signal(syscall.SIGCONT) }
