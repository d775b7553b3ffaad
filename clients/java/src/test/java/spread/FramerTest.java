package spread;

import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;

/** Bytes from the daemon, good and bad. */
public final class FramerTest {
    private static final SpreadGroup SELF = new SpreadGroup(null, FakeDaemon.PRIVATE);

    private FramerTest() {}

    /** Feeds a stream in pieces of at most this size, and returns what comes of it. */
    static List<SpreadMessage> read(byte[] stream, int piece, boolean oldViews) throws BadMessage {
        Framer f = new Framer();
        Decoder d = new Decoder(null, oldViews, SELF);
        List<SpreadMessage> all = new ArrayList<>();
        int at = 0;
        while (true) {
            while (f.next()) {
                all.add(d.decode(f));
            }
            if (at == stream.length) {
                Check.equal(0, f.buffered());
                return all;
            }
            ByteBuffer space = f.space();
            int n = Math.min(Math.min(piece, stream.length - at), space.remaining());
            Check.that(n > 0, "no space");
            space.put(stream, at, n);
            f.filled(n);
            at += n;
        }
    }

    /** Messages of all sizes survive in any pieces. */
    public static void pieces() throws Exception {
        Random random = new Random(1);
        ByteArrayOutputStream stream = new ByteArrayOutputStream();
        List<byte[]> want = new ArrayList<>();
        for (int size : new int[] {0, 1, 100, 65_000, 65_536, 140_000, 3, 144_000 - 32, 0, 20_000, 20_000, 20_000, 20_000}) {
            byte[] data = new byte[size];
            random.nextBytes(data);
            want.add(data);
            stream.writeBytes(FakeDaemon.message(size % 2 == 0, Wire.SAFE, "#a#b", -7, new String[] {"x"}, data));
        }
        for (int piece : new int[] {1, 7, 47, 48, 4096, 1 << 20}) {
            List<SpreadMessage> got = read(stream.toByteArray(), piece, false);
            Check.equal(want.size(), got.size());
            for (int i = 0; i < got.size(); i++) {
                Check.equal(want.get(i), got.get(i).getData());
                Check.equal((short) -7, got.get(i).getType());
                Check.equal(want.get(i).length % 2 == 0, got.get(i).getEndianMismatch());
                Check.equal("#a#b", got.get(i).getSender().toString());
            }
        }
    }

    private static void bad(byte[] stream) throws Exception {
        Check.throwsA(BadMessage.class, () -> read(stream, 1 << 20, false));
    }

    /** Headers that cannot be right. */
    public static void badHeaders() throws Exception {
        byte[] good = FakeDaemon.data("x");
        for (int[] patch : new int[][] {{0, 0}, {39, 0x80}, {47, 0xff}, {37, 1}, {46, 3}, {3, 0}}) {
            byte[] b = good.clone();
            b[patch[0]] = (byte) patch[1];
            bad(b);
        }
        byte[] huge = FakeDaemon.message(true, Wire.REG_MEMB | Wire.CAUSED_BY_JOIN, "g", 0, new String[0], new byte[0]);
        huge[46] = (byte) 0x80; // 8 MiB, and the header
        bad(huge);
        byte[] causeless = FakeDaemon.viewBody(true, 0, new String[] {FakeDaemon.PRIVATE});
        for (int causes : new int[] {0, Wire.CAUSED_BY_JOIN | Wire.CAUSED_BY_LEAVE}) {
            bad(view(causes, causeless));
        }
        int join = Wire.CAUSED_BY_JOIN;
        bad(view(join, FakeDaemon.viewBody(true, 4, new String[] {FakeDaemon.PRIVATE})));
        Check.equal(1, read(view(join, FakeDaemon.viewBody(true, 0, new String[129][0])), 1000, false).size());
        bad(view(join, FakeDaemon.viewBody(true, 0, new String[130][0])));
    }

    private static byte[] view(int causes, byte[] body) throws Exception {
        return FakeDaemon.message(true, Wire.REG_MEMB | causes, "g", 0, new String[] {FakeDaemon.PRIVATE}, body);
    }

    /** A header alone is not worth much memory. */
    public static void trustGrowsWithBytes() throws Exception {
        byte[] head = FakeDaemon.message(true, Wire.REG_MEMB | Wire.CAUSED_BY_JOIN, "g", 0, new String[0], new byte[0]);
        head[46] = 0x70; // 7 MiB
        Framer f = new Framer();
        f.space().put(head);
        f.filled(head.length);
        Check.equal(false, f.next());
        f.space();
        Check.that(f.bytes.length <= 256 << 10, f.bytes.length + " bytes for a header");
    }

    /** Views in both byte orders. */
    public static void views() throws Exception {
        String[] members = {FakeDaemon.PRIVATE, "#a#x", "#b#y"};
        for (boolean little : new boolean[] {true, false}) {
            byte[] body = FakeDaemon.viewBody(little, 36, new String[] {"#b#y"}, new String[] {FakeDaemon.PRIVATE, "#a#x"});
            SpreadMessage m = read(FakeDaemon.message(little, Wire.REG_MEMB | Wire.CAUSED_BY_NETWORK, "g", 0, members, body),
                    1000, false).get(0);
            MembershipInfo i = m.getMembershipInfo();
            Check.that(m.isMembership() && !m.isRegular() && i.isRegularMembership() && i.isCausedByNetwork(), "a view");
            Check.equal((short) 0, m.getType());
            Check.equal("1 2 3", i.getGroupID().toString());
            Check.equal("[[#b#y], [" + FakeDaemon.PRIVATE + ", #a#x]]", Arrays.toString(i.getVirtualSynchronySets()));
            Check.equal(i.getVirtualSynchronySets()[1], i.getMyVirtualSynchronySet());
            Check.equal("[" + FakeDaemon.PRIVATE + ", #a#x]", Arrays.toString(i.getStayed()));
            Check.equal(null, i.getJoined());
        }
    }

