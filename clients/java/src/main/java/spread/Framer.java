package spread;

import java.nio.ByteBuffer;
import java.util.Arrays;

/**
 * Cuts a stream of bytes into messages. The one that next() found lies in {@link #bytes} from
 * {@link #start}, whole, until the next call.
 */
final class Framer {
    private static final int CHUNK = 64 << 10;
    /** Less room than this is not worth a read. */
    private static final int LITTLE = CHUNK / 8;
    /** The memory that a header's word is good for; a longer message gets more as its bytes arrive. */
    private static final int TRUSTED = 256 << 10;

    byte[] bytes = new byte[CHUNK];
    int start;
    int type;
    boolean foreign;
    int numGroups;
    int dataLen;

    private int read;
    private int write;
    private ByteBuffer view = ByteBuffer.wrap(bytes);

    /** Offset of the names of the message. */
    int names() {
        return start + Wire.HEADER_SIZE + ((type & Wire.REJECT) != 0 ? Wire.OLD_TYPE_SIZE : 0);
    }

    /** Offset of the data of the message. */
    int data() {
        return names() + numGroups * Wire.NAME_SIZE;
    }

    /** How many bytes have been read and not been cut. */
    int buffered() {
        return write - read;
    }

    /**
     * Cuts off the next message.
     *
     * @return false if more must be read first
     * @throws BadMessage if the stream makes no sense any more
     */
    boolean next() throws BadMessage {
        if (write - read < Wire.HEADER_SIZE) {
            return false;
        }
        start = read;
        parseHeader();
        int size = size();
        if (write - read < size) {
            return false;
        }
        read += size;
        return true;
    }

    private void parseHeader() throws BadMessage {
        int word = Wire.getInt(bytes, start);
        numGroups = Wire.getInt(bytes, start + 36);
        dataLen = Wire.getInt(bytes, start + 44);
        int marker = word & Wire.MARKER;
        foreign = marker == Wire.MARKER;
        if (foreign) {
            word = Integer.reverseBytes(word);
            numGroups = Integer.reverseBytes(numGroups);
            dataLen = Integer.reverseBytes(dataLen);
        } else if (marker != 0) {
            throw new BadMessage("message of no byte order");
        }
        type = word & ~Wire.MARKER;
        boolean fromClient = (type & (Wire.SERVICES | Wire.REJECT)) != 0;
        if (numGroups < 0 || dataLen < 0
                || fromClient && (numGroups > Wire.MAX_GROUPS || dataLen > Wire.MAX_DATA)
                || Wire.HEADER_SIZE + (long) numGroups * Wire.NAME_SIZE + dataLen > Wire.MAX_FRAME) {
            throw new BadMessage("message with " + numGroups + " groups and data length " + dataLen);
        }
    }

    private int size() {
        return data() + dataLen - start;
    }

    /** Returns where the next bytes go; {@link #filled} follows. */
    ByteBuffer space() throws BadMessage {
        int begun = write - read;
        if (begun == 0 && bytes.length <= CHUNK) {
            read = 0;
            write = 0;
        }
        int size = Wire.HEADER_SIZE;
        if (begun >= Wire.HEADER_SIZE) {
            start = read;
            parseHeader();
            size = size();
        }
        if (size > bytes.length - read || bytes.length > CHUNK && size <= CHUNK
                || begun < Wire.HEADER_SIZE && bytes.length - write < LITTLE) {
            move(size, begun);
        }
        view.limit(bytes.length).position(write);
        return view;
    }

    /** Puts what has begun to the front, of another array if this one is too small, or too large now. */
    private void move(int size, int begun) {
        int length = CHUNK;
        if (size > CHUNK) {
            length = Math.min(size, Math.max(TRUSTED, begun * 2));
        }
        length = Math.max(length, begun);
        if (length == bytes.length) {
            System.arraycopy(bytes, read, bytes, 0, begun);
        } else {
            bytes = Arrays.copyOf(Arrays.copyOfRange(bytes, read, write), length);
            view = ByteBuffer.wrap(bytes);
        }
        read = 0;
        write = begun;
    }

    void filled(int n) {
        write += n;
    }

    /** Drops what has been read. */
    void clear() {
        read = write;
    }
}
