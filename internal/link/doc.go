// Package link carries datagrams between daemons, in batches, without knowing
// what they mean.
//
// # Sockets
//
// A daemon has a data socket on the port of its segment and a token socket on
// the next one, both bound to its own address, so that what it sends carries the
// address and port by which others know it. In a segment of several daemons each
// multicast or broadcast address of the segment has a receiving socket of its own,
// bound to that address: only that group's traffic arrives. Further daemon
// interfaces of the configuration get a pair of sockets that only receive.
//
// # Sending
//
// [Link.Send] takes a batch. What goes to everybody is sent once to each address
// of the own segment, or to each of its members where the segment has none that
// reaches several, and to each daemon of other segments. Of what is for members of
// the ring only, daemons that are none get no copies ([Link.SetMembers]). Equal
// neighbours in the batch become one segmented message (UDP_SEGMENT), and all of it
// a few system calls (sendmmsg). Where the kernel refuses segmentation towards one
// destination the same datagrams go out separately, there and from then on.
//
// # Receiving
//
// One goroutine for each socket waits in recvmmsg itself. It does not use the
// runtime's poller: that costs another wake-up, several times the rest of a
// datagram's way. So that no datagram of the token socket waits behind data,
// handlers are called by these goroutines concurrently.
//
// # Evidence
//
// A host on which nobody is bound to the port answers a unicast datagram with an
// ICMP message. It arrives in the socket's error queue with the address that was
// tried, and is reported as refused by that daemon. Hosts limit the rate of such
// answers (Linux: a burst of six, then one a second for each asker; none on
// loopback), so not every datagram draws one. A router that asks for smaller
// datagrams lowers [Link.MaxDatagram]; what is larger then goes in fragments, so
// that datagrams that cannot be cut any more still arrive.
//
// # Changes of the host
//
// Every few seconds the link looks whether the interface with the own address is still
// the one on which it joined its groups; one that has taken its place is used instead.
// Every ten minutes it measures the paths again, so that MaxDatagram grows when a
// narrow one has become wider. [Handler] is told of both.
//
// # Systems
//
// All of this is for Linux. Elsewhere, and with [Native] switched off, a portable
// form sends and receives one datagram at a time, and knows no refusal.
package link
