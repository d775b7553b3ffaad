package conf

import (
	"strconv"
	"strings"
	"time"
)

// Key names a directive, spelled as in the file.
type Key string

// The directives. Those marked "ours" are unknown to the original; "old" ones were dropped by release 5.
const (
	KeyDebugFlags                Key = "DebugFlags"
	KeyEventPriority             Key = "EventPriority"
	KeyEventLogFile              Key = "EventLogFile"
	KeyEventTimeStamp            Key = "EventTimeStamp"
	KeyEventPreciseTimeStamp     Key = "EventPreciseTimeStamp"
	KeyLogFormat                 Key = "LogFormat" // ours
	KeyDangerousMonitor          Key = "DangerousMonitor"
	KeySocketPortReuse           Key = "SocketPortReuse"
	KeyMaxSessionMessages        Key = "MaxSessionMessages"
	KeyMaxSessionBytes           Key = "MaxSessionBytes"  // ours
	KeyMaxSessionStall           Key = "MaxSessionStall"  // ours
	KeySenderHold                Key = "SenderHold"       // ours
	KeyMaxSessions               Key = "MaxSessions"      // ours
	KeyHandshakeTimeout          Key = "HandshakeTimeout" // ours
	KeyRuntimeDir                Key = "RuntimeDir"
	KeyDaemonUser                Key = "DaemonUser"
	KeyDaemonGroup               Key = "DaemonGroup"
	KeyAllowedAuthMethods        Key = "AllowedAuthMethods"
	KeyRequiredAuthMethods       Key = "RequiredAuthMethods"
	KeyAccessControlPolicy       Key = "AccessControlPolicy"
	KeyActiveIPVersion           Key = "ActiveIPVersion"
	KeyWindow                    Key = "Window"
	KeyPersonalWindow            Key = "PersonalWindow"
	KeyAcceleratedRing           Key = "AcceleratedRing"
	KeyAcceleratedWindow         Key = "AcceleratedWindow"
	KeyTokenTimeout              Key = "TokenTimeout"
	KeyHurryTimeout              Key = "HurryTimeout"
	KeyAliveTimeout              Key = "AliveTimeout"
	KeyJoinTimeout               Key = "JoinTimeout"
	KeyRepTimeout                Key = "RepTimeout"
	KeySegTimeout                Key = "SegTimeout"
	KeyGatherTimeout             Key = "GatherTimeout"
	KeyFormTimeout               Key = "FormTimeout"
	KeyLookupTimeout             Key = "LookupTimeout"
	KeyWideAreaNetwork           Key = "WideAreaNetwork"
	KeyExcludeSegAddrsFromHash   Key = "ExcludeSegAddrsFromHash"
	KeyIgnoreMulticastJoinErrors Key = "IgnoreMulticastJoinErrors"
	KeyRingKeyFile               Key = "RingKeyFile"          // ours
	KeyHTTPStatus                Key = "HTTPStatus"           // ours
	KeyLinkProtocol              Key = "LinkProtocol"         // old
	KeyRouteMatrix               Key = "RouteMatrix"          // old
	KeyDebugInitialSequence      Key = "DebugInitialSequence" // old
)

// form is what a directive looks like.
type form uint8

const (
	formFlags  form = iota // = { flag ... }
	formLevel              // = level
	formStamp              // [ = word ]
	formAlone              // nothing follows
	formWord               // = word
	formBool               // = true or false
	formTri                // = on, off or auto
	formNumber             // = number
	formMillis             // = number of milliseconds
	formCosts              // { number ... }
	formListen             // = address:port, host:port or port
)

// effect says when a directive matters.
type effect uint8

const (
	effectNow   effect = iota
	effectNever        // accepted for old files only
)

