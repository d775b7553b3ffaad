package conformance;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Base64;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.FutureTask;
import spread.ErrorCode;
import spread.MembershipInfo;
import spread.Service;
import spread.SpreadConnection;
import spread.SpreadConnectionBuilder;
import spread.SpreadException;
import spread.SpreadGroup;
import spread.SpreadMessage;
import spread.SpreadVersion;

/** Answers the conformance runner: a JSON object a line in, one a line out. */
public final class Driver {
    private final Map<String, SpreadConnection> connections = new LinkedHashMap<>();

    private Driver() {}

    /** Runs until the op exit, or the end of the input. */
    public static void main(String[] args) throws IOException {
        Driver d = new Driver();
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        PrintStream out = new PrintStream(System.out, false, StandardCharsets.US_ASCII);
        for (String line = in.readLine(); line != null; line = in.readLine()) {
            Request r = new Request((Map<?, ?>) Json.parse(line));
            out.print(Json.write(d.answer(r)) + "\n");
            out.flush();
            if (r.string("op").equals("exit")) {
                break;
            }
        }
        System.exit(0);
    }

    /** What the runner asks. */
    private record Request(Map<?, ?> fields) {
        String string(String key) {
            Object v = fields.get(key);
            return v == null ? "" : (String) v;
        }

        boolean flag(String key) {
            return Boolean.TRUE.equals(fields.get(key));
        }

        int number(String key, int otherwise) {
            return fields.get(key) instanceof Number n ? n.intValue() : otherwise;
        }

        Duration timeout() {
            return Duration.ofMillis(number("timeout_ms", 10_000));
        }
    }

    private Map<String, Object> answer(Request r) {
        try {
            return run(r);
        } catch (SpreadException e) {
            return failure(e);
        } catch (Exception e) {
            return reply("ok", false, "error", "failed", "text", e.toString());
        }
    }

    private static Map<String, Object> failure(SpreadException e) {
        return reply("ok", false, "error", e.getCode().number(), "text", e.getMessage());
    }

    private Map<String, Object> run(Request r) throws Exception {
        switch (r.string("op")) {
            case "hello":
                return reply("ok", true, "language", "java", "client", "1.0.0", "byte_order", "big", "features",
                        List.of("unix", "unix_path", "poll", "threads", "any_group", "name_free", "auth"));
            case "connect":
                return connect(r);
            case "join":
                connection(r).join(r.string("group"));
                return reply("ok", true);
            case "leave":
                connection(r).leave(r.string("group"));
                return reply("ok", true);
            case "multicast":
                return multicast(r);
            case "receive":
                return receive(r);
            case "drain":
                return drain(r);
            case "poll":
                return reply("ok", true, "bytes", connection(r).available());
            case "close_wakes":
                return closeWakes(connection(r));
            case "disconnect":
                connection(r).disconnect();
                return reply("ok", true);
            case "abort":
                connection(r).abort();
                return reply("ok", true);
            case "stall", "resume", "exit":
                return reply("ok", true); // It reads only when told to receive.
            default:
                return reply("ok", false, "error", "unsupported", "reason", "no op " + r.string("op"));
        }
    }

    private SpreadConnection connection(Request r) throws SpreadException {
        SpreadConnection c = connections.get(r.string("c"));
        if (c == null) {
            throw new SpreadException(ErrorCode.ILLEGAL_SESSION, "No connection " + r.string("c") + ".");
        }
        return c;
    }

    private Map<String, Object> connect(Request r) throws SpreadException {
        SpreadConnectionBuilder b = SpreadConnection.builder().daemon(r.string("daemon")).privateName(r.string("name"))
                .membership(r.flag("membership")).priority(r.flag("priority")).timeout(r.timeout());
        if (r.fields().get("auth") instanceof List<?> methods) {
            for (Object m : methods) {
                b.authentication((String) m, (in, out) -> {});
            }
        }
        SpreadConnection c = b.connect();
        connections.put(r.string("c"), c);
        SpreadVersion v = c.getDaemonVersion();
        return reply("ok", true, "private_group", c.getPrivateGroup().toString(), "daemon_version",
                List.of(v.getMajorVersion(), v.getMinorVersion(), v.getPatchVersion()));
    }

    private Map<String, Object> multicast(Request r) throws SpreadException {
        SpreadMessage m = new SpreadMessage();
        m.setServiceType(service(r.string("service")));
        for (Object g : (List<?>) r.fields().get("groups")) {
            m.addGroup((String) g);
        }
        m.setType((short) r.number("type", 0));
        m.setData(Base64.getDecoder().decode(r.string("data_b64")));
        m.setSelfDiscard(r.flag("self_discard"));
        int repeat = r.number("repeat", 1);
        for (int i = 0; i < repeat; i++) {
            connection(r).multicast(m);
        }
        return reply("ok", true, "sent", (long) repeat * m.getData().length);
    }

    /** Finds the bit of a service; 0 for none. */
    private static int service(String name) {
        for (Service s : Service.values()) {
            if (s.name().toLowerCase(Locale.ROOT).equals(name)) {
                return s.bit();
            }
        }
        return 0;
    }

