// Package compat holds tests only: they drive a daemon from outside, over
// sockets, with a client of a few raw bytes that was written from the protocol
// description alone and shares no code with the daemon or the client library.
//
// Every subtest is named after the rule that it checks ("rule: client protocol
// 4.2: ..."), and testdata/vectors.json holds recorded exchanges that are
// replayed byte for byte.
//
// By default the tests build and run this module's own daemon. To compare with
// another one, name its binary:
//
//	SPREAD_COMPAT_DAEMON=/path/to/spread go test ./compat
//
// Such a daemon is held to the rules of the original; the table of deviations
// lists where this module's daemon differs from it on purpose. Set
// SPREAD_COMPAT_RULES=ours as well to hold it to this module's rules.
package compat
