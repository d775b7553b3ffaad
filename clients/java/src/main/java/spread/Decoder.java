package spread;

import java.util.Arrays;

/** Turns the messages of a framer into objects. */
final class Decoder {
    private static final SpreadGroup[] NONE = {};
    private static final MembershipInfo.VirtualSynchronySet[] NO_SETS = {};

    /** The original makes an empty set now and then: one for each of at most so many daemons. */
    private static final int MAX_EMPTY_SETS = 128;

    private final boolean oldViews;
    private final SpreadGroup self;
    private final NameCache names;

    /** oldViews: the daemon is 3.x, whose views have another layout (client protocol 11). */
    Decoder(SpreadConnection connection, boolean oldViews, SpreadGroup self) {
        this.oldViews = oldViews;
        this.self = self;
        this.names = new NameCache(connection);
    }

    /** Makes the message that the framer found last. */
    SpreadMessage decode(Framer f) throws BadMessage {
        int type = f.type;
        if ((type & Wire.REJECT) != 0) {
            return data(f, rejectedType(f) | Wire.REJECT);
        }
        if ((type & Wire.SERVICES) != 0) {
            return data(f, type);
        }
        if ((type & Wire.REG_MEMB) != 0) {
            return view(f);
        }
        if ((type & Wire.TRANSITION) != 0) {
            return membership(f, NONE, -1, new Body(f).groupId(), NO_SETS, null);
        }
        if ((type & Wire.MEMBERSHIP) == Wire.CAUSED_BY_LEAVE) {
            return membership(f, NONE, -1, null, NO_SETS, null);
        }
        return data(f, type);
    }

    /** Reads the type word behind the header, which has a marker of its own. */
    private static int rejectedType(Framer f) {
        int word = Wire.getInt(f.bytes, f.start + Wire.HEADER_SIZE);
        if ((word & Wire.MARKER) == Wire.MARKER) {
            word = Integer.reverseBytes(word);
        }
        return word & ~Wire.MARKER;
    }

    private SpreadMessage data(Framer f, int type) {
        byte[] b = f.bytes;
        int hint = Wire.getInt(b, f.start + 40);
        boolean mismatch = (hint & Wire.MARKER) != 0;
        if (mismatch) {
            hint = Integer.reverseBytes(hint);
        }
        int n = f.numGroups;
        if ((type & Wire.REJECT) != 0 && n > 0 && names.get(b, f.names() + (n - 1) * Wire.NAME_SIZE).equals(self)) {
            n--; // The daemon adds this client's private group to those it was sent to.
        }
        int at = f.data();
        return new SpreadMessage(type, names.list(b, f.names(), n), names.get(b, f.start + 4),
                Arrays.copyOfRange(b, at, at + f.dataLen), (short) (hint >> 8), mismatch, null);
    }

    private SpreadMessage membership(Framer f, SpreadGroup[] members, int index, GroupID id,
            MembershipInfo.VirtualSynchronySet[] sets, MembershipInfo.VirtualSynchronySet own) {
        SpreadGroup group = names.get(f.bytes, f.start + 4);
        int at = f.data();
        return new SpreadMessage(f.type, members, group, Arrays.copyOfRange(f.bytes, at, at + f.dataLen),
                (short) index, false, new MembershipInfo(f.type, group, id, members, sets, own));
    }

    private SpreadMessage view(Framer f) throws BadMessage {
        if (Integer.bitCount(f.type & Wire.CAUSES) != 1) {
            throw new BadMessage("view without exactly one cause");
        }
        SpreadGroup[] members = names.list(f.bytes, f.names(), f.numGroups);
        Body body = new Body(f);
        GroupID id = body.groupId();
        MembershipInfo.VirtualSynchronySet[] sets;
        MembershipInfo.VirtualSynchronySet own = null;
        if (oldViews) {
            own = body.set(names);
            sets = new MembershipInfo.VirtualSynchronySet[] {own};
        } else {
            int n = body.count(4);
            if (n > f.numGroups + MAX_EMPTY_SETS) {
                throw new BadMessage("view of " + f.numGroups + " members with " + n + " sets");
            }
            long wanted = Integer.toUnsignedLong(body.number());
            int first = body.at;
            sets = new MembershipInfo.VirtualSynchronySet[n];
            for (int i = 0; i < n; i++) {
                boolean mine = body.at - first == wanted;
                sets[i] = body.set(names);
                if (mine) {
                    own = sets[i];
                }
            }
            if (own == null) {
                throw new BadMessage("view of which none of the sets is the own one");
            }
        }
        return membership(f, members, Arrays.asList(members).indexOf(self), id, sets, own);
    }

    /** Reads the body of a membership message, and nothing beyond it. */
    private static final class Body {
        private final byte[] b;
        private final boolean foreign;
        private final int end;
        private int at;

        Body(Framer f) {
            b = f.bytes;
            foreign = f.foreign;
            at = f.data();
            end = at + f.dataLen;
        }

        int number() throws BadMessage {
            if (end - at < 4) {
                throw new BadMessage("membership message that ends too soon");
            }
            int n = Wire.getInt(b, at);
            at += 4;
            return foreign ? Integer.reverseBytes(n) : n;
        }

        GroupID groupId() throws BadMessage {
            return new GroupID(number(), number(), number());
        }

        /** Reads how many things of at least that size follow. */
        int count(int size) throws BadMessage {
            int n = number();
            if (n < 0 || n > (end - at) / size) {
                throw new BadMessage("membership message with a count of " + Integer.toUnsignedString(n));
            }
            return n;
        }

        MembershipInfo.VirtualSynchronySet set(NameCache names) throws BadMessage {
            int n = count(Wire.NAME_SIZE);
            SpreadGroup[] members = names.list(b, at, n);
            at += n * Wire.NAME_SIZE;
            return new MembershipInfo.VirtualSynchronySet(members);
        }
    }
}
