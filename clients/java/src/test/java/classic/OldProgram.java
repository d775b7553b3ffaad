package classic;

import java.io.InterruptedIOException;
import java.net.InetAddress;
import java.net.UnknownHostException;
import java.util.Vector;
import spread.AdvancedMessageListener;
import spread.BasicMessageListener;
import spread.GroupID;
import spread.MembershipInfo;
import spread.MessageFactory;
import spread.SpreadConnection;
import spread.SpreadException;
import spread.SpreadGroup;
import spread.SpreadMessage;
import spread.SpreadVersion;

/** A program as one was written twenty years ago: from outside the package, with the classic names alone. */
@SuppressWarnings("rawtypes")
public class OldProgram implements AdvancedMessageListener, BasicMessageListener {
    private final SpreadConnection connection = new SpreadConnection();
    private final SpreadGroup group = new SpreadGroup();
    private final Vector<String> log = new Vector<String>();
    private GroupID lastView;
    private int basic;

    /** Connects, with a listener if wanted, and joins. */
    public OldProgram(String host, int port, String user, String groupName, boolean listen) throws SpreadException {
        try {
            connection.registerAuthentication("NULL", "spread.NULLAuth");
            connection.connect(InetAddress.getByName(host), port, user, false, true);
        } catch (UnknownHostException e) {
            throw new SpreadException("Can't find the daemon " + host);
        }
        if (listen) {
            connection.add((AdvancedMessageListener) this);
            connection.add((BasicMessageListener) this);
        }
        group.join(connection, groupName);
    }

    /** Sends one message of several objects, and an array of two. */
    public void send(String text, int number) throws SpreadException {
        MessageFactory factory = new MessageFactory(new SpreadMessage());
        SpreadMessage message = factory.createMessage();
        message.setSafe();
        message.addGroup(group);
        message.setType((short) 7);
        message.digest(text);
        message.digest(Integer.valueOf(number));
        connection.multicast(message);

        SpreadMessage object = new SpreadMessage();
        object.setAgreed();
        object.addGroup(group.toString());
        object.setObject(text);
        SpreadMessage bytes = (SpreadMessage) object.clone();
        bytes.setFifo();
        bytes.setData(text.getBytes());
        connection.multicast(new SpreadMessage[] {object, bytes});
    }

    /** Receives so many messages. */
    public void receive(int count) throws SpreadException {
        try {
            SpreadMessage first = connection.receive();
            display(first);
            SpreadMessage[] rest = connection.receive(count - 1);
            for (int i = 0; i < rest.length; i++) {
                display(rest[i]);
            }
        } catch (InterruptedIOException e) {
            throw new SpreadException("interrupted");
        }
    }

    private void display(SpreadMessage message) throws SpreadException {
        if (message.isMembership()) {
            displayMembership(message.getMembershipInfo());
            return;
        }
        if (!message.isRegular() || message.isReject() || !message.isIncoming() || message.getEndianMismatch()) {
            throw new SpreadException("strange message");
        }
        SpreadGroup[] groups = message.getGroups();
        String what = message.getSender() + " to " + groups.length + ": ";
        if (message.isSafe()) {
            Vector objects = message.getDigest();
            what += message.getType() + " " + (String) objects.elementAt(0) + " " + (Integer) objects.elementAt(1);
        } else if (message.isAgreed()) {
            what += (String) message.getObject();
        } else {
            what += new String(message.getData());
        }
        log.addElement(what);
    }

    private void displayMembership(MembershipInfo info) {
        String what = info.getGroup().toString();
        if (info.isRegularMembership()) {
            SpreadGroup[] members = info.getMembers();
            MembershipInfo.VirtualSynchronySet[] sets = info.getVirtualSynchronySets();
            what += " has " + members.length + ", sets " + sets.length + " of " + sets[0].getSize();
            if (info.isCausedByJoin()) {
                what += ", joined " + info.getJoined();
            } else if (info.isCausedByLeave()) {
                what += ", left " + info.getLeft();
            } else if (info.isCausedByDisconnect()) {
                what += ", gone " + info.getDisconnected();
            } else if (info.isCausedByNetwork()) {
                what += ", network, stayed " + info.getStayed().length;
            }
            what += info.getGroupID().equals(lastView) ? ", again" : "";
            lastView = info.getGroupID();
        } else if (info.isTransition()) {
            what += " in transition";
        } else if (info.isSelfLeave()) {
            what += " left";
        }
        log.addElement(what);
    }

    /** Hears data. */
    @Override
    public void regularMessageReceived(SpreadMessage message) {
        heard(message);
    }

    /** Hears views. */
    @Override
    public void membershipMessageReceived(SpreadMessage message) {
        heard(message);
    }

    private synchronized void heard(SpreadMessage message) {
        try {
            display(message);
        } catch (SpreadException e) {
            log.addElement(e.toString());
        }
        notifyAll();
    }

    /** Hears everything. */
    @Override
    public synchronized void messageReceived(SpreadMessage message) {
        basic++;
        notifyAll();
    }

    /** Waits until so much has been heard by both listeners. */
    public synchronized void waitFor(int count) throws InterruptedException {
        while (log.size() < count || basic < count) {
            wait();
        }
    }

    /** Leaves the group. */
    public void leave() throws SpreadException {
        group.leave();
    }

    /** Ends the connection. */
    public void quit() throws SpreadException {
        connection.remove((AdvancedMessageListener) this);
        connection.remove((BasicMessageListener) this);
        connection.disconnect();
        if (connection.isConnected()) {
            throw new SpreadException("still connected");
        }
    }

    /** Returns who this is, and what has been seen. */
    @Override
    public String toString() {
        return "release " + new SpreadVersion().getMajorVersion() + ": " + log;
    }
}