    private Map<String, Object> receive(Request r) throws Exception {
        Optional<SpreadMessage> m = connection(r).receive(r.timeout());
        if (m.isEmpty()) {
            return reply("ok", false, "error", "timeout");
        }
        return reply("ok", true, "message", describe(m.get()));
    }

    /** Closes while another thread waits to receive. */
    private static Map<String, Object> closeWakes(SpreadConnection c) throws Exception {
        FutureTask<Integer> receiver = new FutureTask<>(() -> {
            try {
                while (true) {
                    c.receive();
                }
            } catch (SpreadException e) {
                return e.getCode().number();
            }
        });
        Thread t = new Thread(receiver);
        t.start();
        while (Arrays.stream(t.getStackTrace()).noneMatch(f -> f.getMethodName().equals("select"))) {
            Thread.onSpinWait();
        }
        c.disconnect();
        return reply("ok", true, "woken", receiver.get());
    }

    private Map<String, Object> drain(Request r) throws Exception {
        SpreadConnection c = connection(r);
        long start = System.nanoTime();
        long deadline = start + r.timeout().toNanos();
        Map<String, Object> failure = Map.of();
        MessageDigest digest = MessageDigest.getInstance("SHA-256");
        int want = r.number("count", 0);
        int count = 0;
        long bytes = 0;
        while (count < want) {
            Optional<SpreadMessage> next;
            try {
                next = c.receive(Duration.ofNanos(deadline - System.nanoTime()));
            } catch (SpreadException e) {
                failure = failure(e);
                break;
            }
            if (next.isEmpty()) {
                failure = reply("ok", false, "error", "timeout");
                break;
            }
            SpreadMessage m = next.get();
            if (m.isRegular()) {
                if (count == 0) {
                    start = System.nanoTime();
                }
                digest.update(m.getSender().toString().getBytes(StandardCharsets.ISO_8859_1));
                digest.update((byte) 0);
                digest.update(m.getData());
                bytes += m.getData().length;
                count++;
            }
        }
        double seconds = (System.nanoTime() - start) / 1e9;
        Map<String, Object> answer = reply("ok", true, "count", count, "bytes", bytes, "seconds", seconds, "digest",
                HexFormat.of().formatHex(digest.digest()));
        answer.putAll(failure);
        return answer;
    }

    private static Map<String, Object> describe(SpreadMessage m) {
        MembershipInfo i = m.getMembershipInfo();
        if (i != null) {
            return describe(i);
        }
        Map<String, Object> d = reply("kind", m.isReject() ? "reject" : "regular",
                "service", m.getService() == null ? "" : m.getService().name().toLowerCase(Locale.ROOT),
                "sender", m.getSender().toString(), "groups", names(m.getGroups()), "type", m.getType(),
                "data_b64", Base64.getEncoder().encodeToString(m.getData()),
                "endian_mismatch", m.getEndianMismatch(), "self_discard", m.isSelfDiscard());
        if (m.isReject()) {
            int old = m.getServiceType();
            d.put("request", m.getService() != null ? "multicast"
                    : (old & SpreadMessage.CAUSED_BY_JOIN) != 0 ? "join" : "leave");
        }
        return d;
    }

    private static Map<String, Object> describe(MembershipInfo i) {
        String group = i.getGroup().toString();
        if (i.isSelfLeave()) {
            return reply("kind", "self_leave", "group", group);
        }
        List<Integer> id = Arrays.stream(i.getGroupID().getID()).boxed().toList();
        if (i.isTransition()) {
            return reply("kind", "transition", "group", group, "id", id);
        }
        List<MembershipInfo.VirtualSynchronySet> sets = Arrays.asList(i.getVirtualSynchronySets());
        Map<String, Object> d = reply("kind", "membership", "group", group, "cause", cause(i),
                "members", names(i.getMembers()), "id", id, "sets", sets.stream().map(s -> names(s.getMembers())).toList(),
                "own_set", sets.indexOf(i.getMyVirtualSynchronySet()));
        for (SpreadGroup g : new SpreadGroup[] {i.getJoined(), i.getLeft(), i.getDisconnected()}) {
            if (g != null) {
                d.put("changed", g.toString());
            }
        }
        return d;
    }

    private static String cause(MembershipInfo i) {
        return i.isCausedByJoin() ? "join" : i.isCausedByLeave() ? "leave" : i.isCausedByDisconnect() ? "disconnect"
                : "network";
    }

    private static List<String> names(SpreadGroup[] groups) {
        List<String> l = new ArrayList<>();
        for (SpreadGroup g : groups) {
            l.add(g.toString());
        }
        return l;
    }

    private static Map<String, Object> reply(Object... pairs) {
        Map<String, Object> m = new LinkedHashMap<>();
        for (int i = 0; i < pairs.length; i += 2) {
            m.put((String) pairs[i], pairs[i + 1]);
        }
        return m;
    }
}
