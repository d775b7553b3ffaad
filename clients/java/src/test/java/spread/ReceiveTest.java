package spread;

import java.io.InterruptedIOException;
import java.time.Duration;
import java.time.temporal.ChronoUnit;
import java.util.Arrays;
import java.util.Optional;
import java.util.concurrent.CompletionException;

/** Receiving. */
public final class ReceiveTest {
    private static final Duration SHORT = Duration.ofMillis(20);
    private static final Duration LONG = Duration.ofSeconds(Check.PATIENCE_SECONDS);

    private ReceiveTest() {}

    private static String text(SpreadMessage m) {
        return new String(m.getData());
    }

    /** Waits until so many bytes have arrived. */
    private static void awaitBytes(SpreadConnection c, int n) throws SpreadException {
        while (c.available() < n) {
            Thread.onSpinWait();
        }
    }

    /** A timeout in the middle of a message loses nothing. */
    public static void timeoutKeepsParts() throws Exception {
        try (FakeDaemon d = new FakeDaemon().serve(); SpreadConnection c = d.connect()) {
            byte[] m = FakeDaemon.data("hello");
            Check.equal(Optional.empty(), c.receive(SHORT));
            for (int cut : new int[] {1, 47, 48, 60, 81}) {
                d.peer().out.write(m, 0, cut);
                Check.equal(Optional.empty(), c.receive(SHORT));
                Check.equal(Optional.empty(), c.receive(Duration.ZERO));
                d.peer().out.write(m, cut, m.length - cut);
                Check.equal("hello", text(c.receive(LONG).get()));
            }
            d.peer().close();
        }
    }

    /** A timeout may be longer than anybody lives. */
    public static void longTimeout() throws Exception {
        Duration ever = ChronoUnit.FOREVER.getDuration();
        try (FakeDaemon d = new FakeDaemon().serve();
                SpreadConnection c = SpreadConnection.builder().daemon(d.name()).timeout(ever).connect()) {
            Check.Waiting w = Check.waiting(() -> Check.equal("on", text(c.receive(ever).get())));
            d.peer().out.write(FakeDaemon.data("on"));
            w.ends();
            d.peer().close();
        }
    }

    /** Several at once; an interrupt in the middle keeps what had come. */
    public static void several() throws Exception {
        try (FakeDaemon d = new FakeDaemon().serve(); SpreadConnection c = d.connect()) {
            byte[] one = FakeDaemon.data("1");
            d.peer().out.write(one);
            d.peer().out.write(FakeDaemon.data("2"));
            Check.equal(0, c.receive(0).length);
            awaitBytes(c, 2 * one.length);
            Check.Waiting w = Check.waiting(() -> c.receive(3));
            w.interrupt();
            Check.join(w);
            Check.that(w.failure instanceof InterruptedIOException, "ended with " + w.failure);
            Check.that(c.poll(), "nothing is there");
            d.peer().out.write(FakeDaemon.data("3"));
            Check.equal("1 2 3", String.join(" ", Arrays.stream(c.receive(3)).map(ReceiveTest::text).toList()));
            d.peer().close();
        }
    }

    /** Interrupts wake a receiver, and the connection lives on. */
    public static void interrupt() throws Exception {
        try (FakeDaemon d = new FakeDaemon().serve(); SpreadConnection c = d.connect()) {
            Check.Waiting w = Check.waiting(() -> c.receive(LONG));
            w.interrupt();
            Check.join(w);
            Check.that(w.failure instanceof InterruptedException, "ended with " + w.failure);
            d.peer().out.write(FakeDaemon.data("on"));
            Check.equal("on", text(c.receive()));
            d.peer().close();
        }
    }

    /** poll and available tell of what is there, without taking it. */
    public static void poll() throws Exception {
        try (FakeDaemon d = new FakeDaemon().serve(); SpreadConnection c = d.connect()) {
            Check.equal(false, c.poll());
            byte[] m = FakeDaemon.data("hello");
            d.peer().out.write(m);
            d.peer().out.write(m);
            c.receive();
            awaitBytes(c, m.length);
            Check.equal(true, c.poll());
            Check.equal("hello", text(c.receive()));
            Check.equal(false, c.poll());
            d.peer().close();
        }
    }

    /** What came before a loss is received; then all calls fail at once. */
    public static void loss() throws Exception {
        try (FakeDaemon d = new FakeDaemon().serve(); SpreadConnection c = d.connect()) {
            byte[] m = FakeDaemon.data("last");
            d.peer().out.write(m);
            d.peer().out.write(m, 0, 50);
            d.peer().close();
            Check.equal("last", text(c.receive()));
            for (int i = 0; i < 2; i++) {
                Check.fails(ErrorCode.CONNECTION_CLOSED, c::receive);
                Check.fails(ErrorCode.CONNECTION_CLOSED, () -> c.receive(LONG));
                Check.fails(ErrorCode.CONNECTION_CLOSED, () -> c.multicast(Service.FIFO, new byte[1], "g"));
                Check.fails(ErrorCode.CONNECTION_CLOSED, () -> c.join("g"));
                Check.fails(ErrorCode.CONNECTION_CLOSED, () -> c.leave("g"));
            }
            Check.equal(false, c.isConnected());
            CompletionException e = Check.throwsA(CompletionException.class, () -> c.whenClosed().join());
            Check.equal(ErrorCode.CONNECTION_CLOSED, ((SpreadException) e.getCause()).getCode());
            c.disconnect();
            Check.fails(ErrorCode.ILLEGAL_SESSION, c::disconnect);
        }
    }

    /** Nonsense from the daemon ends the connection. */
    public static void nonsense() throws Exception {
        try (FakeDaemon d = new FakeDaemon().serve(); SpreadConnection c = d.connect()) {
            d.peer().out.write(new byte[] {0, 0, 0, 1, -1, -1, -1, -1});
            byte[] rest = new byte[48];
            Arrays.fill(rest, (byte) -1);
            d.peer().out.write(rest);
            Check.fails(ErrorCode.ILLEGAL_MESSAGE, c::receive);
            Check.fails(ErrorCode.CONNECTION_CLOSED, c::receive);
            Check.equal(-1, d.peer().in.read());
        }
    }

    /** Two receivers share the messages; each goes to one. */
    public static void twoReceivers() throws Exception {
        try (FakeDaemon d = new FakeDaemon().serve(); SpreadConnection c = d.connect()) {
            int[] counts = new int[2];
            Check.Waiting a = Check.waiting(() -> counts[0] = c.receive(100).length);
            Check.Waiting b = new Check.Waiting(() -> counts[1] = c.receive(100).length);
            b.start();
            for (int i = 0; i < 200; i++) {
                d.peer().out.write(FakeDaemon.data("x"));
            }
            a.ends();
            b.ends();
            Check.equal(200, counts[0] + counts[1]);
            Check.equal(Optional.empty(), c.receive(Duration.ZERO));
            d.peer().close();
        }
    }

    /** Without a connection every call says so. */
    public static void notConnected() throws Exception {
        SpreadConnection c = new SpreadConnection();
        Check.equal(false, c.isConnected());
        Check.equal(null, c.getPrivateGroup());
        for (Check.Action a : new Check.Action[] {c::receive, c::poll, c::disconnect, () -> c.join("g"), c::publisher,
            c::whenClosed, () -> c.multicast(new SpreadMessage())}) {
            Check.fails(ErrorCode.ILLEGAL_SESSION, a);
        }
        c.close();
    }
}
