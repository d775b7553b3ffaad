package spread;

import java.lang.reflect.Field;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/** Names of daemons. */
public final class AddressTest {
    private AddressTest() {}

    private static String places(String name) throws Exception {
        Field f = DaemonAddress.class.getDeclaredField("places");
        f.setAccessible(true);
        return ((List<?>) f.get(DaemonAddress.parse(name))).stream().map(Object::toString).collect(Collectors.joining(" "));
    }

    /** The forms of client protocol 1.4. */
    public static void forms() throws Exception {
        String local = "/run/spread/4803 /tmp/4803 /127.0.0.1:4803";
        Check.equal(local, places(""));
        Check.equal(local, places(null));
        Check.equal(local, places("4803"));
        Check.equal(local, places(" +4803 "));
        Check.equal("/127.0.0.1:5811", places("5811@127.0.0.1"));
        Check.equal("/127.0.0.1:5811", places("71347 @127.0.0.1 junk"));
        Check.equal("/[0:0:0:0:0:0:0:1]:5811", places("5811@::1"));
        Check.equal("/[0:0:0:0:0:0:0:1]:5811", places("5811@[::1]"));
        Check.equal("/run/spread/65535 /tmp/65535 /127.0.0.1:65535", places("-1"));
        Check.equal("/some/where", places("unix:/some/where"));
    }

    /** What makes no sense. */
    public static void nonsense() throws Exception {
        for (String s : new String[] {"x", "5811junk", "5811@", "5811@ host", "@host", "unix:\0", "1@" + "h".repeat(70)}) {
            Check.fails(ErrorCode.ILLEGAL_SPREAD, () -> DaemonAddress.parse(s));
        }
        Check.fails(ErrorCode.ILLEGAL_SPREAD, () -> DaemonAddress.of(null, 65536));
        Check.fails(ErrorCode.ILLEGAL_SPREAD, () -> DaemonAddress.of(null, -1));
    }

    private static long openFiles() throws Exception {
        try (Stream<Path> all = Files.list(Path.of("/proc/self/fd"))) {
            return all.count();
        }
    }

    /** Attempts that fail leave nothing open, however many they are. */
    public static void leavesNothingOpen() throws Exception {
        if (!Files.isDirectory(Path.of("/proc/self/fd"))) {
            throw new AllTests.Skip("no /proc");
        }
        try (FakeDaemon d = new FakeDaemon()) {
            String name = d.name();
            d.stop();
            long before = 0;
            for (int i = 0; i < 40; i++) {
                Check.fails(ErrorCode.COULD_NOT_CONNECT, () -> SpreadConnection.builder().daemon(name).connect());
                if (i == 0) {
                    before = openFiles();
                }
            }
            Check.that(openFiles() < before + 20, "open: " + before + ", then " + openFiles());
        }
    }

    /** Nobody is there. */
    public static void nobody() throws Exception {
        int port;
        try (FakeDaemon d = new FakeDaemon().serve()) {
            port = d.port();
            d.connect().abort();
        }
        SpreadException e = Check.fails(ErrorCode.COULD_NOT_CONNECT,
                () -> SpreadConnection.builder().daemon(port + "@127.0.0.1").connect());
        Check.that(e.getMessage().contains("refused"), e.getMessage());
        Check.fails(ErrorCode.COULD_NOT_CONNECT, () -> SpreadConnection.builder().daemon("unix:/no/such").connect());
        Check.fails(ErrorCode.COULD_NOT_CONNECT,
                () -> SpreadConnection.builder().daemon("unix:/" + "x".repeat(200)).connect());
    }
}
