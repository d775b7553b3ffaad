package spread;

/**
 * Tells once after each reconnection that the connection had been lost: messages and views between may
 * be missing, and what this client knew of its groups is out of date. Its groups have been joined
 * again, perhaps under another private group.
 */
public class PlaceLostException extends SpreadException {
    private static final long serialVersionUID = 1L;

    PlaceLostException(String message, Throwable cause) {
        super(ErrorCode.CONNECTION_CLOSED, message, cause);
    }
}
