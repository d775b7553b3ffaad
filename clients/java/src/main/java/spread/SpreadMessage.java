package spread;

import java.io.ObjectInputFilter;
import java.io.Serializable;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Vector;

/**
 * A message, on its way out or received: data, a membership message, or a request that the daemon
 * rejected.
 *
 * <p>A new message is {@link Service#RELIABLE} and goes to no group. A message may be sent several
 * times, and a received one may be changed and sent on. A message must not be used by several
 * threads at once.
 */
public class SpreadMessage {
    /** Service UNRELIABLE. */
    public static final int UNRELIABLE_MESS = Wire.UNRELIABLE;
    /** Service RELIABLE. */
    public static final int RELIABLE_MESS = Wire.RELIABLE;
    /** Service FIFO. */
    public static final int FIFO_MESS = Wire.FIFO;
    /** Service CAUSAL. */
    public static final int CAUSAL_MESS = Wire.CAUSAL;
    /** Service AGREED. */
    public static final int AGREED_MESS = Wire.AGREED;
    /** Service SAFE. */
    public static final int SAFE_MESS = Wire.SAFE;
    /** All services. */
    public static final int REGULAR_MESS = Wire.SERVICES;
    /** Not to be delivered to its sender. */
    public static final int SELF_DISCARD = Wire.SELF_DISCARD;
    /** A view. */
    public static final int REG_MEMB_MESS = Wire.REG_MEMB;
    /** The transitional signal. */
    public static final int TRANSITION_MESS = Wire.TRANSITION;
    /** Cause of a view: a join. */
    public static final int CAUSED_BY_JOIN = Wire.CAUSED_BY_JOIN;
    /** Cause of a view: a leave; alone the self-leave. */
    public static final int CAUSED_BY_LEAVE = Wire.CAUSED_BY_LEAVE;
    /** Cause of a view: a client's connection ended. */
    public static final int CAUSED_BY_DISCONNECT = Wire.CAUSED_BY_DISCONNECT;
    /** Cause of a view: daemons came or went. */
    public static final int CAUSED_BY_NETWORK = Wire.CAUSED_BY_NETWORK;
    /** All bits of membership messages. */
    public static final int MEMBERSHIP_MESS = Wire.MEMBERSHIP;
    /** A rejected request. */
    public static final int REJECT_MESS = Wire.REJECT;

    private static final SpreadGroup[] NO_GROUPS = {};
    private static final byte[] NO_DATA = {};

    private final boolean incoming;
    private int serviceType;
    private SpreadGroup[] groups;
    private final SpreadGroup sender;
    private byte[] data;
    private short type;
    private final boolean endianMismatch;
    private final MembershipInfo membership;
    private ObjectData.Writer digest;

    /** Makes an outgoing message: RELIABLE, to no group, of type 0, without data. */
    public SpreadMessage() {
        this(false, Wire.RELIABLE, NO_GROUPS, null, NO_DATA, (short) 0, false, null);
    }

    /** Makes an incoming message, which takes over the arrays; groups may be shared. */
    SpreadMessage(int serviceType, SpreadGroup[] groups, SpreadGroup sender, byte[] data, short type,
            boolean endianMismatch, MembershipInfo membership) {
        this(true, serviceType, groups, sender, data, type, endianMismatch, membership);
    }

    private SpreadMessage(boolean incoming, int serviceType, SpreadGroup[] groups, SpreadGroup sender, byte[] data,
            short type, boolean endianMismatch, MembershipInfo membership) {
        this.incoming = incoming;
        this.serviceType = serviceType;
        this.groups = groups;
        this.sender = sender;
        this.data = data;
        this.type = type;
        this.endianMismatch = endianMismatch;
        this.membership = membership;
    }

    /**
     * Tells whether the message was received.
     *
     * @return true if it was received, false if it was made here
     */
    public boolean isIncoming() {
        return incoming;
    }

    /**
     * Tells whether the message was made here.
     *
     * @return the contrary of {@link #isIncoming()}
     */
    public boolean isOutgoing() {
        return !incoming;
    }

    /**
     * Returns the bits of the message's kind: its service and SELF_DISCARD, or the membership bits. For
     * a rejected request they are those of the request with REJECT_MESS, where a join counts as
     * CAUSED_BY_JOIN and a leave as CAUSED_BY_LEAVE.
     *
     * @return the type word without byte-order marker
     */
    public int getServiceType() {
        return serviceType;
    }

    /**
     * Returns the service.
     *
     * @return the strongest service among the bits; null for membership messages
     */
    public Service getService() {
        return Service.of(serviceType);
    }

    /**
     * Tells whether this is a message with data. It is if it has a service, whatever other bits are
     * set: other clients could forge those.
     *
     * @return whether it has a service and is not a rejected request
     */
    public boolean isRegular() {
        return isRegular(serviceType);
    }

