package spread;

import java.nio.ByteBuffer;

/**
 * Gathers messages for one write. Integers are written big-endian, as Java's data streams do, and so
 * is what the daemon tells receivers about the data.
 */
final class Encoder {
    /** From this size on data are not copied but written from where they are. */
    private static final int LARGE = 16 << 10;
    private static final int ROOM = 64 << 10;

    private final byte[] self;
    private ByteBuffer buffer = ByteBuffer.allocateDirect(4 << 10);
    private ByteBuffer large;

    Encoder(byte[] self) {
        this.self = self;
    }

    /** Refuses what would cost the session at the daemon. */
    static void check(SpreadMessage m) throws SpreadException {
        int type = m.getServiceType();
        if (Integer.bitCount(type & Wire.SERVICES) != 1) {
            throw new SpreadException(ErrorCode.ILLEGAL_SERVICE, "Service type 0x" + Integer.toHexString(type)
                    + ", must have exactly one of the six services.");
        }
        if ((type & Wire.RESERVED) != 0) {
            throw new SpreadException(ErrorCode.ILLEGAL_SERVICE, "Service type 0x" + Integer.toHexString(type)
                    + " has the reserved bits 0x" + Integer.toHexString(type & Wire.RESERVED) + ".");
        }
        check(m.groups(), m.getData().length);
    }

    static void check(SpreadGroup[] groups, int dataLen) throws SpreadException {
        if (groups.length > Wire.MAX_GROUPS) {
            throw new SpreadException(ErrorCode.ILLEGAL_GROUP,
                    groups.length + " groups, must be at most " + Wire.MAX_GROUPS + ".");
        }
        for (SpreadGroup g : groups) {
            Wire.checkReceiver(g == null ? null : g.toString());
        }
        if (dataLen > Wire.MAX_BODY - groups.length * Wire.NAME_SIZE) {
            throw new SpreadException(ErrorCode.MESSAGE_TOO_LONG, "Message is too long for a Spread Message: "
                    + dataLen + " bytes of data and " + groups.length + " groups of " + Wire.NAME_SIZE
                    + ", a daemon takes " + Wire.MAX_BODY + " in all.");
        }
    }

    /** Tells whether a message has room behind those that have been added. */
    boolean fits(int groups, int dataLen) {
        return buffer.position() == 0
                || large == null && dataLen < LARGE && buffer.position() + size(groups, dataLen) <= ROOM;
    }

    private static int size(int groups, int dataLen) {
        return Wire.HEADER_SIZE + groups * Wire.NAME_SIZE + (dataLen < LARGE ? dataLen : 0);
    }

    void add(int type, SpreadGroup[] groups, short messageType, byte[] data) {
        reserve(size(groups.length, data.length));
        buffer.putInt(type).put(self).putInt(groups.length).putInt((messageType & 0xffff) << 8).putInt(data.length);
        for (SpreadGroup g : groups) {
            buffer.put(g.wire());
        }
        if (data.length < LARGE) {
            buffer.put(data);
        } else {
            large = ByteBuffer.wrap(data);
        }
    }

    private void reserve(int more) {
        if (buffer.remaining() < more) {
            int size = Math.max(buffer.position() + more, Math.min(2 * buffer.capacity(), ROOM));
            buffer = ByteBuffer.allocateDirect(size).put(buffer.flip());
        }
    }

    /** Returns what has been added; {@link #clear} follows when it has been written. */
    ByteBuffer[] take() {
        buffer.flip();
        return large == null ? new ByteBuffer[] {buffer} : new ByteBuffer[] {buffer, large};
    }

    void clear() {
        buffer.clear();
        large = null;
    }
}
