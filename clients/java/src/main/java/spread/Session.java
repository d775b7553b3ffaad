package spread;

import java.io.IOException;
import java.io.InterruptedIOException;
import java.lang.ref.Cleaner;
import java.nio.ByteBuffer;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.BooleanSupplier;

/** One established connection, from the handshake to its end. Safe for use by many threads. */
final class Session {
    private static final Cleaner CLEANER = Cleaner.create();

    final SpreadGroup privateGroup;
    final SpreadVersion version;
    /** Completes when the session ends: normally if this side closed it, else with the reason. */
    final CompletableFuture<Void> end = new CompletableFuture<>();

    final MessagePublisher publisher = new MessagePublisher(this);

    private final Link link;
    /** Closes the link, at the latest when the program has forgotten the session. */
    private final Cleaner.Cleanable unlink;
    private volatile boolean closing;
    private volatile SpreadException lost;

    private final ReentrantLock receiving = new ReentrantLock();
    private final Framer framer = new Framer();
    private final Decoder decoder;
    private final Deque<SpreadMessage> unread = new ArrayDeque<>();
    /** Nothing more can be read. A failure to send alone leaves what the daemon sent before. */
    private boolean dry;

    private final ReentrantLock sending = new ReentrantLock();
    private final Encoder encoder;

    Session(SpreadConnection connection, Link link, Handshake h) {
        this.link = link;
        this.unlink = CLEANER.register(this, link::close);
        this.version = h.version;
        this.privateGroup = new SpreadGroup(connection, h.privateGroup, true);
        this.decoder = new Decoder(connection, h.version.getMajorVersion() == 3, privateGroup);
        this.encoder = new Encoder(privateGroup.wire());
    }

    boolean isAlive() {
        return !closing && lost == null;
    }

    /** Tells whether this side has ended the session. */
    boolean isClosed() {
        return closing;
    }

    /**
     * Returns the next message; null if the deadline passes first or stop says so. What has arrived in
     * part stays for the next call.
     */
    SpreadMessage receive(long deadline, BooleanSupplier stop) throws SpreadException, InterruptedIOException {
        if (!lockReceiving(deadline)) {
            checkOpen();
            return null;
        }
        try {
            while (!stop.getAsBoolean()) {
                checkOpen();
                SpreadMessage m = next();
                if (m != null) {
                    return m;
                }
                if (!fill(deadline) && Link.passed(deadline)) {
                    return null;
                }
            }
            return null;
        } finally {
            receiving.unlock();
        }
    }

    private boolean lockReceiving(long deadline) throws InterruptedIOException {
        if (receiving.tryLock()) {
            return true;
        }
        try {
            return receiving.tryLock(Link.left(deadline), TimeUnit.NANOSECONDS);
        } catch (InterruptedException e) {
            throw new InterruptedIOException("interrupted");
        }
    }

    /** Takes a message from what has been read. */
    private SpreadMessage next() throws SpreadException {
        if (!unread.isEmpty()) {
            return unread.poll();
        }
        try {
            return framer.next() ? decoder.decode(framer) : null;
        } catch (BadMessage e) {
            framer.clear();
            throw dry(bad(e));
        }
    }

    private static SpreadException bad(BadMessage e) {
        return new SpreadException(ErrorCode.ILLEGAL_MESSAGE,
                "The daemon sent a " + e.getMessage() + "; the connection was given up.", e);
    }

    /** Notes that reading has come to its end. */
    private SpreadException dry(SpreadException why) {
        dry = true;
        SpreadException e = lose(why);
        unlink.clean();
        return e;
    }

    /** Reads once; false if nothing came. */
    private boolean fill(long deadline) throws SpreadException, InterruptedIOException {
        if (dry) {
            checkSendable();
        }
        try {
            int n = link.read(framer.space(), deadline);
            if (n < 0) {
                throw dry(new SpreadException(ErrorCode.CONNECTION_CLOSED,
                        "The daemon closed the connection; its log may tell why."));
            }
            framer.filled(n);
            return n > 0;
        } catch (InterruptedIOException e) {
            throw e;
        } catch (IOException e) {
            throw dry(broken(e));
        } catch (BadMessage e) {
            framer.clear();
            throw dry(bad(e));
        }
    }

    /** Gives messages back, which will be received before all others. */
    void unread(Iterable<SpreadMessage> messages) {
        receiving.lock();
        try {
            Deque<SpreadMessage> rest = new ArrayDeque<>(unread);
            unread.clear();
            messages.forEach(unread::add);
            unread.addAll(rest);
        } finally {
            receiving.unlock();
        }
    }

