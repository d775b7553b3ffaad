package spread;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * What a membership message tells: a new view of a group, the transitional signal, or that this
 * client's own leave is done (client protocol 5.2 to 5.5).
 */
public class MembershipInfo {
    private static final SpreadGroup[] NONE = {};

    private final int type;
    private final SpreadGroup group;
    private final GroupID id;
    private final SpreadGroup[] members;
    private final VirtualSynchronySet[] sets;
    private final VirtualSynchronySet mySet;

    /** For a self-leave id is null; only a view has sets. */
    MembershipInfo(int type, SpreadGroup group, GroupID id, SpreadGroup[] members,
            VirtualSynchronySet[] sets, VirtualSynchronySet mySet) {
        this.type = type;
        this.group = group;
        this.id = id;
        this.members = members;
        this.sets = sets;
        this.mySet = mySet;
    }

    /**
     * Members that moved together from one view to the next: they delivered the same messages in the
     * view before.
     */
    public static class VirtualSynchronySet {
        private final List<SpreadGroup> members;

        VirtualSynchronySet(SpreadGroup[] members) {
            this.members = new ArrayList<>(Arrays.asList(members));
        }

        /**
         * Returns the same as {@link #getSize()}.
         *
         * @return the number of members
         */
        public int getCapacity() {
            return getSize();
        }

        /**
         * Returns how many members the set has.
         *
         * @return the number of members
         */
        public int getSize() {
            return members.size();
        }

        /**
         * Returns the private groups of the members.
         *
         * @return a new array
         */
        public SpreadGroup[] getMembers() {
            return members.toArray(NONE);
        }

        /**
         * Adds a member to this object; nobody else hears of it.
         *
         * @param member a private group
         */
        public void addMember(SpreadGroup member) {
            members.add(member);
        }

        @Override
        public String toString() {
            return members.toString();
        }
    }

    /**
     * Tells whether this is a view.
     *
     * @return whether it has members and a cause
     */
    public boolean isRegularMembership() {
        return (type & Wire.REG_MEMB) != 0;
    }

    /**
     * Tells whether this is the transitional signal: members have been lost, and up to the next view
     * it is not known that they deliver what this client delivers.
     *
     * @return whether {@link #getGroupID()} is the view that is ending
     */
    public boolean isTransition() {
        return !isRegularMembership() && (type & Wire.TRANSITION) != 0;
    }

    /**
     * Tells whether a join caused the view.
     *
     * @return whether {@link #getJoined()} tells who
     */
    public boolean isCausedByJoin() {
        return (type & Wire.CAUSED_BY_JOIN) != 0;
    }

    /**
     * Tells whether a leave caused the view, or this is the self-leave.
     *
     * @return whether somebody, perhaps this client, has left
     */
    public boolean isCausedByLeave() {
        return (type & Wire.CAUSED_BY_LEAVE) != 0;
    }

    /**
     * Tells whether the end of a client caused the view.
     *
     * @return whether {@link #getDisconnected()} tells who
     */
    public boolean isCausedByDisconnect() {
        return (type & Wire.CAUSED_BY_DISCONNECT) != 0;
    }

    /**
     * Tells whether daemons that came or went caused the view.
     *
     * @return whether the sets tell who came from where
     */
    public boolean isCausedByNetwork() {
        return (type & Wire.CAUSED_BY_NETWORK) != 0;
    }

    /**
     * Tells whether this client's own leave is done: nothing more of the group will come.
     *
     * @return whether this is no view but the self-leave
     */
    public boolean isSelfLeave() {
        return (type & Wire.MEMBERSHIP) == Wire.CAUSED_BY_LEAVE;
    }

    /**
     * Returns the group that this is about.
     *
     * @return the group
     */
    public SpreadGroup getGroup() {
        return group;
    }

    /**
     * Returns the id of the view, for the transitional signal that of the view that is ending.
     *
     * @return the id; null for a self-leave
     */
    public GroupID getGroupID() {
        return id;
    }

    /**
     * Returns the private groups of the members, in the same order at every member.
     *
     * @return a new array; empty if this is no view
     */
    public SpreadGroup[] getMembers() {
        return members.clone();
    }

    /**
     * Returns who joined.
     *
     * @return the private group of the new member; null if a join is not the cause
     */
    public SpreadGroup getJoined() {
        return changed(Wire.CAUSED_BY_JOIN);
    }

    /**
     * Returns who left.
     *
     * @return the private group of the former member; null if a leave of another client is not the
     *     cause
     */
    public SpreadGroup getLeft() {
        return changed(Wire.CAUSED_BY_LEAVE);
    }

    /**
     * Returns whose connection ended.
     *
     * @return the private group of the former member; null if that is not the cause
     */
    public SpreadGroup getDisconnected() {
        return changed(Wire.CAUSED_BY_DISCONNECT);
    }

    private SpreadGroup changed(int cause) {
        if ((type & cause) == 0 || sets.length == 0 || sets[0].members.isEmpty()) {
            return null;
        }
        return sets[0].members.get(0);
    }

    /**
     * Returns who came with this client from the view before, for a view caused by the network.
     *
     * @return a new array; empty for other causes
     */
    public SpreadGroup[] getStayed() {
        return isCausedByNetwork() && mySet != null ? mySet.getMembers() : NONE;
    }

    /**
     * Returns the virtual-synchrony sets of a view. For a view caused by the network they are the
     * members, parted by where they come from; a 3.x daemon tells only the own one. Otherwise there is
     * one set with the member who joined, left or disconnected.
     *
     * @return a new array, in no particular order; empty if this is no view
     */
    public VirtualSynchronySet[] getVirtualSynchronySets() {
        return sets.clone();
    }

    /**
     * Returns the set that this client came with.
     *
     * @return one of {@link #getVirtualSynchronySets()}; null if there is none
     */
    public VirtualSynchronySet getMyVirtualSynchronySet() {
        return mySet;
    }

    /** Returns a line for people. */
    @Override
    public String toString() {
        if (isSelfLeave()) {
            return "left group " + group;
        }
        if (isTransition()) {
            return "transition of group " + group + ", view " + id;
        }
        String cause = isCausedByJoin() ? "joined by " + getJoined()
                : isCausedByLeave() ? "left by " + getLeft()
                : isCausedByDisconnect() ? "disconnect of " + getDisconnected()
                : "network, sets " + Arrays.toString(sets);
        return "view " + id + " of group " + group + ": " + cause + "; members " + Arrays.toString(members);
    }
}
