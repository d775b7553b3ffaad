package spread;

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
 * {@link PlaceLostException}. Safe for use by many threads.
 */
public final class ReconnectingConnection implements AutoCloseable {
    private static final long FIRST_PAUSE_MILLIS = 50;
    private static final long LONGEST_PAUSE_MILLIS = 5_000;

    private final SpreadConnectionBuilder builder;
    private final ReentrantLock connecting = new ReentrantLock();
    private final CountDownLatch closed = new CountDownLatch(1);
    private final Set<String> groups = new LinkedHashSet<>();

    private volatile SpreadConnection current;
    private boolean everConnected;
    private boolean placeLost;
    private SpreadException lastFailure;

    ReconnectingConnection(SpreadConnectionBuilder builder) {
        this.builder = builder;
    }

    /**
     * Receives a message if one comes in time, connecting before if need be.
     *
     * @param timeout how long to wait, for the connection too
     * @return the next message; empty if none came
     * @throws PlaceLostException once after each reconnection
     * @throws SpreadException ILLEGAL_SESSION after close; a refusal that trying again would not change
     * @throws InterruptedException if the thread was interrupted while it waited
     */
    public Optional<SpreadMessage> receive(Duration timeout) throws SpreadException, InterruptedException {
        long deadline = System.nanoTime() + timeout.toNanos();
        while (true) {
            SpreadConnection c = live(deadline);
            if (c == null) {
                return Optional.empty();
            }
            checkPlace();
            try {
                return c.receive(Duration.ofNanos(deadline - System.nanoTime()));
            } catch (SpreadException e) {
                checkOpen();
                note(e);
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
        connecting.lock();
        try {
            groups.add(group);
            request(Wire.JOIN, group);
        } finally {
            connecting.unlock();
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
        connecting.lock();
        try {
            groups.remove(group);
            request(Wire.LEAVE, group);
        } finally {
            connecting.unlock();
        }
    }

    /** Tells the daemon if there is one; otherwise the next connection will do right. */
    private void request(int type, String group) {
        SpreadConnection c = current;
        if (c != null) {
            try {
                c.request(type, new SpreadGroup(c, group));
            } catch (SpreadException e) {
                lastFailure = e;
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

    /** Ends the connection for good; threads that receive or connect return with an exception. */
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

    private void checkPlace() throws PlaceLostException {
        connecting.lock();
        try {
            if (placeLost) {
                placeLost = false;
                String why = lastFailure == null ? "" : " (" + lastFailure.getMessage() + ")";
                throw new PlaceLostException("The connection was lost and has been made again" + why
                        + "; messages between may be missing.", lastFailure);
            }
        } finally {
            connecting.unlock();
        }
    }

    private void note(SpreadException e) {
        connecting.lock();
        lastFailure = e;
        connecting.unlock();
    }

    private SpreadConnection connected() throws SpreadException, InterruptedException {
        SpreadConnection c = live(System.nanoTime() + builder.timeout().toNanos());
        if (c == null) {
            connecting.lock();
            try {
                throw new SpreadException(ErrorCode.CONNECTION_CLOSED, "No connection in time"
                        + (lastFailure == null ? "." : ": " + lastFailure.getMessage()), lastFailure);
            } finally {
                connecting.unlock();
            }
        }
        return c;
    }

    /** Returns a connection that is not known to be lost; null if there is none before the deadline. */
    private SpreadConnection live(long deadline) throws SpreadException, InterruptedException {
        checkOpen();
        SpreadConnection c = current;
        if (c != null && c.isConnected()) {
            return c;
        }
        if (!connecting.tryLock(deadline - System.nanoTime(), TimeUnit.NANOSECONDS)) {
            return null;
        }
        try {
            return current != null && current.isConnected() ? current : connect(deadline);
        } finally {
            connecting.unlock();
        }
    }

    private SpreadConnection connect(long deadline) throws SpreadException, InterruptedException {
        long pause = FIRST_PAUSE_MILLIS;
        while (true) {
            checkOpen();
            long left = deadline - System.nanoTime();
            if (left <= 0) {
                return null;
            }
            try {
                return adopt(builder.connect(Duration.ofNanos(Math.min(left, builder.timeout().toNanos()))));
            } catch (SpreadException e) {
                checkOpen();
                if (Thread.interrupted()) {
                    throw new InterruptedException("interrupted while connecting");
                }
                if (isFinal(e.getCode())) {
                    throw e;
                }
                lastFailure = e;
            }
            long wait = Math.min(pause / 2 + ThreadLocalRandom.current().nextLong(pause),
                    TimeUnit.NANOSECONDS.toMillis(Math.max(0, deadline - System.nanoTime())) + 1);
            closed.await(wait, TimeUnit.MILLISECONDS);
            pause = Math.min(2 * pause, LONGEST_PAUSE_MILLIS);
        }
    }

    private static boolean isFinal(ErrorCode code) {
        return switch (code) {
            case COULD_NOT_CONNECT, CONNECTION_CLOSED, REJECT_QUOTA, REJECT_NOT_UNIQUE -> false;
            default -> true;
        };
    }

    private SpreadConnection adopt(SpreadConnection c) throws SpreadException {
        SpreadConnection old = current;
        current = c;
        if (old != null) {
            old.abort();
        }
        if (closed.getCount() == 0) {
            c.close();
            throw SpreadConnection.notConnected();
        }
        placeLost = everConnected;
        everConnected = true;
        for (String g : groups) {
            c.request(Wire.JOIN, new SpreadGroup(c, g));
        }
        return c;
    }
}
