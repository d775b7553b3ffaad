// Package seal seals datagrams before they are sent, and opens them before anything
// of them is parsed.
//
// Without a key ([Plain]) a checksum finds damage, and that is all. With a key
// ([New], and [NewTool] for monitors) datagrams are encrypted and authenticated with
// AES-256-GCM, and each is opened once.
//
// # Keys and nonces
//
// All daemons of a ring have the same keys; see [ParseKeys]. From a key, by
// HKDF-SHA-256, a subkey is derived for each sender, life and epoch: the id of the
// daemon, the incarnation and eight random bytes of its process, and a number that
// rises every 2^26 datagrams and whenever another key begins to seal. The nonce is a
// counter within the epoch. So no subkey meets a nonce twice: not after a restart,
// whatever the clock says, and not when two processes have one id by mistake.
//
// Sender, life, epoch and counter stand in the clear before the sealed datagram, with
// a short name of the key that tells nothing of it. They pick subkey and nonce, so a
// datagram with a part of another's header does not open. A proof, four bytes of a
// MAC, comes with them: without a key nobody can make a receiver derive a subkey.
//
// # Replay
//
// Of each sender a receiver remembers the present life, the last two epochs, and which
// of the last 32,768 counters have come. A life with a higher incarnation takes the
// place of the one before, which is over then ([ErrStale]). Nothing is remembered of
// what did not open, and what is remembered is bounded. A datagram of somebody without
// a key costs a failed decryption at most, and mostly less.
//
// A receiver that has just started cannot know which life of a sender is the present
// one: until it hears it, it opens what was recorded of an earlier one, each datagram
// once. Neither clocks nor a handshake guard against that, because daemons must find
// each other when clocks are off, and by multicast. What guards is the ring above:
// what belongs to another configuration or an incarnation that is over is not
// delivered, and nobody becomes a member who does not answer a proposal that was just
// made. Such a replay can make daemons look for a member that is not there. It ends
// with the first datagram of the present life, or when the key is changed.
//
// A tool has no incarnation that others follow, and may give commands. It begins a
// life every ten seconds, which counts only within five minutes of the receiver's
// clock, and if it began after the receiver did. So a command is obeyed once, even
// when the daemon is restarted, up to the difference of their clocks. What daemons
// answer is to carry something of the question, as a tool that has just started knows
// no life of theirs.
//
// # What is not protected
//
// Who talks to whom, when and how much can be seen: sizes and headers are in the
// clear. Datagrams can be kept from arriving, or delayed. Whoever has a key is
// trusted: any daemon can speak as any other. Recorded datagrams can be read by who
// gets hold of the key later.
package seal
