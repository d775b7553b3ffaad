package spread

import (
	"fmt"
	"strings"

	"gospread/spread/internal/clientproto"
)

// Code is one of the numbered results of the Spread protocol and its libraries
// (client protocol 8.1). Every error of this package wraps one:
//
//	if errors.Is(err, spread.ErrNotUnique) { ... }
//
//	var e *spread.Error
//	if errors.As(err, &e) { fmt.Println(int(e.Code)) }
type Code int

// The codes. Those of which the comment says so are results of the C library
// that this package has no occasion for.
const (
	// ErrIllegalSpread: the name of the daemon makes no sense, or its host does
	// not exist.
	ErrIllegalSpread Code = -1
	// ErrCouldNotConnect: nobody answers there.
	ErrCouldNotConnect Code = -2
	// ErrQuota: the daemon has as many clients as it takes.
	ErrQuota Code = -3
	// ErrNoName: the daemon did not get our name (daemons of 3.x).
	ErrNoName Code = -4
	// ErrIllegalName: the private name has bytes or a length that are not allowed.
	ErrIllegalName Code = -5
	// ErrNotUnique: another client of the daemon has that private name.
	ErrNotUnique Code = -6
	// ErrVersion: daemon and library do not fit.
	ErrVersion Code = -7
	// ErrConnectionClosed: the connection is lost, or broke off before it was
	// established.
	ErrConnectionClosed Code = -8
	// ErrAuth: the daemon does not offer an authentication method that was asked
	// for, or does not let us in.
	ErrAuth Code = -9
	// ErrIllegalSession: the Conn was closed by Close.
	ErrIllegalSession Code = -11
	// ErrIllegalService: not exactly one of the six services.
	ErrIllegalService Code = -12
	// ErrIllegalMessage: the daemon sent something that cannot be right.
	ErrIllegalMessage Code = -13
	// ErrIllegalGroup: no group, too many, or one whose name is not allowed.
	ErrIllegalGroup Code = -14
	// ErrBufferTooShort is not used by this package.
	ErrBufferTooShort Code = -15
	// ErrGroupsTooShort is not used by this package.
	ErrGroupsTooShort Code = -16
	// ErrMessageTooLong: data and names together exceed what a daemon accepts.
	ErrMessageTooLong Code = -17
	// ErrNetError is not used by this package; see ErrConnectionClosed.
	ErrNetError Code = -18
	// ErrBug is not used by this package.
	ErrBug Code = -19
	// ErrIllegalTime is not used by this package.
	ErrIllegalTime Code = -20
	// ErrIllegalParam: an argument makes no sense (package flush).
	ErrIllegalParam Code = -24
	// ErrWouldBlock: there is no room for the message just now ([Conn.TrySend]).
	ErrWouldBlock Code = -25
	// ErrIllegalMessageType: the type is reserved (package flush).
	ErrIllegalMessageType Code = -26
	// ErrIllegalState: not now (package flush).
	ErrIllegalState Code = -27
	// ErrIllegalReceivers: not members of the view (package flush).
	ErrIllegalReceivers Code = -28
)

// Error returns the text that the C library has for the code.
func (c Code) Error() string { return clientproto.Code(c).Error() }

// Error is what the functions of this package return.
type Error struct {
	// Op is what was tried, such as "connect to 4803@host" or `join "chat"`.
	Op string
	// Code is the protocol's number for what went wrong.
	Code Code
	// Err says more, and wraps the cause if there is one: a network error, the
	// error of a context, net.ErrClosed after Close. It may be nil.
	Err error
}

// Error says what was tried and why it failed.
func (e *Error) Error() string {
	detail := strings.TrimSuffix(e.Code.Error(), ".")
	if e.Err != nil {
		detail = e.Err.Error()
	}
	return fmt.Sprintf("spread: %s: %s (code %d)", e.Op, detail, int(e.Code))
}

// Unwrap gives errors.Is and errors.As the code and the cause.
func (e *Error) Unwrap() []error {
	if e.Err == nil {
		return []error{e.Code}
	}
	return []error{e.Code, e.Err}
}
