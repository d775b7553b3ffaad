package spread;

/** Receives the messages of a connection, parted into data and memberships. */
public interface AdvancedMessageListener {
    /**
     * Is called for each message with data, and for each request that the daemon rejected
     * ({@link SpreadMessage#isReject()}), in order, on the connection's listener thread.
     *
     * @param message the message
     */
    void regularMessageReceived(SpreadMessage message);

    /**
     * Is called for each view, transitional signal and self-leave, in order, on the connection's
     * listener thread.
     *
     * @param message the message; {@link SpreadMessage#getMembershipInfo()} tells what it is
     */
    void membershipMessageReceived(SpreadMessage message);
}
