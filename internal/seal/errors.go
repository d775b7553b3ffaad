package seal

import "errors"

// Why a datagram is not opened. Open returns these as they are, so that they can be compared and counted without
// allocation. Nothing of a refused datagram is to be used.
var (
	// ErrCorrupt: too short, or its checksum is wrong.
	ErrCorrupt = errors.New("corrupted datagram")
	// ErrSealed: it is sealed, and this daemon has no ring key.
	ErrSealed = errors.New("sealed datagram, but this daemon has no RingKeyFile")
	// ErrUnsealed: it is not sealed, and this daemon has a ring key.
	ErrUnsealed = errors.New("datagram is not sealed: its sender has no RingKeyFile")
	// ErrUnknownKey: sealed with a key that is not in the key file.
	ErrUnknownKey = errors.New("datagram is sealed with a key that is not in this daemon's RingKeyFile")
	// ErrAuth: forged or damaged.
	ErrAuth = errors.New("datagram is forged or damaged")
	// ErrReplay: it has been opened before, or is too old to tell.
	ErrReplay = errors.New("datagram has come before")
	// ErrStale: it belongs to a life of its sender that is over: a replay, the clock of its sender was set back before
	// its last start, or two daemons run with the same id.
	ErrStale = errors.New("datagram of an earlier life of its sender")
	// ErrClock: it belongs to a tool whose clock differs from ours by more than five minutes, or is a replay.
	ErrClock = errors.New("datagram of a tool whose clock differs from ours by more than five minutes")
	// ErrOwn: it is one of our own, come back.
	ErrOwn = errors.New("datagram of our own")
)
