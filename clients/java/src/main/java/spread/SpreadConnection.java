package spread;

import java.io.InterruptedIOException;
import java.net.InetAddress;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Flow;

/**
 * A connection to a daemon: one client of the group system.
 *
 * <p>It may be used by many threads at once: each message goes to one receiver, and messages of one
 * thread keep their order. {@link #disconnect()} from any thread wakes those that receive.
 *
 * <p>Messages are received by {@link #receive()}, by listeners or by a {@link #publisher()}; whoever
 * has joined something must keep receiving, or the daemon holds back its senders and then ends the
 * connection. Several ways at once share the messages among them.
 *
 * <p>After the connection was lost, what had been received can still be taken; then every call fails
 * with {@link ErrorCode#CONNECTION_CLOSED}. Without a connection calls fail with
 * {@link ErrorCode#ILLEGAL_SESSION}.
 */
public class SpreadConnection implements AutoCloseable {
    /** The bytes of a name on the wire. */
    protected static final int MAX_GROUP_NAME = Wire.NAME_SIZE;

    static final Duration DEFAULT_TIMEOUT = Duration.ofSeconds(30);
    static final Duration DEFAULT_LINGER = Duration.ofSeconds(1);
    private static final SpreadMessage[] NO_MESSAGES = {};

    private final Object connecting = new Object();
    private final Map<String, SpreadAuthenticator> methods = new LinkedHashMap<>();
    private final Dispatcher dispatcher = new Dispatcher(this);
    private volatile Session session;

    /** Makes an object that is not connected. New programs use {@link #builder()}. */
    public SpreadConnection() {}

    /**
     * Starts the description of a connection.
     *
     * @return a builder with the defaults
     */
    public static SpreadConnectionBuilder builder() {
        return new SpreadConnectionBuilder();
    }

    static SpreadException notConnected() {
        return new SpreadException(ErrorCode.ILLEGAL_SESSION, "Not connected.");
    }

    /**
     * Chooses an authentication method for later connects. Without it the method is NULL, which the
     * first call replaces; up to three calls add up.
     *
     * @param authName the name of the method at the daemon, such as IP
     * @param authClassName a class with a public constructor without arguments that implements
     *     {@link SpreadAuthInterface} or {@link SpreadAuthenticator}, such as spread.NULLAuth
     * @throws SpreadException REJECT_AUTH if there is no such class, or the name has more than 29 bytes
     */
    public void registerAuthentication(String authName, String authClassName) throws SpreadException {
        register(authName, Authenticators.load(authClassName));
    }

    void register(String name, SpreadAuthenticator method) throws SpreadException {
        synchronized (connecting) {
            Authenticators.add(methods, name, method);
        }
    }

    /**
     * Connects over TCP, within 30 seconds.
     *
     * @param address the daemon's machine; null for this one
     * @param port the daemon's port; 0 for 4803
     * @param privateName unique at the daemon, characters from $ to ~ in ASCII, of which the first 10
     *     count; null or empty to be given one
     * @param priority accepted for compatibility; daemons give it no meaning
     * @param groupMembership whether views, transitional signals and self-leaves are wanted
     * @throws SpreadException why there is no connection, by its code
     */
    public void connect(InetAddress address, int port, String privateName, boolean priority, boolean groupMembership)
            throws SpreadException {
        String name = privateName == null ? "" : privateName;
        connect(DaemonAddress.of(address, port), name.substring(0, Math.min(name.length(), Wire.MAX_USER)), priority,
                groupMembership, Link.after(DEFAULT_TIMEOUT));
    }

    void connect(DaemonAddress daemon, String name, boolean priority, boolean membership, long deadline)
            throws SpreadException {
        synchronized (connecting) {
            if (session != null && session.isAlive()) {
                throw new SpreadException(ErrorCode.ILLEGAL_SESSION, "Already connected.");
            }
            if (name.length() > Wire.MAX_USER || !name.isEmpty() && !Wire.isPlain(name)) {
                throw new SpreadException(ErrorCode.REJECT_ILLEGAL_NAME, "Private name \"" + name
                        + "\" is not allowed: 1 to 10 characters from $ to ~ in ASCII (no blanks, quotes, # or !).");
            }
            Session old = session;
            session = establish(daemon, name, priority, membership, deadline);
            if (old != null) {
                old.close(0);
            }
        }
        dispatcher.start();
    }

