package session

import "fmt"

// Reason is why a session was refused or has ended. Every refusal on the wire
// and every way to lose a connection has one; the log, the metrics and the
// monitor name sessions' ends with these words and no others.
type Reason uint8

// The reasons.
const (
	// Open is the zero Reason: the session has not ended.
	Open Reason = iota

	// The client ended it.
	ClientDisconnected // asked to be disconnected
	ClientClosed       // closed the connection without a word
	ConnectionFailed   // reset, time-out or another error of the network

	// Refused during the handshake.
	RefusedQuota     // as many sessions as allowed
	RefusedVersion   // client library older than 3.1.0
	RefusedName      // illegal private name
	RefusedNotUnique // private name in use
	RefusedAuth      // authentication method not allowed or not passed
	RefusedPolicy    // by the access control policy
	HandshakeLate    // handshake not complete in time
	HandshakeClosed  // closed by the client during the handshake

	// Ended by the daemon.
	IllegalMessage // a message that breaks the protocol
	IllegalSender  // a message in another session's name
	QueueBytes     // more bytes waiting than MaxSessionBytes
	QueueTotal     // all queues together too long, and this is a long one
	QueueMessages  // more messages waiting than MaxSessionMessages
	Stalled        // took nothing for MaxSessionStall
	DaemonStopped  // the daemon ended

	numReasons
)

var reasonText = [numReasons]string{
	Open:               "open",
	ClientDisconnected: "client disconnected",
	ClientClosed:       "client closed the connection",
	ConnectionFailed:   "connection failed",
	RefusedQuota:       "refused: too many sessions",
	RefusedVersion:     "refused: client version too old",
	RefusedName:        "refused: illegal private name",
	RefusedNotUnique:   "refused: private name in use",
	RefusedAuth:        "refused: authentication failed",
	RefusedPolicy:      "refused: access control policy",
	HandshakeLate:      "refused: handshake not completed in time",
	HandshakeClosed:    "client left during the handshake",
	IllegalMessage:     "illegal message",
	IllegalSender:      "message with a foreign sender name",
	QueueBytes:         "slow receiver: more bytes waiting than MaxSessionBytes",
	QueueTotal:         "slow receiver: all clients' queues together hold too much, and its is long",
	QueueMessages:      "slow receiver: more messages waiting than MaxSessionMessages",
	Stalled:            "slow receiver: nothing taken for MaxSessionStall",
	DaemonStopped:      "daemon stopped",
}

func (r Reason) String() string {
	if r < numReasons {
		return reasonText[r]
	}
	return fmt.Sprintf("reason %d", uint8(r))
}

// Reasons are all but Open.
func Reasons() []Reason {
	var list []Reason
	for r := Open + 1; r < numReasons; r++ {
		list = append(list, r)
	}
	return list
}

// Refusal tells whether the session ended before it was accepted.
func (r Reason) Refusal() bool { return r >= RefusedQuota && r <= HandshakeClosed }

// Cut tells whether the daemon ended an accepted session that could not keep up.
func (r Reason) Cut() bool {
	return r == QueueBytes || r == QueueTotal || r == QueueMessages || r == Stalled
}
