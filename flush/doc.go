// Package flush gives view synchrony on top of package spread: a new view of a
// group is installed only after every member of it has agreed, so that every
// message is received in the view in which its sender sent it, and members that
// go on together from one view to the next have received the same messages in
// the first. It is compatible on the wire with the flush layer (FL) of the
// original (client protocol 9), and needs nothing from the daemon.
//
// When the membership of a group changes, the members are first asked:
//
//	for ev, err := range c.Events(ctx) {
//		if err != nil {
//			return err
//		}
//		switch ev := ev.(type) {
//		case *flush.FlushRequest:
//			// Send here what must still be received in the old view. From
//			// Flush to the next View, sending to the group is refused.
//			if err := c.Flush(ctx, ev.Group); err != nil {
//				return err
//			}
//		case *flush.View:
//			// Everybody who is in ev.Members has flushed.
//		case *flush.Message:
//			// Sent in the view that we are in.
//		}
//	}
//
// A member that does not answer a FlushRequest, or does not receive, holds up
// the whole group: no view is installed without it. So receive all the time, in
// one goroutine, and answer at once.
//
// In every group a connection is a member through this package or not at all:
// all members of a group that uses it must use it, and messages from others are
// dropped ([Conn.Dropped]).
package flush
