package clientproto

import "fmt"

// Code is one of the protocol's numbered results (8.1). The negative ones are
// errors; those from -3 to -9 also travel as single bytes in the handshake.
type Code int8

// The codes of the protocol and of the C interface.
const (
	Accepted           Code = 1
	IllegalSpread      Code = -1
	CouldNotConnect    Code = -2
	RejectQuota        Code = -3
	RejectNoName       Code = -4
	RejectIllegalName  Code = -5
	RejectNotUnique    Code = -6
	RejectVersion      Code = -7
	ConnectionClosed   Code = -8
	RejectAuth         Code = -9
	IllegalSession     Code = -11
	IllegalService     Code = -12
	IllegalMessage     Code = -13
	IllegalGroup       Code = -14
	BufferTooShort     Code = -15
	GroupsTooShort     Code = -16
	MessageTooLong     Code = -17
	NetError           Code = -18
	Bug                Code = -19
	IllegalTime        Code = -20
	IllegalParam       Code = -24
	WouldBlock         Code = -25
	IllegalMessageType Code = -26
	IllegalState       Code = -27
	IllegalReceivers   Code = -28
)

// The texts are those that spuser prints (configuration and tools 10.2); the
// ones it never shows are worded alike.
var codeText = map[Code]string{
	IllegalSpread:      "Illegal spread name provided.",
	CouldNotConnect:    "Could not connect.",
	RejectQuota:        "Connection rejected, too many users.",
	RejectNoName:       "Connection rejected, no name was supplied.",
	RejectIllegalName:  "Connection rejected, illegal name.",
	RejectNotUnique:    "Connection rejected, name not unique.",
	RejectVersion:      "Connection rejected, library version does not fit with daemon.",
	ConnectionClosed:   "Connection closed by Spread.",
	RejectAuth:         "Connection rejected, authentication failed.",
	IllegalSession:     "Illegal session was supplied.",
	IllegalService:     "Illegal service request.",
	IllegalMessage:     "Illegal message.",
	IllegalGroup:       "Illegal group.",
	BufferTooShort:     "Buffer too short.",
	GroupsTooShort:     "The supplied groups list was too short.",
	MessageTooLong:     "Message (body + group names) too large.",
	NetError:           "Network socket error. SP_kill() the mailbox.",
	Bug:                "An internal error occurred.",
	IllegalTime:        "The supplied time-out was illegal.",
	IllegalParam:       "Illegal parameter.",
	WouldBlock:         "Nothing to receive without blocking.",
	IllegalMessageType: "Illegal message type.",
	IllegalState:       "Function call performed in a prohibited state.",
	IllegalReceivers:   "Illegal receivers.",
}

// Error returns the text of the code without its number.
func (c Code) Error() string {
	if t, ok := codeText[c]; ok {
		return t
	}
	return fmt.Sprintf("Unrecognized error %d.", int(c))
}
