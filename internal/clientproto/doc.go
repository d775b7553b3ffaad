// Package clientproto holds the bytes between a client and its daemon: names,
// the handshake, the message header, membership bodies and reject notices. The
// daemon and the client library both use it, so the two cannot disagree.
//
// It is pure: no socket, no clock, no goroutine. Decoders take what has arrived
// so far and never trust a length before they have checked it.
//
// Section numbers in the comments are those of the client protocol document.
package clientproto