    private Session establish(DaemonAddress daemon, String name, boolean priority, boolean membership, long deadline)
            throws SpreadException {
        Link link = null;
        try {
            link = daemon.connect(deadline);
            Handshake h = new Handshake(link, name, deadline);
            h.run(membership, priority, methods.isEmpty() ? Authenticators.none() : methods);
            Session s = new Session(this, link, h);
            link = null;
            return s;
        } catch (InterruptedIOException e) {
            Thread.currentThread().interrupt();
            throw new SpreadException(ErrorCode.CONNECTION_CLOSED, "Connecting was interrupted.", e);
        } finally {
            if (link != null) {
                link.close();
            }
        }
    }

    /**
     * Takes leave of the daemon and ends the connection; the object can connect again. What was sent
     * before is still delivered. Threads that receive or wait to send return with an exception. The
     * daemon is given up to one second to confirm, after which the private name is free again.
     *
     * @throws SpreadException ILLEGAL_SESSION if there was no connection
     */
    public void disconnect() throws SpreadException {
        if (!end(DEFAULT_LINGER)) {
            throw notConnected();
        }
    }

    /** Ends the connection as {@link #disconnect()} does; does nothing if there is none. */
    @Override
    public void close() {
        end(DEFAULT_LINGER);
    }

    /** Ends the connection at once, without a word to the daemon; does nothing if there is none. */
    public void abort() {
        end(Duration.ZERO);
    }

    private boolean end(Duration linger) {
        Session s;
        synchronized (this) {
            s = session;
            session = null;
        }
        if (s == null) {
            return false;
        }
        s.close(linger.toNanos());
        return true;
    }

    /** Returns the session. */
    Session session() throws SpreadException {
        Session s = session;
        if (s == null) {
            throw notConnected();
        }
        return s;
    }

    /** Returns the session, null if there is none. */
    Session sessionOrNull() {
        return session;
    }

    /**
     * Tells whether there is a connection, as far as is known: a loss is noticed by receiving or sending.
     *
     * @return false before connect, after disconnect and after a loss
     */
    public boolean isConnected() {
        Session s = session;
        return s != null && s.isAlive();
    }

    /**
     * Returns the private group of this client, #name#daemon, under which others see it and can send
     * to it.
     *
     * @return the private group; null without a connection
     */
    public SpreadGroup getPrivateGroup() {
        Session s = session;
        return s == null ? null : s.privateGroup;
    }

    /**
     * Returns what the daemon says that it is.
     *
     * @return the version; null without a connection
     */
    public SpreadVersion getDaemonVersion() {
        Session s = session;
        return s == null ? null : s.version;
    }

    /**
     * Returns the end of the present connection as a future. It completes normally when this side has
     * ended the connection, and with a {@link SpreadException} when its loss has been noticed.
     *
     * @return a new future
     * @throws SpreadException ILLEGAL_SESSION
     */
    public CompletableFuture<Void> whenClosed() throws SpreadException {
        return session().end.copy();
    }

    /**
     * Receives a message, waiting for it as long as it takes.
     *
     * @return the next message
     * @throws SpreadException ILLEGAL_SESSION, CONNECTION_CLOSED; ILLEGAL_MESSAGE if the daemon sent
     *     what cannot be right
     * @throws InterruptedIOException if the thread was interrupted while it waited
     */
    public SpreadMessage receive() throws SpreadException, InterruptedIOException {
        return receiveBy(Link.FOREVER);
    }

    /**
     * Receives several messages, waiting as long as it takes.
     *
     * @param numMessages how many
     * @return that many messages
     * @throws SpreadException as {@link #receive()}; messages before the failure are kept for later calls
     * @throws InterruptedIOException if the thread was interrupted while it waited; so are they
     */
    public SpreadMessage[] receive(int numMessages) throws SpreadException, InterruptedIOException {
        Session s = session();
        List<SpreadMessage> all = new ArrayList<>(Math.min(numMessages, 1000));
        try {
            while (all.size() < numMessages) {
                all.add(s.receive(Link.FOREVER, () -> false));
            }
            return all.toArray(NO_MESSAGES);
        } catch (SpreadException | InterruptedIOException e) {
            s.unread(all);
            throw e;
        }
    }

    /**
     * Receives a message if one comes in time. A message that arrives in part stays for a later call.
     *
     * @param timeout how long to wait; zero to take only what is there
     * @return the next message; empty if none came
     * @throws SpreadException as {@link #receive()}
     * @throws InterruptedException if the thread was interrupted while it waited
     */
    public Optional<SpreadMessage> receive(Duration timeout) throws SpreadException, InterruptedException {
        try {
            return Optional.ofNullable(receiveBy(Link.after(timeout)));
        } catch (InterruptedIOException e) {
            throw new InterruptedException(e.getMessage());
        }
    }

    /** Receives a message; null if the deadline passes first. */
    SpreadMessage receiveBy(long deadline) throws SpreadException, InterruptedIOException {
        return session().receive(deadline, () -> false);
    }