// directive describes one directive. The table below is the only place that knows them all.
type directive struct {
	key  Key
	form form
	// contextual: recognized only where a directive may begin, so that the word stays free for names as it always was.
	contextual bool
	effect     effect
	timer      bool   // one of the nine that must be set together
	hashed     bool   // part of the configuration hash: a reload offers a change to the other daemons
	restart    string // why a change needs a restart; empty: a reload applies it
	min, max   int    // of numbers
	number     func(*Options) *int
	millis     func(*Options) *time.Duration
	yes        func(*Options) *bool
	show       func(*Options) string // the effective value as text, for all other forms
}

const (
	maxNumber = 999999999 // nine digits
	maxWindow = 32767     // the original's engine keeps 16 bits with sign (section 14, trap 11)

	whyBound  = "the sockets are bound at start"
	whyDropAt = "privileges are dropped at start"
	whyOpened = "the log file is opened at start, before privileges are dropped"
)

var directives = []directive{
	{key: KeyDebugFlags, form: formFlags, show: func(o *Options) string { return o.Log.Mask.String() }},
	{key: KeyEventPriority, form: formLevel, show: func(o *Options) string { return o.Log.Priority.String() }},
	{key: KeyEventLogFile, form: formWord, restart: whyOpened, show: func(o *Options) string { return o.Log.File }},
	{key: KeyEventTimeStamp, form: formStamp, show: func(o *Options) string { return o.Log.Stamp.String() }},
	{key: KeyEventPreciseTimeStamp, form: formAlone, show: func(o *Options) string { return strconv.FormatBool(o.Log.Stamp.Precise()) }},
	{key: KeyLogFormat, form: formWord, contextual: true, show: func(o *Options) string { return o.Log.Format.String() }},
	{key: KeyDangerousMonitor, form: formBool, yes: func(o *Options) *bool { return &o.DangerousMonitor }},
	{key: KeySocketPortReuse, form: formTri, restart: whyBound, show: func(o *Options) string { return o.SocketPortReuse.String() }},
	{key: KeyHTTPStatus, form: formListen, contextual: true, show: func(o *Options) string { return o.HTTPStatus }},

	{key: KeyMaxSessionMessages, form: formNumber, max: maxNumber, number: func(o *Options) *int { return &o.MaxSessionMessages }},
	{key: KeyMaxSessionBytes, form: formNumber, contextual: true, min: 1, max: maxNumber, number: func(o *Options) *int { return &o.MaxSessionBytes }},
	{key: KeyMaxSessionStall, form: formMillis, contextual: true, max: maxNumber, millis: func(o *Options) *time.Duration { return &o.MaxSessionStall }},
	{key: KeySenderHold, form: formMillis, contextual: true, max: maxNumber, millis: func(o *Options) *time.Duration { return &o.SenderHold }},
	{key: KeyMaxSessions, form: formNumber, contextual: true, max: maxNumber, number: func(o *Options) *int { return &o.MaxSessions }},
	{key: KeyHandshakeTimeout, form: formMillis, contextual: true, min: 1, max: maxNumber, millis: func(o *Options) *time.Duration { return &o.HandshakeTimeout }},

	{key: KeyRuntimeDir, form: formWord, restart: whyDropAt, show: func(o *Options) string { return o.RuntimeDir }},
	{key: KeyDaemonUser, form: formWord, restart: whyDropAt, show: func(o *Options) string { return o.DaemonUser }},
	{key: KeyDaemonGroup, form: formWord, restart: whyDropAt, show: func(o *Options) string { return o.DaemonGroup }},

	{key: KeyAllowedAuthMethods, form: formWord, show: func(o *Options) string { return strings.Join(o.Auth.Allowed, " ") }},
	{key: KeyRequiredAuthMethods, form: formWord, show: func(o *Options) string { return strings.Join(o.Auth.Required, " ") }},
	{key: KeyAccessControlPolicy, form: formWord, show: func(o *Options) string { return o.AccessControlPolicy }},
	{key: KeyActiveIPVersion, form: formWord, show: func(o *Options) string { return o.ActiveIPVersion.String() }},

	{key: KeyWindow, form: formNumber, min: 1, max: maxWindow, number: func(o *Options) *int { return &o.Window }},
	{key: KeyPersonalWindow, form: formNumber, min: 1, max: maxWindow, number: func(o *Options) *int { return &o.PersonalWindow }},
	{key: KeyAcceleratedRing, form: formBool, hashed: true, yes: func(o *Options) *bool { return &o.AcceleratedRing }},
	{key: KeyAcceleratedWindow, form: formNumber, max: maxWindow, number: func(o *Options) *int { return &o.AcceleratedWindow }},

	timer(KeyTokenTimeout, func(o *Options) *time.Duration { return &o.Timers.Token }),
	timer(KeyHurryTimeout, func(o *Options) *time.Duration { return &o.Timers.Hurry }),
	timer(KeyAliveTimeout, func(o *Options) *time.Duration { return &o.Timers.Alive }),
	timer(KeyJoinTimeout, func(o *Options) *time.Duration { return &o.Timers.Join }),
	timer(KeyRepTimeout, func(o *Options) *time.Duration { return &o.Timers.Rep }),
	timer(KeySegTimeout, func(o *Options) *time.Duration { return &o.Timers.Seg }),
	timer(KeyGatherTimeout, func(o *Options) *time.Duration { return &o.Timers.Gather }),
	timer(KeyFormTimeout, func(o *Options) *time.Duration { return &o.Timers.Form }),
	timer(KeyLookupTimeout, func(o *Options) *time.Duration { return &o.Timers.Lookup }),
	{key: KeyWideAreaNetwork, form: formBool, yes: func(o *Options) *bool { return &o.WideAreaNetwork }},

	{key: KeyExcludeSegAddrsFromHash, form: formBool, hashed: true, yes: func(o *Options) *bool { return &o.ExcludeSegAddrsFromHash }},
	{key: KeyIgnoreMulticastJoinErrors, form: formBool, restart: whyBound, yes: func(o *Options) *bool { return &o.IgnoreMulticastJoinErrors }},
	{key: KeyRingKeyFile, form: formWord, contextual: true, show: func(o *Options) string { return o.RingKeyFile }},

	{key: KeyLinkProtocol, form: formWord, contextual: true, effect: effectNever},
	{key: KeyRouteMatrix, form: formCosts, contextual: true, effect: effectNever},
	{key: KeyDebugInitialSequence, form: formAlone, contextual: true, effect: effectNever},
}

