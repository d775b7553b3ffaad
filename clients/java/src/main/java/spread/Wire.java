package spread;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;

/** The bytes of the protocol: numbers, names and checks (client protocol 2 and 3). */
final class Wire {
    /** The release that the library tells the daemon. */
    static final int MAJOR = 5;
    static final int MINOR = 0;
    static final int PATCH = 1;

    static final int DEFAULT_PORT = 4803;

    static final int UNRELIABLE = 0x1;
    static final int RELIABLE = 0x2;
    static final int FIFO = 0x4;
    static final int CAUSAL = 0x8;
    static final int AGREED = 0x10;
    static final int SAFE = 0x20;
    static final int SERVICES = 0x3f;
    static final int SELF_DISCARD = 0x40;
    static final int CAUSED_BY_JOIN = 0x100;
    static final int CAUSED_BY_LEAVE = 0x200;
    static final int CAUSED_BY_DISCONNECT = 0x400;
    static final int CAUSED_BY_NETWORK = 0x800;
    static final int CAUSES = 0xf00;
    static final int REG_MEMB = 0x1000;
    static final int TRANSITION = 0x2000;
    static final int MEMBERSHIP = 0x3f00;
    static final int JOIN = 0x10000;
    static final int LEAVE = 0x20000;
    static final int KILL = 0x40000;
    static final int REJECT = 0x400000;
    /** Set in words of little-endian writers, clear in those of big-endian ones. */
    static final int MARKER = 0x80000080;
    /** Bits that would cost the session, or make receivers take a message for something else. */
    static final int RESERVED = MEMBERSHIP | REJECT | 0x003fc000 | MARKER;

    static final int HEADER_SIZE = 48;
    static final int NAME_SIZE = 32;
    static final int OLD_TYPE_SIZE = 4;
    static final int GROUP_ID_SIZE = 12;

    static final int MAX_USER = 10;
    static final int MAX_NAME = NAME_SIZE - 1;
    static final int MAX_GROUPS = 100;
    static final int MAX_DATA = 144000;
    /** Bounds data and names together, as daemons receive them. */
    static final int MAX_BODY = 143952;
    /** Bounds what a daemon can make the client hold; only views of 100,000 members come near it. */
    static final int MAX_FRAME = 8 << 20;

    private static final VarHandle INTS =
            MethodHandles.byteArrayViewVarHandle(int[].class, ByteOrder.BIG_ENDIAN);

    private Wire() {}

    static int getInt(byte[] b, int at) {
        return (int) INTS.get(b, at);
    }

    static void putInt(byte[] b, int at, int value) {
        INTS.set(b, at, value);
    }

    /** Makes 32 bytes of a name that fits in them. */
    static byte[] name(String s) {
        byte[] b = new byte[NAME_SIZE];
        byte[] name = s.getBytes(StandardCharsets.ISO_8859_1);
        System.arraycopy(name, 0, b, 0, name.length);
        return b;
    }

    /** Reads 32 bytes up to the first zero. */
    static String name(byte[] b, int at) {
        int n = 0;
        while (n < NAME_SIZE && b[at + n] != 0) {
            n++;
        }
        return new String(b, at, n, StandardCharsets.ISO_8859_1);
    }

    /** Refuses what is no name to send to; other clients may have joined groups of any bytes. */
    static void checkReceiver(String s) throws SpreadException {
        if (s == null || s.isEmpty()) {
            throw new SpreadException(ErrorCode.ILLEGAL_GROUP, "No group is named.");
        }
        if (s.length() > MAX_NAME) {
            throw new SpreadException(ErrorCode.ILLEGAL_GROUP,
                    "Group \"" + s + "\" has " + s.length() + " bytes, must have at most " + MAX_NAME + ".");
        }
        for (int i = 0; i < s.length(); i++) {
            if (s.charAt(i) == 0 || s.charAt(i) > 0xff) {
                throw new SpreadException(ErrorCode.ILLEGAL_GROUP, "Illegal character in group name \"" + s
                        + "\": characters stand for bytes, 1 to 255 (ISO 8859-1).");
            }
        }
    }

    /** Refuses what is no group to join or leave. */
    static void checkGroup(String s) throws SpreadException {
        checkReceiver(s);
        if (!isPlain(s)) {
            throw new SpreadException(ErrorCode.ILLEGAL_GROUP, "Illegal character in group name \"" + s
                    + "\": allowed are those from $ to ~ in ASCII (no blanks, quotes, # or !).");
        }
    }

    /** Tells whether names of groups to join, and private names, may have these characters. */
    static boolean isPlain(String s) {
        for (int i = 0; i < s.length(); i++) {
            if (s.charAt(i) < '$' || s.charAt(i) > '~') {
                return false;
            }
        }
        return true;
    }
}
