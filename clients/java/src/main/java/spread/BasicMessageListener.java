package spread;

/** Receives every message of a connection, whatever its kind. */
@FunctionalInterface
public interface BasicMessageListener {
    /**
     * Is called for each message, in order, on the connection's listener thread.
     *
     * @param message the message: data, a membership or a rejected request
     */
    void messageReceived(SpreadMessage message);
}
