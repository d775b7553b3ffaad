package spread

import (
	"context"
	"io"
	"net"
	"time"
)

// Option changes how Dial connects.
type Option func(*options)

type options struct {
	name         string
	membership   bool
	priority     int
	methods      []authMethod
	socketDirs   []string
	noSockets    bool
	dial         dialer
	receiveQueue int
	sendQueue    int
	linger       time.Duration
}

type authMethod struct {
	name string
	run  AuthFunc
}

// AuthFunc runs the client's side of an authentication method: it talks to the
// daemon over rw, with whatever bytes the method has, and returns an error if it
// fails. It must return when ctx ends, which also breaks the connection.
type AuthFunc func(ctx context.Context, rw io.ReadWriter) error

// Defaults and bounds.
const (
	// ServiceSocketDir is where daemons that run as a service of the system have
	// their Unix sockets. It is asked first: who may write there is a matter of the
	// system, while anybody can make a socket in DefaultSocketDir.
	ServiceSocketDir = "/run/spread"
	// DefaultSocketDir is where daemons have always had their Unix sockets.
	DefaultSocketDir = "/tmp"
	// DefaultReceiveQueue and DefaultSendQueue are in bytes.
	DefaultReceiveQueue = 1 << 20
	DefaultSendQueue    = 64 << 10
	// DefaultLinger bounds how long Close waits for the daemon.
	DefaultLinger = time.Second
	// DefaultDialTimeout bounds Dial if its context has no deadline.
	DefaultDialTimeout = 30 * time.Second
)

func defaults() options {
	return options{
		membership:   true,
		socketDirs:   []string{ServiceSocketDir, DefaultSocketDir},
		noSockets:    socketsMissing,
		receiveQueue: DefaultReceiveQueue,
		sendQueue:    DefaultSendQueue,
		linger:       DefaultLinger,
	}
}

// WithName asks for a private name: 1 to 10 bytes, each from $ to ~ in ASCII (no
// blanks, quotes, # or !), unique at the daemon. Without a name the daemon
// invents one.
func WithName(name string) Option { return func(o *options) { o.name = name } }

// WithMembership says whether views, transitional signals and self-leaves are
// wanted; by default they are.
func WithMembership(wanted bool) Option { return func(o *options) { o.membership = wanted } }

// WithPriority sets the priority, 0 or 1 (anything above 0 is 1). Daemons take it
// and give it no meaning.
func WithPriority(p int) Option { return func(o *options) { o.priority = p } }

// WithAuth adds an authentication method, at most three, in the order in which
// they run. run may be nil for a method that exchanges no bytes, such as NULL and
// IP. Without this option the method is NULL; the first WithAuth replaces it.
func WithAuth(method string, run AuthFunc) Option {
	return func(o *options) { o.methods = append(o.methods, authMethod{method, run}) }
}

// WithSocketDir sets the directory of the daemon's Unix socket, the only one then.
// Without it, [ServiceSocketDir] and [DefaultSocketDir] are asked in this order.
func WithSocketDir(dir string) Option { return func(o *options) { o.socketDirs = []string{dir} } }

// WithDialer replaces the function that makes the connection: network is "unix"
// with the socket's path or "tcp" with host:port, as for net.Dialer. Contexts
// interrupt a write under way only if the connection supports write deadlines.
func WithDialer(dial func(ctx context.Context, network, address string) (net.Conn, error)) Option {
	return func(o *options) { o.dial = dial }
}

// WithReceiveQueue bounds what the library reads ahead of Receive, in bytes as
// they come from the daemon. One message always has room.
func WithReceiveQueue(bytes int) Option { return func(o *options) { o.receiveQueue = bytes } }

// WithSendQueue bounds what the library gathers while a write is under way, in
// bytes as they go to the daemon. One message always has room.
func WithSendQueue(bytes int) Option { return func(o *options) { o.sendQueue = bytes } }

// WithLinger bounds how long Close waits for the daemon to take what was sent
// and to confirm the end. Zero or less: it does not wait, and what has not been
// written is lost.
func WithLinger(d time.Duration) Option { return func(o *options) { o.linger = d } }
