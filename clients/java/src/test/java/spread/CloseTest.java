package spread;

import java.util.concurrent.CountDownLatch;

/** Ends of connections. */
public final class CloseTest {
    private CloseTest() {}

    /** A fake daemon that confirms a KILL. */
    private static FakeDaemon polite() throws Exception {
        return new FakeDaemon().serve(p -> {
            p.accept(5);
            while ((Wire.getInt(p.message(), 0) & Wire.KILL) == 0) {
                continue;
            }
            p.close();
        });
    }

    /** disconnect wakes receivers, all of them. */
    public static void wakesReceivers() throws Exception {
        try (FakeDaemon d = polite()) {
            SpreadConnection c = d.connect();
            Check.Waiting a = Check.waiting(c::receive);
            Check.Waiting b = new Check.Waiting(() -> c.receive(2));
            b.start();
            c.disconnect();
            a.endsWith(ErrorCode.ILLEGAL_SESSION);
            b.endsWith(ErrorCode.ILLEGAL_SESSION);
            d.peer();
            Check.equal(false, c.isConnected());
            Check.fails(ErrorCode.ILLEGAL_SESSION, c::receive);
            Check.fails(ErrorCode.ILLEGAL_SESSION, c::disconnect);
        }
    }

    /** disconnect does not wait for ever for a daemon that takes nothing, and frees the sender. */
    public static void daemonTakesNothing() throws Exception {
        try (FakeDaemon d = new FakeDaemon().serve()) {
            SpreadConnection c = d.connect();
            Check.Waiting w = Check.waiting(() -> {
                while (true) {
                    c.multicast(Service.FIFO, new byte[100_000], "g");
                }
            });
            c.disconnect();
            w.endsWith(ErrorCode.ILLEGAL_SESSION);
            d.peer().close();
        }
    }

    /** disconnect while the listener thread reads, and from the listener itself. */
    public static void withListener() throws Exception {
        try (FakeDaemon d = polite()) {
            SpreadConnection c = d.connect();
            c.add((BasicMessageListener) m -> {});
            c.disconnect();
            d.peer();
        }
        try (FakeDaemon d = new FakeDaemon().serve()) {
            SpreadConnection c = d.connect();
            CountDownLatch done = new CountDownLatch(1);
            c.add((BasicMessageListener) m -> {
                c.close();
                done.countDown();
            });
            d.peer().out.write(FakeDaemon.data("x"));
            Check.equal(Wire.KILL, Wire.getInt(d.peer().message(), 0));
            d.peer().close();
            Check.await(done);
        }
    }

    /** abort says nothing. */
    public static void abort() throws Exception {
        try (FakeDaemon d = new FakeDaemon().serve()) {
            SpreadConnection c = d.connect();
            var end = c.whenClosed();
            c.abort();
            Check.equal(-1, d.peer().in.read());
            Check.equal(null, end.join());
            c.abort();
            c.close();
        }
    }

    /** An interrupted thread disconnects at once. */
    public static void interrupted() throws Exception {
        try (FakeDaemon d = new FakeDaemon().serve()) {
            SpreadConnection c = d.connect();
            Thread.currentThread().interrupt();
            c.disconnect();
            Check.that(Thread.interrupted(), "the interrupt is lost");
        }
    }

    /** The object connects again. */
    public static void again() throws Exception {
        SpreadConnection c = new SpreadConnection();
        CountDownLatch two = new CountDownLatch(2);
        c.add((BasicMessageListener) m -> two.countDown());
        for (int i = 0; i < 2; i++) {
            try (FakeDaemon d = polite()) {
                c.connect(null, d.port(), "me", false, true);
                c.multicast(Service.FIFO, new byte[1], "g");
                c.disconnect();
                d.peer();
            }
        }
        for (int i = 0; i < 2; i++) {
            try (FakeDaemon d = new FakeDaemon().serve()) {
                c.connect(null, d.port(), "me", false, true);
                long before = two.getCount();
                d.peer().out.write(FakeDaemon.data("x"));
                while (two.getCount() == before) {
                    Thread.onSpinWait();
                }
                d.peer().close();
                while (c.isConnected()) {
                    Thread.onSpinWait();
                }
            }
        }
        Check.await(two);
    }

    /** What the program forgets without closing it does not stay in its groups. */
    public static void forgotten() throws Exception {
        try (FakeDaemon d = new FakeDaemon().serve()) {
            d.connect();
            Check.Waiting end = new Check.Waiting(() -> Check.equal(-1, d.peer().in.read()));
            end.start();
            while (end.isAlive()) {
                System.gc();
                end.join(10);
            }
            end.ends();
        }
    }
}
