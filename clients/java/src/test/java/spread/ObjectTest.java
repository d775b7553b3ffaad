package spread;

import java.io.ObjectInputFilter;
import java.io.Serializable;
import java.math.BigDecimal;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Base64;
import java.util.Collections;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.UUID;
import java.util.Vector;

/** Objects as data. */
public final class ObjectTest {
    private ObjectTest() {}

    /** A class of the application. */
    record Own(String name) implements Serializable {}

    private static Object back(Serializable o) throws SpreadException {
        SpreadMessage m = new SpreadMessage();
        m.setObject(o);
        return m.getObject();
    }

    /** The bytes are those of the classic client: a plain serialization stream. */
    public static void bytes() throws Exception {
        SpreadMessage m = new SpreadMessage();
        m.setObject("hi");
        Check.equal("rO0ABXQAAmhp", Base64.getEncoder().encodeToString(m.getData()));
    }

    /** Values and collections of the platform come back. */
    public static void values() throws Exception {
        Map<String, Object> map = new HashMap<>();
        map.put("list", new ArrayList<>(List.of(1, 2L, 3.0, 'c', (byte) 1, true)));
        map.put("when", Instant.EPOCH);
        map.put("which", new UUID(1, 2));
        map.put("money", new BigDecimal("1.50"));
        for (Serializable o : new Serializable[] {"s", 42, (Serializable) map, new TreeMap<>(map.keySet().stream()
                .collect(java.util.stream.Collectors.toMap(k -> k, k -> 1))), (Serializable) List.of(1, 2), (Serializable) Map.of(1, 2),
                (Serializable) Arrays.asList(1, 2), (Serializable) Collections.unmodifiableList(new ArrayList<>(List.of(1)))}) {
            Check.equal(o, back(o));
        }
        Check.equal(new String[] {"a", null}, back(new String[] {"a", null}));
        Check.equal(new byte[] {1, 2}, back(new byte[] {1, 2}));
        Check.equal(null, back(null));
    }

    /** Several objects, in order. */
    public static void digest() throws Exception {
        SpreadMessage m = new SpreadMessage();
        m.setData(new byte[] {1});
        m.digest("hi");
        m.digest(42);
        m.digest(new int[] {1, 2, 3});
        Vector<?> d = ((SpreadMessage) m.clone()).getDigest();
        Check.equal(3, d.size());
        Check.equal("hi", d.get(0));
        Check.equal(42, d.get(1));
        m.setData(new byte[] {1});
        Check.equal(new byte[] {1}, m.getData());
    }

    /** Classes of the application are read only if it says so. */
    public static void ownClasses() throws Exception {
        SpreadMessage m = new SpreadMessage();
        m.setObject(new ArrayList<>(List.of(new Own("x"))));
        SpreadException e = Check.fails(ErrorCode.ILLEGAL_MESSAGE, m::getObject);
        Check.that(e.getMessage().contains("-Dspread.objectFilter=" + Own.class.getName()), e.getMessage());
        Check.fails(ErrorCode.ILLEGAL_MESSAGE, m::getDigest);
        Check.equal(List.of(new Own("x")), m.getObject(ObjectInputFilter.Config.createFilter("spread.*;java.base/*;!*")));
        System.setProperty(ObjectData.PROPERTY, "spread.ObjectTest$*");
        try {
            Check.equal(List.of(new Own("x")), m.getObject());
        } finally {
            System.clearProperty(ObjectData.PROPERTY);
        }
    }

    /** What is no object, or a bomb, is refused. */
    public static void refused() throws Exception {
        SpreadMessage m = new SpreadMessage();
        Check.fails(ErrorCode.ILLEGAL_MESSAGE, m::getObject);
        m.setData(FakeDaemon.bytes("hello"));
        Check.fails(ErrorCode.ILLEGAL_MESSAGE, m::getObject);
        m.setObject("a long enough string");
        m.setData(Arrays.copyOf(m.getData(), m.getData().length - 3));
        Check.fails(ErrorCode.ILLEGAL_MESSAGE, m::getObject);
        Set<Object> bomb = new HashSet<>();
        Set<Object> a = bomb;
        Set<Object> b = new HashSet<>();
        for (int i = 0; i < 30; i++) {
            Set<Object> c = new HashSet<>();
            Set<Object> d = new HashSet<>();
            c.add("x");
            a.addAll(List.of(c, d));
            b.addAll(List.of(c, d));
            a = c;
            b = d;
        }
        m.setObject((Serializable) bomb);
        Check.fails(ErrorCode.ILLEGAL_MESSAGE, m::getObject);
        Check.fails(ErrorCode.ILLEGAL_MESSAGE, () -> m.setObject(new Serializable() {
            private static final long serialVersionUID = 1L;
            @SuppressWarnings("unused")
            private final Thread thread = Thread.currentThread();
        }));
    }
}
