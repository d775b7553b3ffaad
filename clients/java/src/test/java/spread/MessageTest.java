package spread;

import java.util.Arrays;

/** Messages and groups as objects. */
public final class MessageTest {
    private MessageTest() {}

    /** What a new message is. */
    public static void fresh() throws Exception {
        SpreadMessage m = new SpreadMessage();
        Check.that(m.isOutgoing() && !m.isIncoming() && m.isRegular() && m.isReliable(), "a new message");
        Check.equal(2, m.getServiceType());
        Check.equal(0, m.getGroups().length);
        Check.equal(0, m.getData().length);
        Check.equal(null, m.getSender());
    }

    /** Setting a service keeps SELF_DISCARD. */
    public static void service() throws Exception {
        SpreadMessage m = new SpreadMessage();
        m.setSelfDiscard(true);
        m.setSafe();
        Check.equal(96, m.getServiceType());
        m.setSelfDiscard(false);
        Check.equal(Service.SAFE, m.getService());
        m.setFifo();
        Check.that(m.isFifo() && !m.isSafe(), "FIFO");
        m.setUnreliable();
        m.setCausal();
        m.setAgreed();
        m.setReliable();
        Check.equal(Service.RELIABLE, m.getService());
        for (Service s : Service.values()) {
            Check.equal(s, Service.of(s.bit()));
        }
    }

    /** What was given can change without the message. */
    public static void copies() throws Exception {
        SpreadMessage m = new SpreadMessage();
        byte[] data = {1, 2};
        m.setData(data);
        data[0] = 9;
        Check.equal((byte) 1, m.getData()[0]);
        m.addGroup("a");
        m.addGroups(new String[] {"b", "c"});
        m.addGroups(new SpreadGroup[] {new SpreadGroup(null, "d")});
        m.setType((short) 3);
        SpreadMessage c = (SpreadMessage) m.clone();
        m.addGroup("e");
        m.getGroups()[0] = null;
        Check.equal("[a, b, c, d]", Arrays.toString(c.getGroups()));
        Check.equal("[a, b, c, d, e]", Arrays.toString(m.getGroups()));
        Check.equal((short) 3, c.getType());
        MessageFactory f = new MessageFactory(m);
        m.addGroup("x");
        Check.equal(5, f.createMessage().getGroups().length);
        Check.that(f.createMessage() != f.createMessage(), "two messages");
        Check.equal(null, new MessageFactory(null).createMessage());
    }

    /** Groups are equal by name. */
    public static void groups() throws Exception {
        SpreadGroup a = new SpreadGroup(null, "a");
        Check.equal(a, new SpreadGroup(null, "a"));
        Check.equal(a.hashCode(), "a".hashCode());
        Check.that(!a.equals(new SpreadGroup()) && !new SpreadGroup().equals(a), "no name is no name");
        Check.fails(ErrorCode.ILLEGAL_GROUP, () -> new SpreadGroup().leave());
        Check.equal("5.00.01", new SpreadVersion().toString());
    }

    /** What a daemon would punish is refused here. */
    public static void refused() throws Exception {
        for (int type : new int[] {0, 0x30, 0x1010, 0x400010, 0x90010, 0x80000010}) {
            SpreadMessage m = new SpreadMessage();
            m.setServiceType(type);
            m.addGroup("g");
            Check.fails(ErrorCode.ILLEGAL_SERVICE, () -> Encoder.check(m));
        }
        for (String g : new String[] {"", null, "x".repeat(32), "a\0b", "\u20ac"}) {
            SpreadMessage m = new SpreadMessage();
            m.addGroup(g);
            Check.fails(ErrorCode.ILLEGAL_GROUP, () -> Encoder.check(m));
        }
        SpreadMessage many = new SpreadMessage();
        for (int i = 0; i < 100; i++) {
            many.addGroup("g" + i);
        }
        Encoder.check(many);
        many.addGroup("more");
        Check.fails(ErrorCode.ILLEGAL_GROUP, () -> Encoder.check(many));
        SpreadMessage big = new SpreadMessage();
        big.addGroup("g");
        big.setData(new byte[143_920]);
        Encoder.check(big);
        big.setData(new byte[143_921]);
        Check.fails(ErrorCode.MESSAGE_TOO_LONG, () -> Encoder.check(big));
        for (String g : new String[] {"a b", "#x", "", "\u00e9", "x".repeat(32)}) {
            Check.fails(ErrorCode.ILLEGAL_GROUP, () -> Wire.checkGroup(g));
        }
        Wire.checkGroup("x".repeat(31));
    }
}