    /**
     * Tells the same of a type word.
     *
     * @param serviceType the bits
     * @return whether they are those of a message with data
     */
    protected static boolean isRegular(int serviceType) {
        return (serviceType & Wire.SERVICES) != 0 && !isReject(serviceType);
    }

    /**
     * Tells whether this is a request of this client that the daemon's access policy refused, and that
     * comes back: groups and data are as they were sent.
     *
     * @return whether it is a rejected message, join or leave
     */
    public boolean isReject() {
        return isReject(serviceType);
    }

    /**
     * Tells the same of a type word.
     *
     * @param serviceType the bits
     * @return whether they are those of a rejected request
     */
    protected static boolean isReject(int serviceType) {
        return (serviceType & Wire.REJECT) != 0;
    }

    /**
     * Tells whether this is a view, a transitional signal or a self-leave.
     *
     * @return whether {@link #getMembershipInfo()} is there
     */
    public boolean isMembership() {
        return isMembership(serviceType);
    }

    /**
     * Tells the same of a type word.
     *
     * @param serviceType the bits
     * @return whether they are those of a membership message
     */
    protected static boolean isMembership(int serviceType) {
        return (serviceType & Wire.MEMBERSHIP) != 0 && (serviceType & (Wire.SERVICES | Wire.REJECT)) == 0;
    }

    /**
     * Tells whether the service is UNRELIABLE.
     *
     * @return whether its bit is set
     */
    public boolean isUnreliable() {
        return has(Wire.UNRELIABLE);
    }

    /**
     * Tells whether the service is RELIABLE.
     *
     * @return whether its bit is set
     */
    public boolean isReliable() {
        return has(Wire.RELIABLE);
    }

    /**
     * Tells whether the service is FIFO.
     *
     * @return whether its bit is set
     */
    public boolean isFifo() {
        return has(Wire.FIFO);
    }

    /**
     * Tells whether the service is CAUSAL.
     *
     * @return whether its bit is set
     */
    public boolean isCausal() {
        return has(Wire.CAUSAL);
    }

    /**
     * Tells whether the service is AGREED.
     *
     * @return whether its bit is set
     */
    public boolean isAgreed() {
        return has(Wire.AGREED);
    }

    /**
     * Tells whether the service is SAFE.
     *
     * @return whether its bit is set
     */
    public boolean isSafe() {
        return has(Wire.SAFE);
    }

    /**
     * Tells whether the sender does not want the message back.
     *
     * @return whether SELF_DISCARD is set
     */
    public boolean isSelfDiscard() {
        return has(Wire.SELF_DISCARD);
    }

    private boolean has(int bit) {
        return (serviceType & bit) != 0;
    }

    /**
     * Sets all bits at once.
     *
     * @param serviceType exactly one service, perhaps SELF_DISCARD; checked when the message is sent
     */
    public void setServiceType(int serviceType) {
        this.serviceType = serviceType;
    }

    /**
     * Sets the service; SELF_DISCARD stays as it is.
     *
     * @param service the service
     */
    public void setService(Service service) {
        serviceType = serviceType & ~Wire.SERVICES | service.bit();
    }

    /** Sets the service to UNRELIABLE. */
    public void setUnreliable() {
        setService(Service.UNRELIABLE);
    }

    /** Sets the service to RELIABLE. */
    public void setReliable() {
        setService(Service.RELIABLE);
    }

    /** Sets the service to FIFO. */
    public void setFifo() {
        setService(Service.FIFO);
    }

    /** Sets the service to CAUSAL. */
    public void setCausal() {
        setService(Service.CAUSAL);
    }

    /** Sets the service to AGREED. */
    public void setAgreed() {
        setService(Service.AGREED);
    }

    /** Sets the service to SAFE. */
    public void setSafe() {
        setService(Service.SAFE);
    }

    /**
     * Says whether the sender wants the message back if it is a receiver.
     *
     * @param selfDiscard true if it does not
     */
    public void setSelfDiscard(boolean selfDiscard) {
        serviceType = selfDiscard ? serviceType | Wire.SELF_DISCARD : serviceType & ~Wire.SELF_DISCARD;
    }

    /**
     * Returns the groups and private groups that the message goes to, as its sender named them; for a
     * view its members.
     *
     * @return a new array
     */
    public SpreadGroup[] getGroups() {
        return groups.clone();
    }

    /** Returns the groups, not to be changed. */
    SpreadGroup[] groups() {
        return groups;
    }

    /**
     * Returns the private group of the sender; for a membership message its group.
     *
     * @return the sender; null for an outgoing message
     */
    public SpreadGroup getSender() {
        return sender;
    }

    /**
     * Returns the data; for a membership message its body as it came.
     *
     * @return the data themselves, not a copy
     */
    public byte[] getData() {
        if (digest != null) {
            data = digest.bytes();
        }
        return data;
    }

