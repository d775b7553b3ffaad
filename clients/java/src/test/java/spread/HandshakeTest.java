package spread;

import java.net.InetAddress;
import java.time.Duration;
import java.util.Arrays;

/** Connecting. */
public final class HandshakeTest {
    private HandshakeTest() {}

    /** An authentication class of the old kind. */
    public static final class OldAuth implements SpreadAuthInterface {
        static volatile int runs;

        /** Makes the method. */
        public OldAuth() {}

        @Override
        public void authenticate() {
            runs++;
        }
    }

    /** The bytes of hello and choice; replies come one byte at a time, with a message right behind. */
    public static void fragments() throws Exception {
        try (FakeDaemon d = new FakeDaemon()) {
            d.serve(p -> {
                Check.equal(FakeDaemon.bytes("\5\0\1\1\2me"), p.hello());
                drip(p, FakeDaemon.bytes("\10NULL IP "));
                Check.equal(Arrays.copyOf(FakeDaemon.bytes("NULL"), 90), p.in.readNBytes(90));
                drip(p, FakeDaemon.bytes("\1\5\0\1\10#me#fake"));
                drip(p, FakeDaemon.data("hi"));
            });
            try (SpreadConnection c = d.connect()) {
                Check.equal("#me#fake", c.getPrivateGroup().toString());
                Check.equal("5.00.01", c.getDaemonVersion().toString());
                Check.equal("hi", new String(c.receive().getData()));
                d.peer().close();
            }
        }
    }

    private static void drip(FakeDaemon.Peer p, byte[] bytes) throws Exception {
        p.socket.setTcpNoDelay(true);
        for (byte b : bytes) {
            p.out.write(b);
        }
    }

    /** The flags. */
    public static void flags() throws Exception {
        try (FakeDaemon d = new FakeDaemon()) {
            d.serve(p -> {
                Check.equal(FakeDaemon.bytes("\5\0\1\20\0"), p.hello());
                p.close();
            });
            Check.fails(ErrorCode.CONNECTION_CLOSED,
                    () -> SpreadConnection.builder().daemon(d.name()).priority(true).membership(false).connect());
            d.peer();
        }
    }

    /** Each refusal, in place of the list and in place of the accept. */
    public static void refusals() throws Exception {
        for (ErrorCode code : new ErrorCode[] {ErrorCode.REJECT_QUOTA, ErrorCode.REJECT_NO_NAME,
                ErrorCode.REJECT_ILLEGAL_NAME, ErrorCode.REJECT_NOT_UNIQUE, ErrorCode.REJECT_VERSION, ErrorCode.REJECT_AUTH}) {
            for (boolean late : new boolean[] {false, true}) {
                try (FakeDaemon d = new FakeDaemon()) {
                    d.serve(p -> {
                        p.hello();
                        if (late) {
                            p.out.write(FakeDaemon.bytes("\5NULL "));
                            p.in.readNBytes(90);
                        }
                        p.out.write(code.number());
                        p.close();
                    });
                    SpreadException e = Check.fails(code, d::connect);
                    Check.that(e.getMessage().contains("rejected=" + code.number()), e.getMessage());
                }
            }
        }
    }

    /** Answers that make no sense, and none. */
    public static void nonsense() throws Exception {
        for (String answer : new String[] {"", "\5NU", "\u00c0", "\5NULL \u00f8", "\5NULL \2", "\5NULL \1\5\0\1\u0090", "\5NULL \1\5\0\1\0", "\5NULL \1\5"}) {
            try (FakeDaemon d = new FakeDaemon()) {
                d.serve(p -> {
                    p.hello();
                    p.out.write(FakeDaemon.bytes(answer));
                    p.socket.shutdownOutput();
                });
                Check.fails(ErrorCode.CONNECTION_CLOSED, d::connect);
            }
        }
        try (FakeDaemon d = new FakeDaemon()) {
            d.serve(p -> {
                p.hello();
                p.out.write(FakeDaemon.bytes("\5NULL \1\2\0\0\0"));
            });
            Check.fails(ErrorCode.REJECT_VERSION, d::connect);
        }
    }

    /** A daemon that says nothing costs no more than the timeout. */
    public static void timeout() throws Exception {
        try (FakeDaemon d = new FakeDaemon()) {
            d.serve(p -> p.hello());
            SpreadException e = Check.fails(ErrorCode.CONNECTION_CLOSED, () -> SpreadConnection.builder().daemon(d.name())
                    .timeout(Duration.ofMillis(50)).connect());
            Check.that(e.getMessage().contains("in time"), e.getMessage());
        }
    }

