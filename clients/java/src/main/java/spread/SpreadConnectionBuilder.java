package spread;

import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Objects;

/** Describes a connection; {@link #connect()} makes it, any number of times. */
public final class SpreadConnectionBuilder {
    private String daemon = "";
    private String privateName = "";
    private boolean membership = true;
    private boolean priority;
    private Duration timeout = SpreadConnection.DEFAULT_TIMEOUT;
    private final Map<String, SpreadAuthenticator> methods = new LinkedHashMap<>();

    SpreadConnectionBuilder() {}

    /**
     * Names the daemon: PORT@HOST over TCP; PORT for the daemon with that port on this machine, by its
     * Unix socket /run/spread/PORT or /tmp/PORT or, if neither answers, TCP; unix:PATH for another
     * Unix socket.
     *
     * @param daemon the name; empty, the default, for 4803
     * @return this
     */
    public SpreadConnectionBuilder daemon(String daemon) {
        this.daemon = Objects.requireNonNull(daemon);
        return this;
    }

    /**
     * Asks for a private name.
     *
     * @param name 1 to 10 characters from $ to ~ in ASCII (no blanks, quotes, # or !), unique at the
     *     daemon; empty, the default, to be given one
     * @return this
     */
    public SpreadConnectionBuilder privateName(String name) {
        this.privateName = Objects.requireNonNull(name);
        return this;
    }

    /**
     * Says whether views, transitional signals and self-leaves are wanted.
     *
     * @param wanted true is the default
     * @return this
     */
    public SpreadConnectionBuilder membership(boolean wanted) {
        this.membership = wanted;
        return this;
    }

    /**
     * Asks for priority, to which daemons give no meaning.
     *
     * @param wanted false is the default
     * @return this
     */
    public SpreadConnectionBuilder priority(boolean wanted) {
        this.priority = wanted;
        return this;
    }

    /**
     * Bounds the time for connecting, handshake included.
     *
     * @param timeout 30 seconds is the default
     * @return this
     */
    public SpreadConnectionBuilder timeout(Duration timeout) {
        this.timeout = Objects.requireNonNull(timeout);
        return this;
    }

    /**
     * Adds an authentication method, at most three, in the order in which they run. The first replaces
     * the default, NULL.
     *
     * @param name the name of the method at the daemon, such as IP
     * @param method what talks to the daemon; for a method without bytes, such as NULL and IP,
     *     {@code (in, out) -> {}}
     * @return this
     * @throws SpreadException REJECT_AUTH if there are too many, or the name has more than 29 bytes
     */
    public SpreadConnectionBuilder authentication(String name, SpreadAuthenticator method) throws SpreadException {
        Authenticators.add(methods, name, Objects.requireNonNull(method));
        return this;
    }

    /**
     * Connects.
     *
     * @return a new connection
     * @throws SpreadException ILLEGAL_SPREAD, COULD_NOT_CONNECT, one of the refusals REJECT_..., or
     *     CONNECTION_CLOSED if the handshake broke off, took too long or was interrupted
     */
    public SpreadConnection connect() throws SpreadException {
        return connect(Link.after(timeout));
    }

    /**
     * Describes a connection that is made again when it is lost. It is made when it is first used.
     *
     * @return a new object, of this description as it is now
     */
    public ReconnectingConnection reconnecting() {
        return new ReconnectingConnection(copy());
    }

    private SpreadConnectionBuilder copy() {
        SpreadConnectionBuilder b = new SpreadConnectionBuilder();
        b.daemon = daemon;
        b.privateName = privateName;
        b.membership = membership;
        b.priority = priority;
        b.timeout = timeout;
        b.methods.putAll(methods);
        return b;
    }

    Duration timeout() {
        return timeout;
    }

    SpreadConnection connect(long deadline) throws SpreadException {
        SpreadConnection c = new SpreadConnection();
        for (Map.Entry<String, SpreadAuthenticator> m : methods.entrySet()) {
            c.register(m.getKey(), m.getValue());
        }
        c.connect(DaemonAddress.parse(daemon), privateName, priority, membership, deadline);
        return c;
    }
}
