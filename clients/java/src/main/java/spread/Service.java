package spread;

/** The guarantee with which a message is delivered (client protocol 7). */
public enum Service {
    /** The weakest promise; carried like {@link #RELIABLE}. */
    UNRELIABLE(Wire.UNRELIABLE),
    /** Delivered, in any order: it may overtake others. */
    RELIABLE(Wire.RELIABLE),
    /** In the order of each sender. */
    FIFO(Wire.FIFO),
    /** Never before what its sender had received. */
    CAUSAL(Wire.CAUSAL),
    /** In one total order at all receivers. */
    AGREED(Wire.AGREED),
    /** In that order, and only when every daemon of the view holds it in memory. */
    SAFE(Wire.SAFE);

    private final int bit;

    Service(int bit) {
        this.bit = bit;
    }

    /**
     * Returns the bit of the service in {@link SpreadMessage#getServiceType()}.
     *
     * @return one bit of {@link SpreadMessage#REGULAR_MESS}
     */
    public int bit() {
        return bit;
    }

    /** Finds the strongest service among the bits of a type word; null if there is none. */
    static Service of(int type) {
        int bits = type & Wire.SERVICES;
        return bits == 0 ? null : values()[31 - Integer.numberOfLeadingZeros(bits)];
    }
}
