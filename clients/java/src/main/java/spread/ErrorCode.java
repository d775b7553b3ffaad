package spread;

/** The numbered results of the protocol and of the C library (client protocol 8.1). */
public enum ErrorCode {
    /** The name of the daemon makes no sense, or its host does not exist. */
    ILLEGAL_SPREAD(-1),
    /** Nobody answers there. */
    COULD_NOT_CONNECT(-2),
    /** The daemon has as many clients as it takes. */
    REJECT_QUOTA(-3),
    /** The daemon did not get the private name (daemons of 3.x). */
    REJECT_NO_NAME(-4),
    /** The private name has bytes or a length that are not allowed. */
    REJECT_ILLEGAL_NAME(-5),
    /** Another client of the daemon has that private name. */
    REJECT_NOT_UNIQUE(-6),
    /** Daemon and library do not fit. */
    REJECT_VERSION(-7),
    /** The connection is lost, or broke off before it was established. */
    CONNECTION_CLOSED(-8),
    /** The daemon does not offer an authentication method, or does not let this client in. */
    REJECT_AUTH(-9),
    /** There is no connection: not yet, or not any more. */
    ILLEGAL_SESSION(-11),
    /** Not exactly one of the six services, or reserved bits. */
    ILLEGAL_SERVICE(-12),
    /** The daemon sent something that cannot be right, or data are no object. */
    ILLEGAL_MESSAGE(-13),
    /** No group, too many, or one whose name is not allowed. */
    ILLEGAL_GROUP(-14),
    /** Not used by this library. */
    BUFFER_TOO_SHORT(-15),
    /** Not used by this library. */
    GROUPS_TOO_SHORT(-16),
    /** Data and names together exceed what a daemon accepts. */
    MESSAGE_TOO_LONG(-17),
    /** Not used by this library; see {@link #CONNECTION_CLOSED}. */
    NET_ERROR_ON_SESSION(-18),
    /** Not used by this library. */
    SP_BUG(-19),
    /** Not used by this library. */
    ILLEGAL_TIME(-20);

    private final int number;

    ErrorCode(int number) {
        this.number = number;
    }

    /**
     * Returns the number of the code in the protocol and in the C library.
     *
     * @return a negative number
     */
    public int number() {
        return number;
    }

    /** Finds the refusal that a daemon's status byte means; null if it means none. */
    static ErrorCode refusal(int status) {
        for (ErrorCode c : values()) {
            if (c.number == status && status <= REJECT_QUOTA.number && status >= REJECT_AUTH.number
                    && c != CONNECTION_CLOSED) {
                return c;
            }
        }
        return null;
    }
}
