package conf

import (
	"slices"
	"time"
)

// Options are the effective values of all directives: what the file set, else the defaults.
type Options struct {
	Log              Logging
	DangerousMonitor bool
	SocketPortReuse  TriState

	// MaxSessionMessages is how many messages may wait for one client before it is cut off; -1: not set, no limit by
	// count. With 0 every client is cut off at its first waiting message.
	MaxSessionMessages int
	MaxSessionBytes    int           // bytes queued for one client before it is cut off
	MaxSessionStall    time.Duration // how long a client with waiting messages may not take a single byte; 0: for ever
	SenderHold         time.Duration // how long senders are held back for a congested receiver before it may be cut off; 0: not at all
	MaxSessions        int           // clients at once; 0: as many as the descriptor limit allows
	HandshakeTimeout   time.Duration // for the whole handshake of a new client

	// HTTPStatus is where the status service listens, as host:port, or as a port alone for the loopback interface; empty:
	// it does not. The host is an address, or a name that is to be looked up.
	HTTPStatus string

	RuntimeDir  string
	DaemonUser  string
	DaemonGroup string

	Auth                Auth
	AccessControlPolicy string // always PERMIT
	ActiveIPVersion     IPVersion

	Window            int // packets per token round, whole ring
	PersonalWindow    int // packets per token visit of this daemon
	AcceleratedRing   bool
	AcceleratedWindow int // packets sent after passing the token

	Timers          Timers // all zero: the ring has its own
	WideAreaNetwork bool   // which default timers hold; true if more than one segment, unless the file says

	ExcludeSegAddrsFromHash   bool
	IgnoreMulticastJoinErrors bool

	// RingKeyFile has the keys by which datagrams between daemons and of monitors are sealed; empty: they are not sealed.
	RingKeyFile string

	set map[Key]Position
}

// IsSet reports whether the file set the directive.
func (o *Options) IsSet(k Key) bool {
	_, ok := o.set[k]
	return ok
}

func defaultOptions() Options {
	return Options{
		Log:                defaultLogging,
		SocketPortReuse:    Auto,
		MaxSessionMessages: -1,
		MaxSessionBytes:    64 << 20,
		MaxSessionStall:    10 * time.Minute,
		SenderHold:         time.Second,
		HandshakeTimeout:   5 * time.Second,

		DaemonUser:          "spread",
		DaemonGroup:         "spread",
		Auth:                Auth{Allowed: []string{authNull}},
		AccessControlPolicy: "PERMIT",
		Window:              160,
		PersonalWindow:      20,
		AcceleratedWindow:   15,
		set:                 make(map[Key]Position),
	}
}

// TriState is the value of SocketPortReuse.
type TriState uint8

// The values of a TriState.
const (
	Auto TriState = iota
	On
	Off
)

// String gives the spelling used in the file.
func (t TriState) String() string { return [...]string{"auto", "on", "off"}[t] }

// Timers are the nine membership timers (configuration and tools 4.5).
type Timers struct {
	Token  time.Duration // no token for this long: membership is rebuilt
	Hurry  time.Duration // an idle token is held this long
	Alive  time.Duration // repeat interval while looking round the segment
	Join   time.Duration // repeat interval while gathering
	Rep    time.Duration // how long a represented daemon waits for its representative
	Seg    time.Duration // length of the look round the segment
	Gather time.Duration // length of gathering before forming
	Form   time.Duration // forming or recovering took too long
	Lookup time.Duration // the leader probes for other daemons this often
}

// LANTimers are the timers of release 5 for one segment.
func LANTimers() Timers {
	const ms = time.Millisecond
	return Timers{Token: 1250 * ms, Hurry: 500 * ms, Alive: 250 * ms, Join: 250 * ms, Rep: 625 * ms,
		Seg: 500 * ms, Gather: 1250 * ms, Form: 1250 * ms, Lookup: 30000 * ms}
}

// WANTimers are the timers of release 5 for several segments.
func WANTimers() Timers {
	const ms = time.Millisecond
	return Timers{Token: 5000 * ms, Hurry: 1500 * ms, Alive: 250 * ms, Join: 250 * ms, Rep: 1250 * ms,
		Seg: 500 * ms, Gather: 2500 * ms, Form: 2500 * ms, Lookup: 45000 * ms}
}

// Auth says how clients are admitted (configuration and tools 4.4).
type Auth struct {
	AllowedText  string   // AllowedAuthMethods as last written
	RequiredText string   // RequiredAuthMethods as last written
	Allowed      []string // known methods a client may choose; empty: every client is refused
	Required     []string // known methods run for every client, chosen or not
}

// The authentication methods there are.
const (
	authNull = "NULL"
	authIP   = "IP"
)

// allow and require add a method; both options accumulate when repeated.
func (a *Auth) allow(method string)   { a.Allowed = addOnce(a.Allowed, method) }
func (a *Auth) require(method string) { a.Required = addOnce(a.Required, method) }

func addOnce(list []string, s string) []string {
	if slices.Contains(list, s) {
		return list
	}
	return append(list, s)
}
