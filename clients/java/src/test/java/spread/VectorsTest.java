package spread;

import conformance.Json;
import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/** The bytes that the original daemons and clients were seen to exchange. */
public final class VectorsTest {
    private static final Path FILE = Path.of("../../testdata/vectors.json");

    private VectorsTest() {}

    private record Vector(Map<?, ?> fields) {
        String get(String key) {
            return (String) fields.get(key);
        }

        byte[] bytes() {
            return HexFormat.of().parseHex(get("hex"));
        }

        boolean fromDaemon() {
            return get("direction").equals("D>C");
        }

        boolean isMessage() {
            return get("notes").contains("groups=");
        }

        /** What the notes say, without the remark and what a membership does not show. */
        String note() {
            String note = get("notes").split(";")[0];
            boolean membership = note.contains("gid=") || note.startsWith("CAUSED_BY_LEAVE from");
            return membership ? note.replaceFirst(" len=\\d+", "") : note;
        }
    }

    private static Map<String, List<Vector>> sessions() throws Exception {
        Map<String, List<Vector>> all = new LinkedHashMap<>();
        for (Object o : (List<?>) Json.parse(Files.readString(FILE))) {
            Vector v = new Vector((Map<?, ?>) o);
            all.computeIfAbsent(v.get("scenario") + "/" + v.get("session"), k -> new ArrayList<>()).add(v);
        }
        return all;
    }

    /** Plays the original daemon: what comes of it is what the notes say. */
    public static void received() throws Exception {
        int seen = 0;
        for (Map.Entry<String, List<Vector>> session : sessions().entrySet()) {
            ByteArrayOutputStream stream = new ByteArrayOutputStream();
            List<Vector> messages = session.getValue().stream().filter(v -> v.fromDaemon() && v.isMessage()).toList();
            messages.forEach(v -> stream.writeBytes(v.bytes()));
            String name = session.getKey();
            Framer f = new Framer();
            Decoder d = new Decoder(null, name.startsWith("v3-"), new SpreadGroup(null, privateGroup(name, session.getValue())));
            List<String> got = new ArrayList<>();
            int at = 0;
            byte[] b = stream.toByteArray();
            while (got.size() < messages.size()) {
                if (f.next()) {
                    got.add(describe(d.decode(f)));
                    continue;
                }
                ByteBuffer space = f.space();
                int n = Math.min(space.remaining(), b.length - at);
                Check.that(n > 0, name + " ends too soon");
                space.put(b, at, n);
                f.filled(n);
                at += n;
            }
            for (int i = 0; i < got.size(); i++) {
                Check.equal(messages.get(i).note(), got.get(i));
                seen++;
            }
        }
        Check.that(seen >= 100, "only " + seen + " messages");
    }

    private static String privateGroup(String name, List<Vector> session) {
        for (Vector v : session) {
            byte[] b = v.bytes();
            if (v.fromDaemon() && b.length > 5 && b[0] == 1) {
                return new String(b, 5, b[4], StandardCharsets.ISO_8859_1);
            }
        }
        return "#" + name.substring(name.indexOf('/') + 1) + "#localhost";
    }

    private static String describe(SpreadMessage m) {
        MembershipInfo i = m.getMembershipInfo();
        String groups = "from '" + m.getSender() + "' mess_type=0 groups=" + list(m.getGroups());
        if (i == null) {
            return describeData(m);
        }
        if (i.isSelfLeave()) {
            return "CAUSED_BY_LEAVE " + groups;
        }
        String id = " gid=(" + i.getGroupID().toString().replace(" ", ", ") + ")";
        if (i.isTransition()) {
            return "TRANSITION " + groups + id;
        }
        List<MembershipInfo.VirtualSynchronySet> sets = Arrays.asList(i.getVirtualSynchronySets());
        String cause = i.isCausedByJoin() ? "JOIN" : i.isCausedByLeave() ? "LEAVE" : i.isCausedByDisconnect() ? "DISCONNECT"
                : "NETWORK";
        return "CAUSED_BY_" + cause + "|REG_MEMB " + groups + id + " sets=["
                + sets.stream().map(s -> list(s.getMembers())).collect(Collectors.joining(", ")) + "] mine="
                + sets.indexOf(i.getMyVirtualSynchronySet());
    }

    private static String describeData(SpreadMessage m) {
        int rest = m.getServiceType() & ~(Wire.SERVICES | Wire.SELF_DISCARD | Wire.REJECT);
        String kind = Stream.of(m.getService() == null ? "" : m.getService().name(), m.isSelfDiscard() ? "SELF_DISCARD" : "",
                m.isReject() && rest == Wire.CAUSED_BY_JOIN ? "CAUSED_BY_JOIN" : "",
                m.isReject() && rest == Wire.CAUSED_BY_LEAVE ? "CAUSED_BY_LEAVE" : "",
                m.isReject() ? "REJECT" : rest != 0 ? "0x" + Integer.toHexString(rest) : "")
                .filter(s -> !s.isEmpty()).collect(Collectors.joining("|"));
        SpreadGroup[] groups = m.getGroups();
        if (m.isReject()) {
            groups = Arrays.copyOf(groups, groups.length + 1);
            groups[groups.length - 1] = m.getSender();
        }
        return kind + " from '" + m.getSender() + "' mess_type=" + m.getType() + " groups=" + list(groups) + " len="
                + m.getData().length;
    }

    private static String list(SpreadGroup[] groups) {
        return Stream.of(groups).map(g -> "'" + g + "'").collect(Collectors.joining(", ", "[", "]"));
    }

    /** What the original clients sent, we send in the same bytes, but for the order of the integers. */
    public static void sent() throws Exception {
        int seen = 0;
        for (List<Vector> session : sessions().values()) {
            for (Vector v : session) {
                if (v.fromDaemon() || !v.isMessage()) {
                    continue;
                }
                byte[] want = bigEndian(v.bytes());
                int n = Wire.getInt(want, 36);
                SpreadGroup[] groups = new SpreadGroup[n];
                for (int i = 0; i < n; i++) {
                    groups[i] = new SpreadGroup(null, Wire.name(want, 48 + 32 * i));
                }
                Encoder e = new Encoder(Arrays.copyOfRange(want, 4, 36));
                e.add(Wire.getInt(want, 0), groups, (short) (Wire.getInt(want, 40) >> 8),
                        Arrays.copyOfRange(want, 48 + 32 * n, want.length));
                Check.equal(want, written(e));
                seen++;
            }
        }
        Check.that(seen >= 30, "only " + seen + " messages");
    }

    private static byte[] bigEndian(byte[] b) {
        byte[] r = b.clone();
        if ((Wire.getInt(b, 0) & Wire.MARKER) == 0) {
            return r;
        }
        for (int at : new int[] {0, 36, 40, 44}) {
            int n = Integer.reverseBytes(Wire.getInt(b, at));
            Wire.putInt(r, at, at == 0 || at == 40 ? n & ~Wire.MARKER : n);
        }
        return r;
    }

    static byte[] written(Encoder e) {
        ByteArrayOutputStream all = new ByteArrayOutputStream();
        for (ByteBuffer b : e.take()) {
            byte[] part = new byte[b.remaining()];
            b.get(part);
            all.writeBytes(part);
        }
        return all.toByteArray();
    }
}
