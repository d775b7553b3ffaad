//go:build unix

package top

import (
	"os"
	"os/signal"
	"syscall"
	"time"
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
	signal.Notify(s.end, syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	signal.Notify(s.stopped, syscall.SIGTSTP)
	signal.Notify(s.continued, syscall.SIGCONT)
	return s
}

func (s *signals) stop() {
	signal.Stop(s.end)
	signal.Stop(s.stopped)
	signal.Stop(s.continued)
}

// stopSelf stops the process group, as the terminal does when it reads Ctrl-Z, and
// returns when it is continued. Where nobody could continue it, the system does not
// stop it.
func (s *signals) stopSelf() {
	const unstopped = 200 * time.Millisecond
	signal.Stop(s.stopped)
	defer signal.Notify(s.stopped, syscall.SIGTSTP)
	select {
	case <-s.continued: // of another time
	default:
	}
	if err := syscall.Kill(0, syscall.SIGTSTP); err != nil {
		return
	}
	select {
	case <-s.continued:
	case <-time.After(unstopped):
	}
}
