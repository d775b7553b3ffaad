//go:build !unix

package top

import (
	"os"
	"os/signal"
	"syscall"
)

// console: a terminal needs no TERM here.
const console = true

// signals are those that a live view has to do with.
type signals struct {
	end, stopped, continued chan os.Signal
}

func watchSignals() *signals {
	s := &signals{end: make(chan os.Signal, 1)}
	signal.Notify(s.end, os.Interrupt, syscall.SIGTERM)
	return s
}

func (s *signals) stop() { signal.Stop(s.end) }

func (*signals) stopSelf() {}

// canStop tells whether a process can be stopped and continued.
func canStop() bool { return false }
