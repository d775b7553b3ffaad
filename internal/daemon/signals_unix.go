//go:build unix

package daemon

import (
	"os"
	"syscall"
)

// Signals of the daemon.
var (
	stopSignals   = []os.Signal{syscall.SIGINT, syscall.SIGTERM}
	reloadSignals = []os.Signal{syscall.SIGHUP}
	reopenSignals = []os.Signal{syscall.SIGUSR1}
)