    /**
     * Tells whether bytes of a message have arrived.
     *
     * @return whether {@link #receive()} has something to do
     * @throws SpreadException ILLEGAL_SESSION, CONNECTION_CLOSED
     */
    public boolean poll() throws SpreadException {
        return available() > 0;
    }

    /**
     * Returns how many bytes have arrived that nobody has received, as far as the library has read
     * ahead, at most 64 KiB or one message. While another thread receives it is 0.
     *
     * @return the number of bytes
     * @throws SpreadException ILLEGAL_SESSION, CONNECTION_CLOSED
     */
    public int available() throws SpreadException {
        return session().available();
    }

    /**
     * Returns the messages as a stream for one subscriber at a time, which holds back its daemon by
     * asking for no more. It completes when this side ends the connection, and fails when it is lost.
     * A subscriber that comes while there is another gets an IllegalStateException.
     *
     * @return a publisher for the present connection
     * @throws SpreadException ILLEGAL_SESSION
     */
    public Flow.Publisher<SpreadMessage> publisher() throws SpreadException {
        return session().publisher;
    }

    /**
     * Adds a listener. While there are listeners, a daemon thread receives and calls all of them with
     * each message. If one throws, the thread's handler for uncaught exceptions is told and it goes on.
     *
     * @param listener the listener
     */
    public void add(BasicMessageListener listener) {
        dispatcher.add(listener);
    }

    /**
     * Adds a listener, as the other add does.
     *
     * @param listener the listener
     */
    public void add(AdvancedMessageListener listener) {
        dispatcher.add(listener);
    }

    /**
     * Removes a listener. A message on its way to it may still reach it.
     *
     * @param listener the listener
     */
    public void remove(BasicMessageListener listener) {
        dispatcher.remove(listener);
    }

    /**
     * Removes a listener. A message on its way to it may still reach it.
     *
     * @param listener the listener
     */
    public void remove(AdvancedMessageListener listener) {
        dispatcher.remove(listener);
    }

    /**
     * Sends a message. It has been handed to the system when this returns; a sender that is a receiver
     * too gets it back at its place in the order. If the daemon takes no more, this waits.
     *
     * @param message the message; a message to no group goes nowhere
     * @throws SpreadException ILLEGAL_SERVICE, ILLEGAL_GROUP or MESSAGE_TOO_LONG, and nothing was sent;
     *     ILLEGAL_SESSION, CONNECTION_CLOSED
     */
    public void multicast(SpreadMessage message) throws SpreadException {
        multicast(new SpreadMessage[] {message});
    }

    /**
     * Sends several messages, with few writes and without others between them.
     *
     * @param messages the messages
     * @throws SpreadException as for one message, and nothing was sent; ILLEGAL_SESSION;
     *     CONNECTION_CLOSED, and some may have been sent
     */
    public void multicast(SpreadMessage[] messages) throws SpreadException {
        session().send(messages);
    }

    /**
     * Sends data, as message type 0.
     *
     * @param service the guarantee
     * @param data the data, at most 143,952 bytes less 32 for each group
     * @param groups groups and private groups, 1 to 100
     * @throws SpreadException as {@link #multicast(SpreadMessage)}; ILLEGAL_GROUP also without a group
     */
    public void multicast(Service service, byte[] data, String... groups) throws SpreadException {
        if (groups.length == 0) {
            throw new SpreadException(ErrorCode.ILLEGAL_GROUP, "No group is named.");
        }
        SpreadGroup[] to = new SpreadGroup[groups.length];
        for (int i = 0; i < to.length; i++) {
            to[i] = new SpreadGroup(null, groups[i]);
        }
        Encoder.check(to, data.length);
        session().send(service.bit(), to, (short) 0, data);
    }

    /**
     * Joins a group.
     *
     * @param group 1 to 31 characters from $ to ~ in ASCII
     * @return the membership, to leave the group with
     * @throws SpreadException as {@link SpreadGroup#join}
     */
    public SpreadGroup join(String group) throws SpreadException {
        SpreadGroup g = new SpreadGroup();
        g.join(this, group);
        return g;
    }

    /**
     * Leaves a group.
     *
     * @param group its name
     * @throws SpreadException as {@link SpreadGroup#leave}
     */
    public void leave(String group) throws SpreadException {
        Wire.checkGroup(group);
        new SpreadGroup(this, group).leave();
    }

    /** Sends a join or leave. */
    void request(int type, SpreadGroup group) throws SpreadException {
        session().send(type, new SpreadGroup[] {group}, (short) 0, new byte[0]);
    }
}
