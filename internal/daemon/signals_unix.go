//go:build unix

package daemon

import (
	"os"
	"os/signal"
	"syscall"
)

// openNoWait keeps the opening of a named pipe without a reader from hanging.
const openNoWait = syscall.O_NONBLOCK

// ignoreBrokenPipe lets a write to a closed standard output fail instead of
// ending the process.
func ignoreBrokenPipe() { signal.Ignore(syscall.SIGPIPE) }

// Signals of the daemon.
var (
	stopSignals   = []os.Signal{syscall.SIGINT, syscall.SIGTERM}
	reloadSignals = []os.Signal{syscall.SIGHUP}
	reopenSignals = []os.Signal{syscall.SIGUSR1}
)
