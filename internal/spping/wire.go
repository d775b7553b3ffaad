package spping

import (
	"encoding/binary"
	"time"
)

// A ping is a message to the group, answered by the same bytes to its sender with
// the mark taken away. The numbers have the byte order of who sent the ping, and
// nobody else reads them.
const (
	offSeq    = 0  // int32, from 0
	offSec    = 4  // int32: when it was sent, in seconds since 1970, cut to 32 bits
	offMicro  = 8  // int32: and microseconds
	offMark   = 12 // 1: to be answered; 0: an answer
	offSender = 13 // private group of who sent the ping, 32 bytes filled up with zeros
	senderLen = 32

	minBytes = 48
	maxBytes = 100_000
)

// putPing fills b, of at least minBytes, with a ping.
func putPing(b []byte, seq uint32, at time.Time, sender string) {
	binary.NativeEndian.PutUint32(b[offSeq:], seq)
	binary.NativeEndian.PutUint32(b[offSec:], uint32(at.Unix()))
	binary.NativeEndian.PutUint32(b[offMicro:], uint32(at.Nanosecond()/1000))
	b[offMark] = 1
	clear(b[offSender : offSender+senderLen])
	copy(b[offSender:offSender+senderLen-1], sender)
}

// toAnswer reports whether a message is a ping, and turns it into its answer.
func toAnswer(b []byte) bool {
	if len(b) <= offMark || b[offMark] == 0 {
		return false
	}
	b[offMark] = 0
	return true
}

// answered gives the number of the ping that b answers. It fails if b is no answer
// to a ping of that sender.
func answered(b []byte, sender string) (seq uint32, ok bool) {
	if len(b) < minBytes || b[offMark] != 0 {
		return 0, false
	}
	field := b[offSender : offSender+senderLen]
	if len(sender) >= senderLen || string(field[:len(sender)]) != sender || field[len(sender)] != 0 {
		return 0, false
	}
	return binary.NativeEndian.Uint32(b[offSeq:]), true
}
