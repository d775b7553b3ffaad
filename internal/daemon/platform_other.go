//go:build !unix

package daemon

import (
	"errors"
	"net"
	"os"
	"syscall"

	"gospread/spread/internal/conf"
)

// What this platform does not have: changing user and root, address reuse by
// choice, Unix sockets for clients, signals beyond interruption.

type identity struct {
	user, group, chroot, why string
	uid, gid                 int
}

func chooseIdentity(*conf.Options) (*identity, error) { return nil, nil }

func (*identity) assume() error { return nil }

func reuseControl(conf.TriState) func(string, string, syscall.RawConn) error { return nil }

func sessionLimit() int { return defaultSessions }

var errSocketTaken = errors.New("another daemon serves its clients there")

type unixSocket struct{ net.Listener }

func listenUnix(string, uint16) (*unixSocket, error) { return nil, errors.ErrUnsupported }

func writableDir(string) bool { return false }

func (*unixSocket) give(int, int) error   { return nil }
func (*unixSocket) lastTime() uint32      { return 0 }
func (*unixSocket) keepTime(uint32) error { return nil }

const openNoWait = 0

func ignoreBrokenPipe() {}

// Signals of the daemon.
var (
	stopSignals   = []os.Signal{os.Interrupt}
	reloadSignals []os.Signal
	reopenSignals []os.Signal
)

// What the status does not tell here.
func cpuSeconds() float64 { return 0 }
func maxFiles() uint64    { return 0 }