    /** An interrupt ends connecting, and stays set. */
    public static void interrupt() throws Exception {
        try (FakeDaemon d = new FakeDaemon()) {
            d.serve(p -> p.hello());
            Thread.currentThread().interrupt();
            Check.fails(ErrorCode.CONNECTION_CLOSED, d::connect);
            Check.that(Thread.interrupted(), "the interrupt is lost");
        }
    }

    /** Names that no daemon would take; the classic call cuts long ones. */
    public static void names() throws Exception {
        for (String name : new String[] {"a b", "#x", "x".repeat(11), "\u00e9"}) {
            Check.fails(ErrorCode.REJECT_ILLEGAL_NAME, () -> SpreadConnection.builder().daemon("1@127.0.0.1").privateName(name).connect());
        }
        try (FakeDaemon d = new FakeDaemon()) {
            d.serve(p -> {
                Check.equal(FakeDaemon.bytes("\5\0\1\1\n0123456789"), p.hello());
                p.close();
            });
            Check.fails(ErrorCode.CONNECTION_CLOSED,
                    () -> new SpreadConnection().connect(InetAddress.getLoopbackAddress(), d.port(), "0123456789abc", false, true));
            d.peer();
        }
    }

    /** Methods run in order; the password goes as 40 bytes. */
    public static void authentication() throws Exception {
        try (FakeDaemon d = new FakeDaemon()) {
            d.serve(p -> {
                p.hello();
                p.out.write(FakeDaemon.bytes("\13IP PWORD X "));
                byte[] choice = p.in.readNBytes(90);
                Check.equal("PWORD", new String(choice, 0, 5));
                Check.equal("IP", new String(choice, 30, 2));
                byte[] b = p.in.readNBytes(40);
                Check.equal("user", new String(b, 0, 32).trim());
                Check.equal("pass", new String(b, 32, 8).trim());
                p.out.write(FakeDaemon.bytes("\1\1\5\0\1\10#me#fake"));
            });
            SpreadConnection.builder().daemon(d.name()).authentication("PWORD", new PasswordAuthenticator("user", "pass"))
                    .authentication("IP", (in, out) -> {}).connect().abort();
            d.peer();
        }
        Check.throwsA(IllegalArgumentException.class, () -> new PasswordAuthenticator("user", "123456789"));
    }

    /** A wrong password, and a method that is not offered. */
    public static void authenticationFails() throws Exception {
        try (FakeDaemon d = new FakeDaemon()) {
            d.serve(p -> {
                p.hello();
                p.out.write(FakeDaemon.bytes("\6PWORD "));
                p.in.readNBytes(130);
                p.out.write(0);
            });
            Check.fails(ErrorCode.REJECT_AUTH, () -> SpreadConnection.builder().daemon(d.name())
                    .authentication("PWORD", new PasswordAuthenticator("user", "pass")).connect());
        }
        try (FakeDaemon d = new FakeDaemon()) {
            d.serve(p -> {
                p.hello();
                p.out.write(FakeDaemon.bytes("\3IP "));
            });
            SpreadException e = Check.fails(ErrorCode.REJECT_AUTH, d::connect);
            Check.that(e.getMessage().contains("[IP]"), e.getMessage());
        }
    }

    /** Methods by class name, as the classic client has them. */
    public static void classes() throws Exception {
        SpreadConnection c = new SpreadConnection();
        Check.fails(ErrorCode.REJECT_AUTH, () -> c.registerAuthentication("X", "no.such.Class"));
        Check.fails(ErrorCode.REJECT_AUTH, () -> c.registerAuthentication("X", "java.lang.String"));
        Check.fails(ErrorCode.REJECT_AUTH, () -> c.registerAuthentication("x".repeat(30), "spread.NULLAuth"));
        c.registerAuthentication("IP", "spread.HandshakeTest$OldAuth");
        c.registerAuthentication("NULL", "spread.NULLAuth");
        try (FakeDaemon d = new FakeDaemon()) {
            d.serve(p -> {
                p.hello();
                p.out.write(FakeDaemon.bytes("\10NULL IP "));
                p.in.readNBytes(90);
                p.out.write(FakeDaemon.bytes("\1\5\0\1\10#me#fake"));
            });
            c.connect(InetAddress.getLoopbackAddress(), d.port(), "me", false, true);
            Check.equal(1, OldAuth.runs);
            Check.fails(ErrorCode.ILLEGAL_SESSION, () -> c.connect(InetAddress.getLoopbackAddress(), d.port(), "me", false, true));
            c.abort();
        }
    }
}
