// Package sdnotify tells the service manager how the process is: the protocol of
// sd_notify(3), datagrams of VARIABLE=value lines to the socket that the manager
// names in the environment. Without a manager that listens it does nothing.
package sdnotify

import (
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"time"
)

// What is told.
const (
	Ready    = "READY=1"    // the service serves, or has done its reload
	Stopping = "STOPPING=1" // it begins to stop
	Watchdog = "WATCHDOG=1" // it is alive
)

// Reloading tells that a reload begins; Ready tells its end. monotonic is the
// system's monotonic clock, as the manager reads it.
func Reloading(monotonic time.Duration) string {
	return fmt.Sprintf("RELOADING=1\nMONOTONIC_USEC=%d", monotonic.Microseconds())
}

// Status is a line for people that describes the state.
func Status(text string) string {
	return "STATUS=" + strings.NewReplacer("\n", " ", "\r", " ").Replace(text)
}

// patience is how long a manager that does not read may hold up who tells it.
const patience = time.Second

// Conn is the way to a service manager; nil: there is none.
type Conn struct{ conn *net.UnixConn }

// Open finds the manager by NOTIFY_SOCKET, a path or, with @ in front, an abstract
// name. It is nil without an error if that is not set.
func Open(getenv func(string) string) (*Conn, error) {
	name := getenv("NOTIFY_SOCKET")
	if name == "" {
		return nil, nil //nolint:nilnil // documented: none is no error
	}
	if name[0] != '/' && name[0] != '@' {
		return nil, fmt.Errorf("notify the service manager: NOTIFY_SOCKET is %q, neither a path nor an abstract name", name)
	}
	conn, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: name, Net: "unixgram"})
	if err != nil {
		return nil, fmt.Errorf("notify the service manager at NOTIFY_SOCKET: %w", err)
	}
	return &Conn{conn}, nil
}

// Tell sends what is told, all of it in one datagram. It waits for at most a second.
func (c *Conn) Tell(lines ...string) error {
	if c == nil {
		return nil
	}
	err := c.conn.SetWriteDeadline(time.Now().Add(patience))
	if err == nil {
		_, err = c.conn.Write([]byte(strings.Join(lines, "\n")))
	}
	if err != nil {
		return fmt.Errorf("notify the service manager: %w", err)
	}
	return nil
}

// Close gives the socket back.
func (c *Conn) Close() error {
	if c == nil {
		return nil
	}
	return c.conn.Close()
}

// WatchdogEvery is how often the manager wants to be told Watchdog, at half the time
// after which it takes the process for dead; 0: it does not watch this process.
func WatchdogEvery(getenv func(string) string) time.Duration {
	usec, err := strconv.ParseInt(getenv("WATCHDOG_USEC"), 10, 64)
	if err != nil || usec < 2 || usec > int64(24*time.Hour/time.Microsecond) {
		return 0
	}
	if pid := getenv("WATCHDOG_PID"); pid != "" && pid != strconv.Itoa(os.Getpid()) {
		return 0
	}
	return time.Duration(usec) * time.Microsecond / 2
}
