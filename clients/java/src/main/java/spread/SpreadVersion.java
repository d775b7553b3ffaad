package spread;

/** A release of Spread: that of a daemon, or the one whose protocol this library speaks. */
public class SpreadVersion {
    private final int major;
    private final int minor;
    private final int patch;

    /** Makes the version that this library tells the daemon. */
    public SpreadVersion() {
        this(Wire.MAJOR, Wire.MINOR, Wire.PATCH);
    }

    SpreadVersion(int major, int minor, int patch) {
        this.major = major;
        this.minor = minor;
        this.patch = patch;
    }

    /**
     * Returns major and minor version as one number.
     *
     * @return such as 5.0f
     */
    public float getVersion() {
        return major + minor / 100f;
    }

    /**
     * Returns the major version.
     *
     * @return the first number
     */
    public int getMajorVersion() {
        return major;
    }

    /**
     * Returns the minor version.
     *
     * @return the second number
     */
    public int getMinorVersion() {
        return minor;
    }

    /**
     * Returns the patch version.
     *
     * @return the third number
     */
    public int getPatchVersion() {
        return patch;
    }

    /** Returns the version as the classic client writes it, such as 5.00.01. */
    @Override
    public String toString() {
        return String.format("%d.%02d.%02d", major, minor, patch);
    }
}
