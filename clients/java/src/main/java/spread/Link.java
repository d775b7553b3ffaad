package spread;

import java.io.Closeable;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.net.SocketAddress;
import java.net.StandardSocketOptions;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.ClosedSelectorException;
import java.nio.channels.ClosedChannelException;
import java.nio.channels.SelectionKey;
import java.nio.channels.Selector;
import java.nio.channels.SocketChannel;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.Collection;
import java.util.Deque;
import java.util.List;
import java.util.concurrent.TimeUnit;

/**
 * A socket to a daemon with deadlines. One thread at a time may read and one may write; {@link #wake}
 * and {@link #close} are for any thread. Times are those of System.nanoTime; FOREVER is no deadline.
 */
final class Link {
    static final long FOREVER = Long.MAX_VALUE;
    private static final Duration ENDLESS = Duration.ofDays(36_500);
    /** How long to wait before trying again to reach a Unix socket whose queue is full. */
    private static final long RETRY_MILLIS = 10;

    private final SocketChannel channel;
    private final Selector readable;
    private final Selector writable;

    private Link(SocketChannel channel, Selector readable, Selector writable) {
        this.channel = channel;
        this.readable = readable;
        this.writable = writable;
    }

    private static Link open(boolean unix) throws IOException {
        Deque<Closeable> opened = new ArrayDeque<>();
        try {
            SocketChannel c = unix ? SocketChannel.open(StandardProtocolFamily.UNIX) : SocketChannel.open();
            opened.push(c);
            Selector r = Selector.open();
            opened.push(r);
            return new Link(c, r, Selector.open());
        } catch (IOException | RuntimeException e) {
            closeAll(opened);
            throw e;
        }
    }

    /** Connects; fails with InterruptedIOException if the deadline passes or the thread is interrupted. */
    static Link connect(SocketAddress address, long deadline) throws IOException {
        boolean unix = address instanceof UnixDomainSocketAddress;
        Link link = open(unix);
        try {
            link.channel.configureBlocking(false);
            if (!unix) {
                link.channel.setOption(StandardSocketOptions.TCP_NODELAY, true);
                link.channel.setOption(StandardSocketOptions.SO_KEEPALIVE, true);
            }
            link.establish(address, unix, deadline);
            link.channel.register(link.readable, SelectionKey.OP_READ);
            link.channel.register(link.writable, SelectionKey.OP_WRITE);
            return link;
        } catch (IOException | RuntimeException e) {
            link.close();
            throw e;
        }
    }

    private void establish(SocketAddress address, boolean unix, long deadline) throws IOException {
        boolean done = start(address, unix, deadline);
        if (done) {
            return;
        }
        try (Selector s = Selector.open()) {
            channel.register(s, SelectionKey.OP_CONNECT);
            while (!channel.finishConnect()) {
                await(s, deadline);
                if (passed(deadline)) {
                    throw new InterruptedIOException("no answer in time");
                }
            }
        }
    }

    /** A Unix socket connects at once or, with a full queue, not at all; that is tried again. */
    private boolean start(SocketAddress address, boolean unix, long deadline) throws IOException {
        while (true) {
            try {
                return channel.connect(address);
            } catch (IOException e) {
                String why = String.valueOf(e.getMessage());
                if (!unix || !why.contains("temporarily unavailable") || passed(deadline)) {
                    throw e;
                }
                await(readable, System.nanoTime() + TimeUnit.MILLISECONDS.toNanos(RETRY_MILLIS));
            }
        }
    }

    /** Returns the deadline after a time; a long life is for ever. */
    static long after(Duration time) {
        return time.compareTo(ENDLESS) >= 0 ? FOREVER : System.nanoTime() + time.toNanos();
    }

    /** Returns the nanoseconds up to a deadline. */
    static long left(long deadline) {
        return deadline == FOREVER ? FOREVER : deadline - System.nanoTime();
    }

    static boolean passed(long deadline) {
        return left(deadline) <= 0;
    }

    /** Waits until the selector has something, is woken, or the deadline has passed. */
    private static void await(Selector s, long deadline) throws IOException {
        if (deadline == FOREVER) {
            s.select(key -> {});
        } else {
            long left = left(deadline);
            if (left <= 0) {
                return;
            }
            s.select(key -> {}, TimeUnit.NANOSECONDS.toMillis(left) + 1);
        }
        if (Thread.interrupted()) {
            throw new InterruptedIOException("interrupted");
        }
    }

    /**
     * Reads what is there, after waiting for it if need be.
     *
     * @return the number of bytes, -1 at the end of the stream, 0 if the deadline passed or wake was called
     */
    int read(ByteBuffer b, long deadline) throws IOException {
        int n = channel.read(b);
        if (n != 0 || passed(deadline)) {
            return n;
        }
        try {
            await(readable, deadline);
        } catch (ClosedSelectorException e) {
            throw new ClosedChannelException();
        }
        return channel.read(b);
    }

    /**
     * Writes all, waiting as need be; interrupts do not end it.
     *
     * @return false if the deadline passed before all was written
     */
    boolean write(ByteBuffer[] pieces, long deadline) throws IOException {
        boolean interrupted = false;
        ByteBuffer last = pieces[pieces.length - 1];
        try {
            while (true) {
                if (pieces.length == 1) {
                    channel.write(last);
                } else {
                    channel.write(pieces);
                }
                if (!last.hasRemaining()) {
                    return true;
                }
                if (passed(deadline)) {
                    return false;
                }
                try {
                    await(writable, deadline);
                } catch (InterruptedIOException e) {
                    interrupted = true;
                } catch (ClosedSelectorException e) {
                    throw new ClosedChannelException();
                }
            }
        } finally {
            if (interrupted) {
                Thread.currentThread().interrupt();
            }
        }
    }

    /** Has a read that waits return. */
    void wake() {
        readable.wakeup();
    }

    void close() {
        closeAll(List.of(channel, readable, writable));
    }

    private static void closeAll(Collection<? extends Closeable> all) {
        for (Closeable c : all) {
            try {
                c.close();
            } catch (IOException e) {
                // There is nothing left to lose.
            }
        }
    }
}
