package spread;

import java.io.InterruptedIOException;
import java.time.Duration;
import java.util.LinkedHashSet;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.ReentrantLock;

/**
 * A connection that is made again when it is lost, and joins its groups again. It cannot hide the
 * loss: the place in the order of messages is gone, which {@link #receive} tells by a
 * {@link PlaceLostException}. The pauses between attempts grow from 0.05 to at most 5 seconds. Safe for
 * use by many threads.
 */
public final class ReconnectingConnection implements AutoCloseable {
    private static final long FIRST_PAUSE = TimeUnit.MILLISECONDS.toNanos(50);
    static final long LONGEST_PAUSE = TimeUnit.SECONDS.toNanos(5);

    private final SpreadConnectionBuilder builder;
    private final CountDownLatch closed = new CountDownLatch(1);
    /** Held by the thread that makes a connection; guards the pauses between attempts. */
    private final ReentrantLock connecting = new ReentrantLock();
    private long pause = FIRST_PAUSE;
    private long nextTry = System.nanoTime();

    /** Keeps joins and leaves in one order; sending them may wait, so receiving must not need it. */
    private final ReentrantLock requests = new ReentrantLock();
    /** Guarded by requests. */
    private final Set<String> groups = new LinkedHashSet<>();

    private volatile SpreadConnection current;
    // These are guarded by this, which nobody holds for long.
    private boolean everConnected;
    private boolean placeLost;
    private SpreadException lastFailure;

    ReconnectingConnection(SpreadConnectionBuilder builder) {
        this.builder = builder;
    }

    /**
     * Receives a message if one comes in time, connecting before if need be.
     *
     * @param timeout how long to wait, for the connection too; but an attempt to connect that has begun
     *     is finished, within the builder's timeout, lest short timeouts keep it from ever succeeding
     * @return the next message; empty if none came
     * @throws PlaceLostException once after each reconnection
     * @throws SpreadException ILLEGAL_SESSION after close; a refusal that trying again would not change
     * @throws InterruptedException if the thread was interrupted while it waited
     */
    public Optional<SpreadMessage> receive(Duration timeout) throws SpreadException, InterruptedException {
        long deadline = Link.after(timeout);
        while (true) {
            SpreadConnection c = live(deadline);
            if (c == null) {
                return Optional.empty();
            }
            checkPlace();
            try {
                return Optional.ofNullable(c.receiveBy(deadline));
            } catch (InterruptedIOException e) {
                throw new InterruptedException(e.getMessage());
            } catch (SpreadException e) {
                checkOpen();
                lostBy(c, e);
                c.abort(); // It may not have noticed that it is lost.
            }
        }
    }

    /**
     * Sends data, connecting before if need be, within the builder's timeout.
     *
     * @param service the guarantee
     * @param data the data
     * @param to groups and private groups
     * @throws SpreadException as {@link SpreadConnection#multicast(Service, byte[], String...)}; after
     *     CONNECTION_CLOSED it is not known whether the message was sent
     * @throws InterruptedException if the thread was interrupted while it waited for a connection
     */
    public void multicast(Service service, byte[] data, String... to) throws SpreadException, InterruptedException {
        connected().multicast(service, data, to);
    }

    /**
     * Sends a message, connecting before if need be, within the builder's timeout.
     *
     * @param message the message
     * @throws SpreadException as {@link SpreadConnection#multicast(SpreadMessage)}; after
     *     CONNECTION_CLOSED it is not known whether the message was sent
     * @throws InterruptedException if the thread was interrupted while it waited for a connection
     */
    public void multicast(SpreadMessage message) throws SpreadException, InterruptedException {
        connected().multicast(message);
    }

    /**
     * Joins a group, now and after each reconnection.
     *
     * @param group 1 to 31 characters from $ to ~ in ASCII
     * @throws SpreadException ILLEGAL_GROUP
     */
    public void join(String group) throws SpreadException {
        Wire.checkGroup(group);
        requests.lock();
        try {
            groups.add(group);
            request(Wire.JOIN, group);
        } finally {
            requests.unlock();
        }
    }

    /**
     * Leaves a group.
     *
     * @param group its name
     * @throws SpreadException ILLEGAL_GROUP
     */
    public void leave(String group) throws SpreadException {
        Wire.checkGroup(group);
        requests.lock();
        try {
            groups.remove(group);
            request(Wire.LEAVE, group);
        } finally {
            requests.unlock();
        }
    }

    /** Tells the daemon if there is one; otherwise the next connection will do right. */
    private void request(int type, String group) {
        SpreadConnection c = current;
        if (c != null) {
            try {
                c.request(type, new SpreadGroup(c, group));
            } catch (SpreadException e) {
                lostBy(c, e);
            }
        }
    }

