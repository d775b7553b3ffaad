package spread;

import java.io.InterruptedIOException;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;

/** Calls the listeners of a connection, from a thread that lives while there are listeners and a session. */
final class Dispatcher {
    private static final System.Logger LOG = System.getLogger("spread");

    private final SpreadConnection connection;
    private final List<BasicMessageListener> basic = new CopyOnWriteArrayList<>();
    private final List<AdvancedMessageListener> advanced = new CopyOnWriteArrayList<>();
    /** The session that has a thread, null if none has; guarded by this. */
    private Session served;

    Dispatcher(SpreadConnection connection) {
        this.connection = connection;
    }

    void add(BasicMessageListener l) {
        basic.add(l);
        start();
    }

    void add(AdvancedMessageListener l) {
        advanced.add(l);
        start();
    }

    void remove(BasicMessageListener l) {
        basic.remove(l);
        stop();
    }

    void remove(AdvancedMessageListener l) {
        advanced.remove(l);
        stop();
    }

    private boolean idle() {
        return basic.isEmpty() && advanced.isEmpty();
    }

    /** Starts the thread if there is something for it to do. */
    synchronized void start() {
        Session s = connection.sessionOrNull();
        if (idle() || s == null || s == served) {
            return;
        }
        served = s;
        Thread t = new Thread(() -> run(s), "spread-listener-" + s.privateGroup);
        t.setDaemon(true);
        t.start();
    }

    private synchronized void stop() {
        if (idle() && served != null) {
            served.wake();
        }
    }

    /** Says whether the thread of a session may end: nobody listens. */
    private synchronized boolean done(Session s) {
        if (!idle()) {
            return false;
        }
        if (served == s) {
            served = null;
        }
        return true;
    }

    private void run(Session s) {
        while (true) {
            SpreadMessage m = null;
            try {
                m = s.receive(Link.FOREVER, this::idle);
            } catch (InterruptedIOException e) {
                continue; // A listener interrupted its thread, which serves all of them.
            } catch (SpreadException e) {
                ended(s, e);
                return;
            }
            if (m != null && idle()) {
                s.unread(List.of(m));
            } else if (m != null) {
                deliver(m);
            }
            if (done(s)) {
                return;
            }
        }
    }

    private synchronized void ended(Session s, SpreadException why) {
        if (served == s) {
            served = null;
        }
        if (why.getCode() != ErrorCode.ILLEGAL_SESSION) {
            LOG.log(System.Logger.Level.WARNING, "{0}: {1} Its listeners get no more messages.", s.privateGroup,
                    why.getMessage());
        }
    }

    private void deliver(SpreadMessage m) {
        for (BasicMessageListener l : basic) {
            guarded(() -> l.messageReceived(m));
        }
        for (AdvancedMessageListener l : advanced) {
            guarded(() -> {
                if (m.isMembership()) {
                    l.membershipMessageReceived(m);
                } else {
                    l.regularMessageReceived(m);
                }
            });
        }
    }

    /** Runs a listener; what it throws is its own affair. */
    private static void guarded(Runnable r) {
        try {
            r.run();
        } catch (Throwable e) {
            Thread t = Thread.currentThread();
            t.getUncaughtExceptionHandler().uncaughtException(t, e);
        }
    }
}
