package spread;

import java.time.Duration;
import java.util.Optional;

/** Connections that are made again. */
public final class ReconnectTest {
    private static final Duration LONG = Duration.ofSeconds(Check.PATIENCE_SECONDS);

    private ReconnectTest() {}

    private static void expectJoin(FakeDaemon.Peer p, String group) throws Exception {
        byte[] m = p.message();
        Check.equal(Wire.JOIN, Wire.getInt(m, 0));
        Check.equal(group, Wire.name(m, 48));
    }

    /** After a loss the groups are joined again, and the program is told once. */
    public static void loss() throws Exception {
        try (FakeDaemon d = new FakeDaemon()) {
            d.serve(p -> {
                p.accept(5);
                expectJoin(p, "a");
                expectJoin(p, "b");
                p.out.write(FakeDaemon.data("1"));
            });
            try (ReconnectingConnection c = SpreadConnection.builder().daemon(d.name()).privateName("me").reconnecting()) {
                c.join("a");
                c.join("b");
                Check.fails(ErrorCode.ILLEGAL_GROUP, () -> c.join("a b"));
                Check.equal("1", new String(c.receive(LONG).get().getData()));
                Check.equal("#me#fake", c.getPrivateGroup().toString());
                c.leave("a");
                d.peer().close();
                d.serve(p -> {
                    p.hello();
                    p.out.write(ErrorCode.REJECT_NOT_UNIQUE.number());
                    p.close();
                    d.serve(q -> {
                        q.accept(5);
                        expectJoin(q, "b");
                        q.out.write(FakeDaemon.data("2"));
                    });
                });
                Check.throwsA(PlaceLostException.class, () -> c.receive(LONG));
                Check.equal("2", new String(c.receive(LONG).get().getData()));
                c.multicast(Service.FIFO, new byte[1], "b");
                Check.equal(Wire.FIFO, Wire.getInt(d.peer().message(), 0));
                d.peer().close();
            }
        }
    }

    /** What trying again would not change is thrown at once; otherwise the timeout binds. */
    public static void failures() throws Exception {
        try (FakeDaemon d = new FakeDaemon()) {
            d.serve(p -> {
                p.hello();
                p.out.write(ErrorCode.REJECT_VERSION.number());
                p.close();
            });
            ReconnectingConnection c = SpreadConnection.builder().daemon(d.name()).reconnecting();
            Check.fails(ErrorCode.REJECT_VERSION, () -> c.receive(LONG));
            d.stop();
            Check.equal(Optional.empty(), c.receive(Duration.ofMillis(20)));
            ReconnectingConnection s = SpreadConnection.builder().daemon(d.name()).timeout(Duration.ofMillis(20)).reconnecting();
            Check.fails(ErrorCode.CONNECTION_CLOSED, () -> s.multicast(Service.FIFO, new byte[1], "g"));
        }
    }

    /** Attempts are at most 5 seconds apart. */
    public static void pauses() {
        for (int i = 0; i < 1000; i++) {
            long pause = ReconnectingConnection.drawn(ReconnectingConnection.LONGEST_PAUSE);
            Check.that(pause > 2_400_000_000L && pause <= 5_000_000_000L, pause + " ns");
        }
    }

    /** A program that only looks now and then gets its connection back, too. */
    public static void polling() throws Exception {
        try (FakeDaemon d = new FakeDaemon().serve()) {
            ReconnectingConnection c = SpreadConnection.builder().daemon(d.name()).reconnecting();
            Check.equal(Optional.empty(), c.receive(Duration.ZERO));
            d.peer().close();
            d.serve(p -> {
                p.accept(5);
                p.out.write(FakeDaemon.data("2"));
            });
            Check.throwsA(PlaceLostException.class, () -> polled(c));
            Check.equal("2", new String(polled(c).getData()));
            c.close();
        }
    }

    private static SpreadMessage polled(ReconnectingConnection c) throws Exception {
        long end = Link.after(LONG);
        while (!Link.passed(end)) {
            Optional<SpreadMessage> m = c.receive(Duration.ZERO);
            if (m.isPresent()) {
                return m.get();
            }
            Thread.onSpinWait();
        }
        throw new AssertionError("no message");
    }

    /** close wakes who receives, and who connects. */
    public static void close() throws Exception {
        try (FakeDaemon d = new FakeDaemon().serve()) {
            ReconnectingConnection c = SpreadConnection.builder().daemon(d.name()).reconnecting();
            Check.Waiting w = Check.waiting(() -> c.receive(LONG));
            while (c.getPrivateGroup() == null) {
                Thread.onSpinWait();
            }
            d.peer().close();
            d.stop();
            c.close();
            w.endsWith(ErrorCode.ILLEGAL_SESSION);
        }
    }
}
