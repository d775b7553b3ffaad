package doctor

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"

	"gospread/spread"
	"gospread/spread/internal/conf"
	"gospread/spread/internal/echo"
	"gospread/spread/internal/link"
	"gospread/spread/internal/seal"
)

// Interface is a network interface of this machine.
type Interface struct {
	Name                    string
	MTU                     int // bytes; 0: unknown
	Up, Loopback, Multicast bool
	Addrs                   []netip.Prefix
}

// Carrier is the way to the other daemons; a link.Link is one.
type Carrier interface {
	echo.Carrier
	MaxDatagram() int
	Report() link.Report
	Close() error
}

// DialState is what a daemon's port for clients has answered.
type DialState int

// The states.
const (
	Silent  DialState = iota // nothing
	Closed                   // its host: nobody listens there
	Daemon                   // a daemon
	Another                  // another program
	Hung                     // somebody has taken the connection, and says nothing
)

// Dialed is what came of connecting to a port for clients.
type Dialed struct {
	State   DialState
	Name    string // of the daemon; empty if it did not let us in
	Version string
	Err     error
}

// Env is the world that the doctor looks at.
type Env struct {
	Hostname   string
	Root       bool // with the rights of root
	Now        func() time.Time
	ReadFile   func(path string) ([]byte, error)
	Lookup     func(ctx context.Context, name string) ([]netip.Addr, error)
	Interfaces func() ([]Interface, error)
	// Bind tries an address, with network "tcp" or "udp", and gives it back.
	Bind func(ctx context.Context, network string, at netip.AddrPort) error
	// Holder says which program has a port; empty if that cannot be told.
	Holder func(network string, port uint16) string
	// Dial connects to a port for clients.
	Dial func(ctx context.Context, at netip.AddrPort) Dialed
	// OpenLink opens the way to the other daemons.
	OpenLink func(c link.Config) (Carrier, error)
	// Files is the limit of open files; 0: unknown, or none.
	Files func() uint64
	// ReadKeys reads the keys of the ring.
	ReadKeys func(path string) (*seal.Keys, error)
	// IsDir returns an error if there is no such directory.
	IsDir func(path string) error
	// Unreadable says why the daemon, as the user and group that it becomes, could
	// not read a file; empty if it can.
	Unreadable func(path string, o *conf.Options) string
	// Random draws a number.
	Random func() uint64
}

// lookupTime bounds how long the resolver may take for one name, and dialTime a
// connection.
const (
	lookupTime = 10 * time.Second
	dialTime   = 3 * time.Second
)

// System is the world as it is.
func System() *Env {
	hostname, err := os.Hostname()
	if err != nil {
		hostname = "localhost"
	}
	return &Env{
		Hostname: hostname, Root: os.Geteuid() == 0, Now: time.Now, ReadFile: os.ReadFile,
		Lookup: lookup, Interfaces: interfaces, Bind: bind, Holder: holder, Dial: dial,
		OpenLink: func(c link.Config) (Carrier, error) {
			l, err := link.Open(c)
			if err != nil {
				return nil, err // not a Carrier that is a nil link
			}
			return l, nil
		},
		Files: fileLimit, ReadKeys: seal.ReadKeys, IsDir: isDir, Unreadable: unreadable, Random: random,
	}
}

func isDir(path string) error {
	info, err := os.Stat(path)
	if err == nil && !info.IsDir() {
		err = fmt.Errorf("%s is no directory", path)
	}
	return err
}

func lookup(ctx context.Context, name string) ([]netip.Addr, error) {
	ctx, cancel := context.WithTimeout(ctx, lookupTime)
	defer cancel()
	addrs, err := net.DefaultResolver.LookupNetIP(ctx, "ip", name)
	for i := range addrs {
		addrs[i] = addrs[i].Unmap()
	}
	return addrs, err
}

func interfaces() ([]Interface, error) {
	all, err := net.Interfaces()
	if err != nil {
		return nil, fmt.Errorf("list the network interfaces: %w", err)
	}
	var list []Interface
	for _, i := range all {
		n := Interface{
			Name: i.Name, MTU: i.MTU, Up: i.Flags&net.FlagUp != 0,
			Loopback: i.Flags&net.FlagLoopback != 0, Multicast: i.Flags&net.FlagMulticast != 0,
		}
		addrs, err := i.Addrs()
		if err != nil {
			return nil, fmt.Errorf("list the addresses of interface %s: %w", i.Name, err)
		}
		for _, a := range addrs {
			if p, err := netip.ParsePrefix(a.String()); err == nil {
				n.Addrs = append(n.Addrs, p)
			}
		}
		list = append(list, n)
	}
	return list, nil
}

func bind(ctx context.Context, network string, at netip.AddrPort) error {
	var lc net.ListenConfig
	if network == "udp" {
		c, err := lc.ListenPacket(ctx, family(network, at), at.String())
		if err != nil {
			return err
		}
		return c.Close()
	}
	l, err := lc.Listen(ctx, family(network, at), at.String())
	if err != nil {
		return err
	}
	return l.Close()
}

func family(network string, at netip.AddrPort) string {
	if at.Addr().Is4() {
		return network + "4"
	}
	return network + "6"
}

// dial connects as a client does, and takes leave at once.
func dial(ctx context.Context, at netip.AddrPort) Dialed {
	ctx, cancel := context.WithTimeout(ctx, dialTime)
	defer cancel()
	address := strconv.Itoa(int(at.Port())) + "@" + at.Addr().String()
	taken := false
	c, err := spread.Dial(ctx, address, spread.WithMembership(false),
		spread.WithDialer(func(ctx context.Context, network, address string) (net.Conn, error) {
			nc, err := new(net.Dialer).DialContext(ctx, network, address)
			taken = err == nil
			return nc, err
		}))
	var e *spread.Error
	switch {
	case err == nil:
		defer func() { _ = c.Close() }()
		return Dialed{State: Daemon, Name: c.Daemon(), Version: c.DaemonVersion().String()}
	case refused(err):
		return Dialed{State: Closed, Err: err}
	case !taken:
		return Dialed{State: Silent, Err: err}
	case ctx.Err() != nil:
		return Dialed{State: Hung, Err: err}
	case errors.As(err, &e) && (e.Code == spread.ErrQuota || e.Code == spread.ErrAuth || e.Code == spread.ErrVersion || e.Code == spread.ErrNotUnique):
		return Dialed{State: Daemon, Err: err} // it answers, and does not let us in
	}
	return Dialed{State: Another, Err: err}
}

// refused tells whether a host has said that nobody listens.
func refused(err error) bool {
	const wsaConnRefused = syscall.Errno(10061)
	return errors.Is(err, syscall.ECONNREFUSED) || errors.Is(err, wsaConnRefused)
}

// inUse tells whether an address could not be bound because somebody has it.
func inUse(err error) bool {
	const wsaAddrInUse = syscall.Errno(10048)
	return errors.Is(err, syscall.EADDRINUSE) || errors.Is(err, wsaAddrInUse)
}

// missing tells whether a file is not there.
func missing(err error) bool { return errors.Is(err, fs.ErrNotExist) }

// sysctl reads a number from /proc/sys; ok is false where there is none.
func (e *Env) sysctl(name string) (n int, ok bool) {
	text, err := e.ReadFile("/proc/sys/" + strings.ReplaceAll(name, ".", "/"))
	if err != nil {
		return 0, false
	}
	n, err = strconv.Atoi(strings.TrimSpace(string(text)))
	return n, err == nil
}
