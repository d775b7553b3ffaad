package spread;

/**
 * A group, or the private group of a client: as a receiver or sender of messages, a member of a view,
 * or one's own membership, which {@link #join} makes and {@link #leave} ends.
 *
 * <p>Groups are equal if their names are.
 */
public class SpreadGroup {
    private final boolean shared;
    private SpreadConnection connection;
    private String name;
    private byte[] wire;

    /** Makes a group that has not been joined. */
    public SpreadGroup() {
        this.shared = false;
    }

    /**
     * Makes a group that belongs to a connection.
     *
     * @param connection where {@link #leave} applies; may be null
     * @param name the name of the group
     */
    protected SpreadGroup(SpreadConnection connection, String name) {
        this(connection, name, false);
    }

    /** A shared group comes with many messages and never changes. */
    SpreadGroup(SpreadConnection connection, String name, boolean shared) {
        this.connection = connection;
        this.name = name;
        this.shared = shared;
    }

    /**
     * Joins a group: asks the daemon for it. The membership has begun when its first view comes
     * (with a connection that asked for views). A group that was joined already stays as it is.
     *
     * @param c the connection that becomes a member
     * @param groupName 1 to 31 characters from $ to ~ in ASCII
     * @throws SpreadException ILLEGAL_GROUP if the name is not allowed or this object stands for a
     *     membership already; ILLEGAL_SESSION, CONNECTION_CLOSED
     */
    public void join(SpreadConnection c, String groupName) throws SpreadException {
        synchronized (this) {
            if (connection != null || shared) {
                throw new SpreadException(ErrorCode.ILLEGAL_GROUP, "Already joined.");
            }
            Wire.checkGroup(groupName);
            connection = c;
            name = groupName;
            wire = null;
        }
        try {
            c.request(Wire.JOIN, this);
        } catch (SpreadException e) {
            forget(c);
            throw e;
        }
    }

    private synchronized void forget(SpreadConnection c) {
        if (connection == c && !shared) {
            connection = null;
        }
    }

    /**
     * Leaves the group: asks the daemon for it. With a connection that asked for views, a self-leave
     * tells that it is done.
     *
     * @throws SpreadException ILLEGAL_GROUP if the group was not joined; ILLEGAL_SESSION,
     *     CONNECTION_CLOSED
     */
    public void leave() throws SpreadException {
        SpreadConnection c;
        synchronized (this) {
            c = connection;
        }
        if (c == null) {
            throw new SpreadException(ErrorCode.ILLEGAL_GROUP, "No group to leave.");
        }
        c.request(Wire.LEAVE, this);
        forget(c);
    }

    /** Returns the name as it travels, 32 bytes that must not be changed. */
    synchronized byte[] wire() {
        if (wire == null) {
            wire = Wire.name(name);
        }
        return wire;
    }

    /** Returns the name; null if there is none yet. */
    @Override
    public synchronized String toString() {
        return name;
    }

    @Override
    public boolean equals(Object o) {
        if (this == o) {
            return true;
        }
        if (!(o instanceof SpreadGroup)) {
            return false;
        }
        String mine = toString();
        return mine != null && mine.equals(o.toString());
    }

    @Override
    public int hashCode() {
        String s = toString();
        return s == null ? 0 : s.hashCode();
    }
}