    /** A 3.x daemon has one set and no offset. */
    public static void oldView() throws Exception {
        ByteArrayOutputStream body = new ByteArrayOutputStream();
        for (int n : new int[] {1, 2, 3, 1}) {
            body.writeBytes(FakeDaemon.word(true, n));
        }
        body.writeBytes(Wire.name("#a#x"));
        MembershipInfo i = read(FakeDaemon.message(true, Wire.REG_MEMB | Wire.CAUSED_BY_DISCONNECT, "g", 0,
                new String[] {FakeDaemon.PRIVATE}, body.toByteArray()), 1000, true).get(0).getMembershipInfo();
        Check.equal("#a#x", i.getDisconnected().toString());
        Check.equal(null, i.getLeft());
        Check.equal(0, i.getStayed().length);
    }

    /** Transition, self-leave and forged bits. */
    public static void kinds() throws Exception {
        byte[] id = Arrays.copyOf(FakeDaemon.viewBody(true, 0), 12);
        MembershipInfo t = read(FakeDaemon.message(true, Wire.TRANSITION, "g", 0, new String[0], id), 99, false).get(0)
                .getMembershipInfo();
        Check.that(t.isTransition() && !t.isSelfLeave() && t.getGroupID().toString().equals("1 2 3"), "a transition");
        SpreadMessage l = read(FakeDaemon.message(true, Wire.CAUSED_BY_LEAVE, "g", 0, new String[0], new byte[0]), 99, false)
                .get(0);
        Check.that(l.getMembershipInfo().isSelfLeave() && l.getMembershipInfo().isCausedByLeave(), "a self-leave");
        Check.equal((short) -1, l.getType());
        SpreadMessage forged = read(FakeDaemon.message(true, Wire.FIFO | Wire.REG_MEMB, "#x#y", 0, new String[] {"g"},
                new byte[0]), 99, false).get(0);
        Check.that(forged.isRegular() && !forged.isMembership() && forged.getMembershipInfo() == null, "data");
    }

    /** A rejected join and a rejected message come back as they were sent. */
    public static void rejects() throws Exception {
        for (int old : new int[] {Wire.CAUSED_BY_JOIN, Wire.SAFE}) {
            byte[] plain = FakeDaemon.message(true, Wire.REJECT, FakeDaemon.PRIVATE, 5,
                    new String[] {"g", FakeDaemon.PRIVATE}, FakeDaemon.bytes("hi"));
            ByteArrayOutputStream b = new ByteArrayOutputStream();
            b.write(plain, 0, 48);
            b.writeBytes(FakeDaemon.word(true, old | Wire.MARKER));
            b.write(plain, 48, plain.length - 48);
            b.writeBytes(FakeDaemon.data("next"));
            List<SpreadMessage> got = read(b.toByteArray(), 3, false);
            SpreadMessage m = got.get(0);
            Check.equal(old | SpreadMessage.REJECT_MESS, m.getServiceType());
            Check.that(m.isReject() && !m.isRegular() && !m.isMembership(), "a reject");
            Check.equal("[g]", Arrays.toString(m.getGroups()));
            Check.equal("hi", new String(m.getData()));
            Check.equal("next", new String(got.get(1).getData()));
        }
    }

    /** Names of any bytes, and junk behind their end. */
    public static void names() throws Exception {
        byte[] b = FakeDaemon.message(false, Wire.SAFE, "\u00ff\u0001\u0080", 0, new String[] {"g", "\u00e9"}, new byte[0]);
        b[48 + 5] = 'j';
        SpreadMessage m = read(b, 99, false).get(0);
        Check.equal("\u00ff\u0001\u0080", m.getSender().toString());
        Check.equal("[g, \u00e9]", Arrays.toString(m.getGroups()));
        Check.equal(false, m.getEndianMismatch());
    }

    /** Whatever comes, the only failure is BadMessage. */
    public static void damage() throws Exception {
        byte[] body = FakeDaemon.viewBody(true, 36, new String[] {"#b#y"}, new String[] {FakeDaemon.PRIVATE, "#a#x"});
        byte[] good = FakeDaemon.message(true, Wire.REG_MEMB | Wire.CAUSED_BY_NETWORK, "g", 0,
                new String[] {FakeDaemon.PRIVATE, "#a#x", "#b#y"}, body);
        Random random = new Random(2);
        int refused = 0;
        for (int i = 0; i < 20_000; i++) {
            byte[] b = Arrays.copyOf(good, good.length - (i % 3 == 0 ? random.nextInt(8) : 0));
            for (int n = random.nextInt(4); n >= 0; n--) {
                int at = random.nextBoolean() ? random.nextInt(48) : 48 + 96 + random.nextInt(b.length - 144);
                b[at] = (byte) (random.nextBoolean() ? random.nextInt(256) : 0xff);
            }
            Framer f = new Framer();
            Decoder d = new Decoder(null, i % 2 == 0, SELF);
            f.space().put(b);
            f.filled(b.length);
            try {
                while (f.next()) {
                    d.decode(f);
                }
                f.space();
            } catch (BadMessage e) {
                refused++;
            }
        }
        Check.that(refused > 1000, "only " + refused + " were refused");
    }
}