    /**
     * Returns how many bytes have arrived and not been received, as far as the library has read ahead.
     * While another thread receives it is 0.
     */
    int available() throws SpreadException {
        if (!receiving.tryLock()) {
            return 0;
        }
        try {
            checkOpen();
            try {
                fill(System.nanoTime());
            } catch (SpreadException e) {
                if (held() == 0) {
                    throw e;
                }
            }
            return held();
        } catch (InterruptedIOException e) {
            throw new AssertionError(e); // It does not wait.
        } finally {
            receiving.unlock();
        }
    }

    private int held() {
        int bytes = framer.buffered();
        for (SpreadMessage m : unread) {
            bytes += Wire.HEADER_SIZE + m.groups().length * Wire.NAME_SIZE + m.getData().length;
        }
        return bytes;
    }

    /** Has the receiver who waits look at its stop condition. */
    void wake() {
        link.wake();
    }

    void send(SpreadMessage[] messages) throws SpreadException {
        for (SpreadMessage m : messages) {
            Encoder.check(m);
        }
        sending.lock();
        try {
            checkSendable();
            for (SpreadMessage m : messages) {
                if (!encoder.fits(m.groups().length, m.getData().length)) {
                    flush(Link.FOREVER);
                }
                encoder.add(m.getServiceType(), m.groups(), m.getType(), m.getData());
            }
            flush(Link.FOREVER);
        } finally {
            sending.unlock();
        }
    }

    void send(int type, SpreadGroup[] groups, short messageType, byte[] data) throws SpreadException {
        sending.lock();
        try {
            checkSendable();
            encoder.add(type, groups, messageType, data);
            flush(Link.FOREVER);
        } finally {
            sending.unlock();
        }
    }

    private void checkOpen() throws SpreadException {
        if (closing) {
            throw SpreadConnection.notConnected();
        }
    }

    private void checkSendable() throws SpreadException {
        checkOpen();
        if (lost != null) {
            throw again(lost);
        }
    }

    /** Writes what has been encoded; false if the deadline passed. */
    private boolean flush(long deadline) throws SpreadException {
        try {
            return link.write(encoder.take(), deadline);
        } catch (IOException e) {
            throw lose(broken(e));
        } finally {
            encoder.clear();
        }
    }

    private static SpreadException broken(IOException e) {
        return new SpreadException(ErrorCode.CONNECTION_CLOSED, "The connection is lost: " + e.getMessage(), e);
    }

    /** Notes an end, unless this side has closed the session, and returns what to throw. What was received before can still be taken. */
    private SpreadException lose(SpreadException why) {
        synchronized (this) {
            if (closing) {
                return SpreadConnection.notConnected();
            }
            if (lost != null) {
                return why;
            }
            lost = why;
        }
        end.completeExceptionally(why);
        return why;
    }

    /** Makes a new exception, with the stack of this call. */
    private static SpreadException again(SpreadException e) {
        return new SpreadException(ErrorCode.CONNECTION_CLOSED, e.getMessage(), e);
    }

    /**
     * Ends the session. With a linger time the daemon is told, and has so long to confirm, after which
     * the private name is free again; receivers and waiting senders return with an exception.
     */
    void close(long lingerNanos) {
        closing = true;
        link.wake();
        publisher.closed();
        if (lost == null && lingerNanos > 0) {
            try {
                takeLeave(System.nanoTime() + lingerNanos);
            } catch (InterruptedException | InterruptedIOException e) {
                Thread.currentThread().interrupt();
            } catch (IOException | SpreadException e) {
                // The connection is gone already.
            }
        }
        unlink.clean();
        end.complete(null);
    }

    private void takeLeave(long deadline) throws IOException, SpreadException, InterruptedException {
        if (!sending.tryLock(Link.left(deadline), TimeUnit.NANOSECONDS)) {
            return;
        }
        try {
            encoder.add(Wire.KILL, new SpreadGroup[] {privateGroup}, (short) 0, new byte[0]);
            if (!flush(deadline)) {
                return;
            }
        } finally {
            sending.unlock();
        }
        if (!receiving.tryLock(Link.left(deadline), TimeUnit.NANOSECONDS)) {
            return;
        }
        try {
            ByteBuffer nowhere = ByteBuffer.allocate(4 << 10);
            while (!Link.passed(deadline) && link.read(nowhere.clear(), deadline) >= 0) {
                continue;
            }
        } finally {
            receiving.unlock();
        }
    }
}
