package spread;

/**
 * Makes each name an object once: the same few senders and groups come again and again. It has a
 * fixed number of places, where a new name replaces an old one.
 */
final class NameCache {
    private static final int PLACES = 1 << 10;

    private final SpreadConnection connection;
    private final Entry[] entries = new Entry[PLACES];

    private record Entry(int[] raw, SpreadGroup group, SpreadGroup[] alone) {
        boolean is(byte[] b, int at) {
            for (int i = 0; i < raw.length; i++) {
                if (raw[i] != Wire.getInt(b, at + 4 * i)) {
                    return false;
                }
            }
            return true;
        }
    }

    NameCache(SpreadConnection connection) {
        this.connection = connection;
    }

    SpreadGroup get(byte[] b, int at) {
        return find(b, at).group;
    }

    /** Reads a list of names; it is shared and must not be changed. */
    SpreadGroup[] list(byte[] b, int at, int n) {
        if (n == 1) {
            return find(b, at).alone;
        }
        SpreadGroup[] all = new SpreadGroup[n];
        for (int i = 0; i < n; i++) {
            all[i] = find(b, at + i * Wire.NAME_SIZE).group;
        }
        return all;
    }

    private Entry find(byte[] b, int at) {
        int hash = 0;
        for (int i = 0; i < Wire.NAME_SIZE; i += 4) {
            hash = hash * 31 + Wire.getInt(b, at + i);
        }
        hash *= 0x9e3779b9;
        int place = hash >>> (32 - 10);
        Entry e = entries[place];
        if (e == null || !e.is(b, at)) {
            e = make(b, at);
            entries[place] = e;
        }
        return e;
    }

    private Entry make(byte[] b, int at) {
        int[] raw = new int[Wire.NAME_SIZE / 4];
        for (int i = 0; i < raw.length; i++) {
            raw[i] = Wire.getInt(b, at + 4 * i);
        }
        SpreadGroup g = new SpreadGroup(connection, Wire.name(b, at), true);
        return new Entry(raw, g, new SpreadGroup[] {g});
    }
}
