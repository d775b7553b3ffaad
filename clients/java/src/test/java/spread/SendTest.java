package spread;

import java.util.Arrays;

/** Sending. */
public final class SendTest {
    private SendTest() {}

    /** The bytes of join, leave, multicast and disconnect. */
    public static void bytes() throws Exception {
        try (FakeDaemon d = new FakeDaemon()) {
            d.serve(p -> {
                p.accept(5);
                Check.equal(FakeDaemon.message(false, Wire.JOIN, FakeDaemon.PRIVATE, 0, new String[] {"g"}, new byte[0]), p.message());
                Check.equal(FakeDaemon.message(false, Wire.SAFE | Wire.SELF_DISCARD, FakeDaemon.PRIVATE, -7,
                        new String[] {"g", "#a#b", "\u00ff"}, FakeDaemon.bytes("hi")), p.message());
                Check.equal(FakeDaemon.message(false, Wire.LEAVE, FakeDaemon.PRIVATE, 0, new String[] {"g"}, new byte[0]), p.message());
                Check.equal(FakeDaemon.message(false, Wire.KILL, FakeDaemon.PRIVATE, 0, new String[] {FakeDaemon.PRIVATE}, new byte[0]), p.message());
                p.close();
            });
            SpreadConnection c = d.connect();
            SpreadGroup g = c.join("g");
            Check.fails(ErrorCode.ILLEGAL_GROUP, () -> g.join(c, "h"));
            SpreadMessage m = new SpreadMessage();
            m.setSafe();
            m.setSelfDiscard(true);
            m.setType((short) -7);
            m.addGroups(new String[] {"g", "#a#b", "\u00ff"});
            m.setData(FakeDaemon.bytes("hi"));
            c.multicast(m);
            g.leave();
            Check.fails(ErrorCode.ILLEGAL_GROUP, g::leave);
            c.disconnect();
            d.peer();
        }
    }

    /** Many threads and all sizes: messages arrive whole, those of a thread in order. */
    public static void manySenders() throws Exception {
        int threads = 4;
        int each = 300;
        try (FakeDaemon d = new FakeDaemon()) {
            d.serve(p -> {
                p.accept(5);
                int[] next = new int[threads];
                for (int i = 0; i < threads * each; i++) {
                    byte[] m = p.message();
                    int thread = Wire.getInt(m, 40) >> 8;
                    Check.equal(next[thread]++, Wire.getInt(m, 80));
                    byte want = (byte) (thread * 50);
                    for (int at = 84; at < m.length; at++) {
                        Check.that(m[at] == want, "mixed up");
                    }
                }
            });
            try (SpreadConnection c = d.connect()) {
                Check.Waiting[] all = new Check.Waiting[threads];
                for (int t = 0; t < threads; t++) {
                    short thread = (short) t;
                    all[t] = new Check.Waiting(() -> {
                        for (int i = 0; i < each; i++) {
                            c.multicast(message(thread, i, i % 50 == 0 ? 100_000 : i % 7 == 0 ? 20_000 : i));
                        }
                    });
                    all[t].start();
                }
                for (Check.Waiting w : all) {
                    w.ends();
                }
                d.peer().close();
            }
        }
    }

    private static SpreadMessage message(short type, int number, int size) {
        byte[] data = new byte[4 + size];
        Arrays.fill(data, (byte) (type * 50));
        Wire.putInt(data, 0, number);
        SpreadMessage m = new SpreadMessage();
        m.setType(type);
        m.addGroup("g");
        m.setData(data);
        return m;
    }

    /** An array of messages of all sizes; a mistake in one sends none. */
    public static void arrays() throws Exception {
        try (FakeDaemon d = new FakeDaemon()) {
            d.serve(p -> {
                p.accept(5);
                for (int i = 0; i < 200; i++) {
                    byte[] m = p.message();
                    Check.equal(i, Wire.getInt(m, 80));
                    Check.equal(84 + i % 3 * 10_000, m.length);
                }
            });
            try (SpreadConnection c = d.connect()) {
                SpreadMessage[] all = new SpreadMessage[200];
                for (int i = 0; i < all.length; i++) {
                    all[i] = message((short) 1, i, i % 3 * 10_000);
                }
                SpreadMessage bad = new SpreadMessage();
                bad.setServiceType(0);
                Check.fails(ErrorCode.ILLEGAL_SERVICE, () -> c.multicast(new SpreadMessage[] {all[0], bad}));
                Check.fails(ErrorCode.ILLEGAL_GROUP, () -> c.multicast(Service.SAFE, new byte[0]));
                c.multicast(new SpreadMessage[0]);
                c.multicast(all);
                d.peer().close();
            }
        }
    }

    /** An interrupted sender sends all the same, and stays interrupted. */
    public static void interrupt() throws Exception {
        try (FakeDaemon d = new FakeDaemon().serve(); SpreadConnection c = d.connect()) {
            boolean[] interrupted = new boolean[1];
            byte[] data = new byte[140_000];
            int count = 100;
            Check.Waiting w = Check.waiting(() -> {
                for (int i = 0; i < count; i++) {
                    c.multicast(Service.FIFO, data, "g");
                }
                interrupted[0] = Thread.interrupted();
            });
            w.interrupt();
            for (int i = 0; i < count; i++) {
                Check.equal(80 + data.length, d.peer().message().length);
            }
            w.ends();
            Check.that(interrupted[0], "the interrupt is lost");
            d.peer().close();
        }
    }
}