    /**
     * Reads the data as the object that {@link #setObject} wrote. Data come from anybody in the group,
     * so only plain values and collections of the platform are read, and classes that the system
     * property {@code spread.objectFilter} names (in the syntax of
     * {@link java.io.ObjectInputFilter.Config#createFilter}).
     *
     * @return the object
     * @throws SpreadException ILLEGAL_MESSAGE if there is none, or one of another class
     */
    public Object getObject() throws SpreadException {
        return getObject(ObjectData.defaultFilter());
    }

    /**
     * Reads the data as the object that {@link #setObject} wrote.
     *
     * @param filter says which classes may be read; the filter of the whole JVM is asked too
     * @return the object
     * @throws SpreadException ILLEGAL_MESSAGE if there is none, or one of another class
     */
    public Object getObject(ObjectInputFilter filter) throws SpreadException {
        return ObjectData.read(getData(), filter);
    }

    /**
     * Reads the data as the objects that {@link #digest} wrote, with the same care as
     * {@link #getObject()}.
     *
     * @return the objects in order
     * @throws SpreadException ILLEGAL_MESSAGE if there are none, or some of another class
     */
    @SuppressWarnings("rawtypes") // Programs assign it to vectors of any type, as they always could.
    public Vector getDigest() throws SpreadException {
        return getDigest(ObjectData.defaultFilter());
    }

    /**
     * Reads the data as the objects that {@link #digest} wrote.
     *
     * @param filter says which classes may be read; the filter of the whole JVM is asked too
     * @return the objects in order
     * @throws SpreadException ILLEGAL_MESSAGE if there are none, or some of another class
     */
    public Vector<Object> getDigest(ObjectInputFilter filter) throws SpreadException {
        return ObjectData.readAll(getData(), filter);
    }

    /**
     * Returns the application's own type of the message; for a view the place of this client among the
     * members, from 0 (-1 if it is not among them).
     *
     * @return the type; -1 for transitional signals and self-leaves
     */
    public short getType() {
        return type;
    }

    /**
     * Tells whether the sender wrote in little-endian order. This library says big-endian of its own
     * messages, as Java's data streams are.
     *
     * @return whether integers in the data may have to be turned around
     */
    public boolean getEndianMismatch() {
        return endianMismatch;
    }

    /**
     * Adds a receiver.
     *
     * @param group a group or private group
     */
    public void addGroup(SpreadGroup group) {
        addGroups(new SpreadGroup[] {group});
    }

    /**
     * Adds receivers, at most 100 in all.
     *
     * @param more groups and private groups
     */
    public void addGroups(SpreadGroup[] more) {
        SpreadGroup[] all = Arrays.copyOf(groups, groups.length + more.length);
        System.arraycopy(more, 0, all, groups.length, more.length);
        groups = all;
    }

    /**
     * Adds a receiver.
     *
     * @param group the name of a group or private group
     */
    public void addGroup(String group) {
        addGroup(new SpreadGroup(null, group));
    }

    /**
     * Adds receivers, at most 100 in all.
     *
     * @param more names of groups and private groups
     */
    public void addGroups(String[] more) {
        List<SpreadGroup> all = new ArrayList<>();
        for (String name : more) {
            all.add(new SpreadGroup(null, name));
        }
        addGroups(all.toArray(NO_GROUPS));
    }

    /**
     * Sets the data.
     *
     * @param data the data, of which a copy is taken
     */
    public void setData(byte[] data) {
        setOwn(data.clone());
    }

    private void setOwn(byte[] data) {
        this.data = data;
        this.digest = null;
    }

    /**
     * Sets the data to an object, in Java's serialization.
     *
     * @param object the object
     * @throws SpreadException ILLEGAL_MESSAGE if it cannot be serialized
     */
    public void setObject(Serializable object) throws SpreadException {
        setOwn(ObjectData.write(object));
    }

    /**
     * Adds an object to the data, behind those of earlier calls. The first call replaces data that were
     * set otherwise.
     *
     * @param object the object
     * @throws SpreadException ILLEGAL_MESSAGE if it cannot be serialized
     */
    public void digest(Serializable object) throws SpreadException {
        if (digest == null) {
            digest = new ObjectData.Writer();
        }
        digest.add(object);
    }

    /**
     * Sets the application's own type of the message.
     *
     * @param type any number
     */
    public void setType(short type) {
        this.type = type;
    }

    /**
     * Returns what a membership message tells.
     *
     * @return the membership; null for messages with data
     */
    public MembershipInfo getMembershipInfo() {
        return membership;
    }

    /**
     * Returns an outgoing message with the same service, groups, type and data.
     *
     * @return a new {@code SpreadMessage}, which shares nothing that can be changed
     */
    @Override
    public Object clone() {
        return new SpreadMessage(false, serviceType, groups.clone(), null, getData().clone(), type, false, null);
    }
}
