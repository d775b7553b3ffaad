package spread;

/**
 * Names a view of a group. Two ids of a group mean the same view if they are equal; nothing else may
 * be read into them (client protocol 5.3).
 */
public class GroupID {
    private final int daemon;
    private final int time;
    private final int index;

    /**
     * Makes an id of its three words.
     *
     * @param daemon the first word
     * @param time the second word
     * @param index the third word
     */
    protected GroupID(int daemon, int time, int index) {
        this.daemon = daemon;
        this.time = time;
        this.index = index;
    }

    /**
     * Returns the words of the id.
     *
     * @return a new array of three
     */
    public int[] getID() {
        return new int[] {daemon, time, index};
    }

    @Override
    public boolean equals(Object o) {
        return o instanceof GroupID g && g.daemon == daemon && g.time == time && g.index == index;
    }

    @Override
    public int hashCode() {
        return (daemon * 31 + time) * 31 + index;
    }

    @Override
    public String toString() {
        return daemon + " " + time + " " + index;
    }
}
