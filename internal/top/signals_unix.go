//go:build unix

package top

import (
	"os"
	"os/signal"

	"golang.org/x/sys/unix"
)

// console: a terminal needs no TERM here. canStop: a process can be stopped and
// continued.
const (
	console = false
	canStop = true
)

// signals are those that a live view has to do with.
type signals struct {
	end       chan os.Signal
	stopped   chan os.Signal // it is to stop
	continued chan os.Signal // it was stopped, and goes on
}

func watchSignals() *signals {
	s := &signals{make(chan os.Signal, 1), make(chan os.Signal, 1), make(chan os.Signal, 1)}
	signal.Notify(s.end, unix.SIGINT, unix.SIGTERM, unix.SIGHUP)
	signal.Notify(s.stopped, unix.SIGTSTP)
	signal.Notify(s.continued, unix.SIGCONT)
	return s
}

func (s *signals) stop() {
	signal.Stop(s.end)
	signal.Stop(s.stopped)
	signal.Stop(s.continued)
}

// stopSelf stops the process group, as the terminal does when it reads Ctrl-Z, and
// returns when it is continued. It does nothing where no shell could continue it.
//
// The signal cannot be SIGTSTP: once a Go program has caught that, it does not stop
// by it any more.
func (s *signals) stopSelf() {
	if orphaned() {
		return
	}
	select {
	case <-s.continued: // of another time
	default:
	}
	if err := unix.Kill(0, unix.SIGSTOP); err != nil {
		return
	}
	<-s.continued
}

// orphaned tells whether the parent is no shell of this session that could look
// after the process group; the system stops no such group by Ctrl-Z either.
func orphaned() bool {
	parent := unix.Getppid()
	theirs, err := unix.Getsid(parent)
	if err != nil {
		return true
	}
	ours, err := unix.Getsid(0)
	if err != nil || ours != theirs {
		return true
	}
	group, err := unix.Getpgid(parent)
	return err != nil || group == unix.Getpgrp()
}
