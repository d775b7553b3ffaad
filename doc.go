// Package spread is the client library of the Spread toolkit: group messaging
// in which every member of a group sees the same messages and the same changes
// of membership, in the same order.
//
// A client connects to the daemon near it, joins groups, sends to groups whether
// it is a member or not, and receives messages mixed with the views of its
// groups:
//
//	package main
//
//	import (
//		"context"
//		"fmt"
//		"log"
//
//		"gospread/spread"
//	)
//
//	func main() {
//		ctx := context.Background()
//		c, err := spread.Dial(ctx, "4803", spread.WithName("alice"))
//		if err != nil {
//			log.Fatal(err)
//		}
//		defer c.Close()
//		if err := c.Join(ctx, "chat"); err != nil {
//			log.Fatal(err)
//		}
//		for ev, err := range c.Events(ctx) {
//			if err != nil {
//				log.Fatal(err)
//			}
//			switch ev := ev.(type) {
//			case *spread.View:
//				fmt.Printf("%s now has the members %v\n", ev.Group, ev.Members)
//				err := c.Multicast(ctx, spread.Agreed, "chat", []byte("hello"))
//				if err != nil {
//					log.Fatal(err)
//				}
//			case *spread.Message:
//				fmt.Printf("%s says %q\n", ev.Sender, ev.Data)
//			}
//		}
//	}
//
// # Names
//
// The daemon is named as in every Spread client: "4803" is the daemon with that
// port on this machine, "4803@host" one elsewhere, "" means "4803" ([Dial]).
// A client has a private name, unique at its daemon, and from it a private
// group, "#alice#host1", under which it appears in views and as a sender, and to
// which others may send.
//
// # Sending
//
// [Conn.Multicast] and [Conn.Send] return when the library has accepted the
// message, not when it has been delivered: a sender that is a member sees its
// own message come back at its place in the order. Small messages are gathered:
// under load many go out with one system call, a lone one goes out at once. Large
// ones are written from the caller's memory without a copy. If the daemon takes
// no more, Send waits, as long as its context lets it. What has been accepted is
// sent even if the context ends later; an error from the context means that
// nothing of the message was sent.
//
// # Receiving
//
// [Conn.Receive] hands out one event at a time; [Conn.Events] is the same as an
// iterator. The library reads ahead up to a bound ([WithReceiveQueue]). A client
// that does not receive is first held back through TCP and then cut off by its
// daemon, so a client that has joined something must keep receiving.
//
// # A connection that comes back
//
// [DialReconnecting] makes a connection that connects again when it is lost, to one
// of several daemons if need be, joins its groups again and tells so between the
// other events.
//
// # Guarantees
//
// What each [Service] promises, and what a [View] and its sets tell, is in the
// file docs/guarantees.md of the repository. Safe means: held in memory by the
// daemons, not on disk. Package flush, on top of this one, gives view synchrony.
//
// # Concurrency
//
// A Conn may be used by many goroutines at once. Each event goes to one
// receiver. Messages of one goroutine keep their order.
//
// # References
//
// "Client protocol N" in a comment means section N of the description of the
// protocol of Spread 5.0.1 that this implementation follows, which is not part of
// the module.
package spread
