package spread

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"path"
	"runtime"
	"slices"
	"strconv"
	"strings"
)

// Dial connects to a daemon and introduces the client. The daemon is named as
// follows (client protocol 1.4):
//
//	""          the same as "4803"
//	"PORT"      the daemon with that port on this machine: its Unix socket
//	            /run/spread/PORT or /tmp/PORT or, if neither answers, TCP to
//	            localhost (on Windows always TCP)
//	"PORT@HOST" TCP; HOST is a name, an IPv4 or an IPv6 address, bare or in brackets
//	"unix:PATH" the Unix socket at that path, such as one that a container shares
//
// The whole handshake must be done before ctx ends, and within
// [DefaultDialTimeout] if ctx has no deadline. Later, ctx has no influence on the
// connection.
//
// Errors: ErrIllegalSpread, ErrCouldNotConnect, the refusals ErrQuota, ErrNoName,
// ErrIllegalName, ErrNotUnique, ErrVersion, ErrAuth, and ErrConnectionClosed if
// the handshake broke off or ctx ended in it.
func Dial(ctx context.Context, daemon string, opts ...Option) (*Conn, error) {
	o := defaults()
	for _, opt := range opts {
		opt(&o)
	}
	addr, err := parseDaemon(daemon)
	if err != nil {
		return nil, &Error{Op: "connect", Code: ErrIllegalSpread, Err: err}
	}
	if err := o.check(); err != nil {
		return nil, err
	}
	if _, ok := ctx.Deadline(); !ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, DefaultDialTimeout)
		defer cancel()
	}
	nc, where, err := o.connect(ctx, addr)
	if err != nil {
		return nil, err
	}
	hs, err := shake(ctx, nc, &o)
	if err != nil {
		_ = nc.Close()
		var e *Error
		if errors.As(err, &e) {
			e.Op = "connect to daemon at " + where
		}
		return nil, err
	}
	return newConn(nc, &o, hs), nil
}

// dialer is net.Dialer's DialContext, or what stands in for it.
type dialer func(ctx context.Context, network, address string) (net.Conn, error)

// connect makes the connection and tells where it leads.
func (o *options) connect(ctx context.Context, a address) (nc net.Conn, where string, err error) {
	dial := o.dial
	if dial == nil {
		dial = new(net.Dialer).DialContext
	}
	if a.path != "" {
		nc, err = dial(ctx, "unix", a.path)
		if err != nil {
			return nil, a.path, dialError(ctx, a.path, err, "; is the daemon running, and is this its socket?")
		}
		return nc, a.path, nil
	}
	port := strconv.Itoa(int(a.port))
	if a.host != "" {
		where = net.JoinHostPort(a.host, port)
		nc, err = dial(ctx, "tcp", where)
		if err != nil {
			return nil, where, dialError(ctx, where, err, "")
		}
		return nc, where, nil
	}
	var tried []string
	var failed []error
	if !o.noSockets {
		for i, dir := range o.socketDirs {
			socket := path.Join(dir, port)
			nc, err := dial(ctx, "unix", socket)
			if err == nil {
				return nc, socket, nil
			}
			if ctx.Err() != nil {
				return nil, socket, dialError(ctx, socket, err, "")
			}
			if i == len(o.socketDirs)-1 || !errors.Is(err, fs.ErrNotExist) {
				tried, failed = append(tried, socket), append(failed, err)
			}
		}
	}
	where = net.JoinHostPort("localhost", port)
	nc, err = dial(ctx, "tcp", where)
	if err == nil {
		return nc, where, nil
	}
	if len(tried) == 0 {
		return nil, where, dialError(ctx, where, err, "")
	}
	for _, e := range slices.Backward(failed) {
		err = fmt.Errorf("%w; %w", e, err)
	}
	return nil, where, dialError(ctx, strings.Join(tried, ", ")+" and "+where, err,
		"; is a daemon with port "+port+" running on this machine?")
}

// dialError sorts what went wrong into the codes of client protocol 1.4.
func dialError(ctx context.Context, where string, err error, hint string) error {
	e := &Error{Op: "connect to daemon at " + where, Code: ErrCouldNotConnect}
	var dns *net.DNSError
	var addr *net.AddrError
	switch {
	case ctx.Err() != nil:
		e.Code, e.Err = ErrConnectionClosed, fmt.Errorf("gave up: %w", ctx.Err())
		return e
	case errors.As(err, &dns) && dns.IsNotFound, errors.As(err, &addr):
		e.Code = ErrIllegalSpread
		hint = "; check the host in PORT@HOST"
	case hint == "":
		hint = "; is the daemon running there, and is this its port?"
	}
	e.Err = fmt.Errorf("%w%s", err, hint)
	return e
}

// check reports what no daemon would accept.
func (o *options) check() error {
	if len(o.methods) > maxMethods {
		return &Error{Op: "connect", Code: ErrAuth,
			Err: fmt.Errorf("%d authentication methods, must be at most %d", len(o.methods), maxMethods)}
	}
	if o.name != "" {
		if err := checkUser(o.name); err != nil {
			return &Error{Op: "connect", Code: ErrIllegalName, Err: err}
		}
	}
	return nil
}

// socketsMissing: systems where local clients use TCP.
const socketsMissing = runtime.GOOS == "windows"