    /**
     * Returns the private group of the present connection, which may be another after each
     * reconnection if the daemon invents the name.
     *
     * @return the private group; null without a connection
     */
    public SpreadGroup getPrivateGroup() {
        SpreadConnection c = current;
        return c == null ? null : c.getPrivateGroup();
    }

    /**
     * Ends the connection for good. Threads that receive or send return with an exception; one that is
     * connecting, at the latest after the builder's timeout.
     */
    @Override
    public void close() {
        closed.countDown();
        SpreadConnection c = current;
        if (c != null) {
            c.close();
        }
    }

    private void checkOpen() throws SpreadException {
        if (closed.getCount() == 0) {
            throw SpreadConnection.notConnected();
        }
    }

    private synchronized void checkPlace() throws PlaceLostException {
        if (placeLost) {
            placeLost = false;
            String why = lastFailure == null ? "" : " (" + lastFailure.getMessage() + ")";
            throw new PlaceLostException("The connection was lost and has been made again" + why
                    + "; messages between may be missing.", lastFailure);
        }
    }

    /** Notes why a connection was lost, unless it has been replaced. */
    private synchronized void lostBy(SpreadConnection c, SpreadException why) {
        if (c == current) {
            lastFailure = why;
        }
    }

    private synchronized void failed(SpreadException why) {
        lastFailure = why;
    }

    private SpreadConnection connected() throws SpreadException, InterruptedException {
        SpreadConnection c = live(Link.after(builder.timeout()));
        if (c == null) {
            throw noneInTime();
        }
        return c;
    }

    private synchronized SpreadException noneInTime() {
        return new SpreadException(ErrorCode.CONNECTION_CLOSED,
                "No connection in time" + (lastFailure == null ? "." : ": " + lastFailure.getMessage()), lastFailure);
    }

    /** Returns a connection that is not known to be lost; null if there is none before the deadline. */
    private SpreadConnection live(long deadline) throws SpreadException, InterruptedException {
        checkOpen();
        SpreadConnection c = current;
        if (c != null && c.isConnected()) {
            return c;
        }
        if (!connecting.tryLock(Link.left(deadline), TimeUnit.NANOSECONDS)) {
            return null;
        }
        try {
            return current != null && current.isConnected() ? current : connect(deadline);
        } finally {
            connecting.unlock();
        }
    }

    private SpreadConnection connect(long deadline) throws SpreadException, InterruptedException {
        while (awaitTurn(deadline)) {
            try {
                SpreadConnection c = adopt(builder.connect(Link.after(builder.timeout())));
                pause = FIRST_PAUSE;
                nextTry = System.nanoTime() + pause; // It may be lost at once.
                return c;
            } catch (SpreadException e) {
                checkOpen();
                if (Thread.interrupted()) {
                    throw new InterruptedException("interrupted while connecting");
                }
                if (isFinal(e.getCode())) {
                    throw e;
                }
                failed(e);
            }
            nextTry = System.nanoTime() + drawn(pause);
            pause = Math.min(2 * pause, LONGEST_PAUSE);
        }
        return null;
    }

    /** A pause, less up to half of it, so that clients do not all come back at once. */
    static long drawn(long pause) {
        return pause - ThreadLocalRandom.current().nextLong(pause / 2);
    }

    /** Waits for the end of the pause after a failure; false if the deadline passes first. */
    private boolean awaitTurn(long deadline) throws SpreadException, InterruptedException {
        closed.await(Math.min(Link.left(nextTry), Link.left(deadline)), TimeUnit.NANOSECONDS);
        checkOpen();
        return Link.passed(nextTry) || !Link.passed(deadline);
    }

    /** A host that was known once will be known again. */
    private synchronized boolean isFinal(ErrorCode code) {
        return switch (code) {
            case COULD_NOT_CONNECT, CONNECTION_CLOSED, REJECT_QUOTA, REJECT_NOT_UNIQUE -> false;
            case ILLEGAL_SPREAD -> !everConnected;
            default -> true;
        };
    }

    private SpreadConnection adopt(SpreadConnection c) throws SpreadException {
        requests.lock();
        try {
            SpreadConnection old = replace(c);
            if (old != null) {
                old.abort();
            }
            if (closed.getCount() == 0) {
                c.close();
                throw SpreadConnection.notConnected();
            }
            for (String g : groups) {
                c.request(Wire.JOIN, new SpreadGroup(c, g));
            }
            return c;
        } finally {
            requests.unlock();
        }
    }

    private synchronized SpreadConnection replace(SpreadConnection c) {
        SpreadConnection old = current;
        current = c;
        placeLost = everConnected;
        everConnected = true;
        return old;
    }
}
