//go:build unix

package top

import (
	"os"
	"os/signal"

	"golang.org/x/sys/unix"
)

// console: a terminal needs no TERM here.
const console = false

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
// returns when it is continued.
//
// The signal cannot be SIGTSTP: once a Go program has caught that, it does not stop
// by it any more.
func (s *signals) stopSelf() {
	select {
	case <-s.continued: // of another time
	default:
	}
	if err := unix.Kill(0, unix.SIGSTOP); err != nil {
		return
	}
	<-s.continued
}

// canStop tells whether the parent is a shell of this session that can look after
// the process group; the system stops no other group by Ctrl-Z either.
func canStop() bool {
	parent := unix.Getppid()
	theirs, err := unix.Getsid(parent)
	if err != nil {
		return false
	}
	ours, err := unix.Getsid(0)
	if err != nil || ours != theirs {
		return false
	}
	group, err := unix.Getpgid(parent)
	return err == nil && group != unix.Getpgrp()
}
