/**
 * Client of the Spread toolkit: group messaging in which every member of a group sees the same
 * messages and the same changes of membership, in the same order.
 *
 * <p>The classes have the names and signatures of the classic Java client, so that programs written
 * for it run unchanged; {@link spread.SpreadConnection#builder()}, {@link spread.Service},
 * {@link spread.SpreadConnection#receive(java.time.Duration)},
 * {@link spread.SpreadConnection#publisher()} and {@link spread.SpreadConnectionBuilder#reconnecting()}
 * are what new programs use.
 *
 * <pre>{@code
 * try (SpreadConnection c = SpreadConnection.builder().daemon("4803").privateName("alice").connect()) {
 *     c.join("chat");
 *     c.multicast(Service.AGREED, "hello".getBytes(UTF_8), "chat");
 *     while (true) {
 *         SpreadMessage m = c.receive();
 *         if (m.isMembership()) {
 *             System.out.println(m.getMembershipInfo());
 *         } else {
 *             System.out.println(m.getSender() + ": " + new String(m.getData(), UTF_8));
 *         }
 *     }
 * }
 * }</pre>
 *
 * <p>Names are bytes on the wire. As Java strings they are in ISO 8859-1, so that any byte survives.
 *
 * <p>"Client protocol N" in a comment is section N of this project's description of the protocol of
 * Spread 5.0.1.
 */
package spread;