func timer(k Key, field func(*Options) *time.Duration) directive {
	return directive{key: k, form: formMillis, timer: true, min: 1, max: maxNumber, millis: field}
}

// value gives the effective value as it would be written in a file, without quotes.
func (d *directive) value(o *Options) string {
	switch {
	case d.number != nil:
		return strconv.Itoa(*d.number(o))
	case d.millis != nil:
		return strconv.FormatInt(d.millis(o).Milliseconds(), 10)
	case d.yes != nil:
		return strconv.FormatBool(*d.yes(o))
	case d.show != nil:
		return d.show(o)
	}
	return ""
}

var (
	directiveByKey = make(map[string]*directive)
	// reservedWords are what is no name unless quoted, in the spelling that counts (rows 2, 5, 6 and 7 of 1.3).
	reservedWords = map[string]kind{wordSegment: kindKeyword, wordVirtualID: kindKeyword,
		"M": kindLetter, "C": kindLetter, "D": kindLetter}
)

func init() {
	for i := range directives {
		d := &directives[i]
		directiveByKey[string(d.key)] = d
		if !d.contextual {
			reservedWords[string(d.key)] = kindKeyword
		}
	}
	for _, e := range eventFlags {
		reservedWords[e.name] = kindFlag
	}
	for _, e := range levels {
		reservedWords[e.name] = kindLevel
	}
}
