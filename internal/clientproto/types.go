package clientproto

// Type is the first word of a message: service, request, cause and flag bits
// (3.3). Values of this type never carry the byte-order marker.
type Type uint32

// Service bits: a data message has exactly one of them.
const (
	Unreliable Type = 1 << iota
	Reliable
	FIFO
	Causal
	Agreed
	Safe
	// SelfDiscard keeps a message from the session that sent it.
	SelfDiscard

	// Services masks the six service bits.
	Services = Unreliable | Reliable | FIFO | Causal | Agreed | Safe
)

// Membership bits: what caused a view, and what kind of notice it is.
const (
	CausedByJoin       Type = 0x100
	CausedByLeave      Type = 0x200 // alone: the self-leave notice (5.4)
	CausedByDisconnect Type = 0x400
	CausedByNetwork    Type = 0x800
	RegularMembership  Type = 0x1000
	Transition         Type = 0x2000

	// Causes masks the four causes.
	Causes = CausedByJoin | CausedByLeave | CausedByDisconnect | CausedByNetwork
	// Membership masks every membership bit.
	Membership Type = 0x3f00
)

// Request bits, and the bits no client may send (section 12, rows 1 and 2).
const (
	Join   Type = 0x10000
	Leave  Type = 0x20000
	Kill   Type = 0x40000
	Groups Type = 0x80000 // between daemons only
	Reject Type = 0x400000

	// Requests masks the three requests.
	Requests = Join | Leave | Kill
)

// Bits that only a library looks at.
const (
	DropReceive  Type = 0x1000000  // receive option of the C interface
	DontBlock    Type = 0x10000000 // receive option of the flush layer
	FlushRequest Type = 0x20000000 // flush layer, never on the wire
	SubgroupCast Type = 0x40000000 // flush layer, travels on the wire
)

// marker is set in the type word and in the hint by a little-endian writer and
// clear for a big-endian one; it reads the same in either order (3.2).
const marker = 0x80000080

// Sizes on the wire, in bytes.
const (
	HeaderSize  = 48
	NameSize    = 32
	ChoiceSize  = 90 // authentication choice, three slots
	AuthSlot    = 30
	GroupIDSize = 12
	// OldTypeSize is the extra word behind the header of a rejected message (5.6).
	OldTypeSize = 4
)

// Limits of one message, of names, and of the handshake (3.4, 3.5).
const (
	MaxUser       = 10
	MaxDaemonName = 19
	MaxGroupName  = 31
	MaxGroups     = 100
	// MaxData bounds the data of one message in both directions, and at the
	// library also data plus names.
	MaxData = 144000
	// MaxBody bounds data plus 32 bytes a group, as the daemon receives it.
	MaxBody = 143952
)

// Version is the release a program calls itself in the handshake.
type Version struct{ Major, Minor, Patch int8 }

// ThisVersion is what our daemon and library claim to be: the release whose
// protocol they speak (2.7).
var ThisVersion = Version{5, 0, 1}

// number orders versions the way the original compares them (2.3).
func (v Version) number() int {
	return int(v.Major)*10000 + int(v.Minor)*100 + int(v.Patch)
}

// sendsPatch tells whether the hello of such a client has a patch byte (2.1).
func (v Version) sendsPatch() bool { return int(v.Major)*10000+int(v.Minor)*100 > 31400 }

// Acceptable tells whether the daemon speaks to such a client: 3.1.0 and later.
func (v Version) Acceptable() bool { return v.number() >= 30100 }

// HasAuthExchange tells whether such a client takes part in the choice of
// authentication methods: 3.16.0 and later.
func (v Version) HasAuthExchange() bool { return v.number() >= 31600 }

// wantsPatch tells whether the accept carries a patch byte: 3.15.0 and later.
func (v Version) wantsPatch() bool { return v.number() >= 31500 }

// OldViews tells whether such a program writes and expects the 3.x layout of
// membership bodies (section 11).
func (v Version) OldViews() bool { return v.Major < 4 }
