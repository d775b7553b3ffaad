package spread

import (
	"fmt"
	"strings"

	"gospread/spread/internal/clientproto"
)

// Service is the delivery guarantee of a message. A message is sent with
// exactly one (client protocol 3.3, semantics).
type Service uint32

// The services, weakest first. The values are the bits of the protocol.
const (
	// Unreliable messages may be lost, and may overtake others.
	Unreliable = Service(clientproto.Unreliable)
	// Reliable messages are not lost, but may overtake others.
	Reliable = Service(clientproto.Reliable)
	// FIFO messages of one sender stay in their order.
	FIFO = Service(clientproto.FIFO)
	// Causal messages do not overtake those that their sender had seen.
	Causal = Service(clientproto.Causal)
	// Agreed messages come in one total order at all receivers.
	Agreed = Service(clientproto.Agreed)
	// Safe messages come in that order too, and only when every daemon of the
	// view is known to hold them in memory.
	Safe = Service(clientproto.Safe)
)

const services = Service(clientproto.Services)

var serviceNames = [...]string{"UNRELIABLE", "RELIABLE", "FIFO", "CAUSAL", "AGREED", "SAFE"}

// String returns the name of the service, such as "AGREED".
func (s Service) String() string {
	for i, name := range serviceNames {
		if s == 1<<i {
			return name
		}
	}
	return fmt.Sprintf("Service(0x%x)", uint32(s))
}

// Valid tells whether s is one of the six services.
func (s Service) Valid() bool { return s&services == s && s != 0 && s&(s-1) == 0 }

// ParseService reads the name of a service as String writes it, in upper or
// lower case.
func ParseService(name string) (Service, error) {
	for i, n := range serviceNames {
		if strings.EqualFold(n, name) {
			return 1 << i, nil
		}
	}
	return 0, &Error{Op: "parse service", Code: ErrIllegalService,
		Err: fmt.Errorf("%q is no service; there are %s", name, strings.ToLower(strings.Join(serviceNames[:], ", ")))}
}

// Flags are the bits of a message's type word that are neither its service nor
// SelfDiscard. Daemons pass them on as they are and give them no meaning (client
// protocol 3.2); applications have [Message.Type] for their own purposes.
type Flags uint32

// SubgroupCast marks the subgroup messages of package flush.
const SubgroupCast = Flags(clientproto.SubgroupCast)

// reservedFlags are the bits that would cost the session, or make receivers take
// a message for something else.
const reservedFlags = Flags(clientproto.Services | clientproto.SelfDiscard | clientproto.Membership |
	clientproto.Reject | 0x003fc000 | 0x80000080)
