package spread;

import java.io.InterruptedIOException;
import java.util.ArrayList;
import java.util.List;
import java.util.function.BooleanSupplier;

/** Calls the listeners of a connection, from a thread that lives while there are listeners and a session. */
final class Dispatcher {
    private static final System.Logger LOG = System.getLogger("spread");

    private final SpreadConnection connection;
    private volatile Listeners listeners = new Listeners(List.of(), List.of());
    /** The session that has a thread, null if none has; guarded by this. */
    private Session served;

    Dispatcher(SpreadConnection connection) {
        this.connection = connection;
    }

    /** Those who listen at one time; it does not change. */
    private record Listeners(List<BasicMessageListener> basic, List<AdvancedMessageListener> advanced) {
        boolean isEmpty() {
            return basic.isEmpty() && advanced.isEmpty();
        }

        void deliver(SpreadMessage m) {
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
    }

    synchronized void add(BasicMessageListener l) {
        listeners = new Listeners(with(listeners.basic, l), listeners.advanced);
        start();
    }

    synchronized void add(AdvancedMessageListener l) {
        listeners = new Listeners(listeners.basic, with(listeners.advanced, l));
        start();
    }

    synchronized void remove(BasicMessageListener l) {
        listeners = new Listeners(without(listeners.basic, l), listeners.advanced);
        stop();
    }

    synchronized void remove(AdvancedMessageListener l) {
        listeners = new Listeners(listeners.basic, without(listeners.advanced, l));
        stop();
    }

    private static <T> List<T> with(List<T> old, T l) {
        List<T> all = new ArrayList<>(old);
        all.add(l);
        return List.copyOf(all);
    }

    private static <T> List<T> without(List<T> old, T l) {
        List<T> all = new ArrayList<>(old);
        all.remove(l);
        return List.copyOf(all);
    }

    /** Starts the thread if there is something for it to do. */
    synchronized void start() {
        Session s = connection.sessionOrNull();
        if (listeners.isEmpty() || s == null || s == served) {
            return;
        }
        served = s;
        Thread t = new Thread(() -> run(s), "spread-listener-" + s.privateGroup);
        t.setDaemon(true);
        t.start();
    }

    private void stop() {
        if (listeners.isEmpty() && served != null) {
            served.wake();
        }
    }

    /** Says whether the thread of a session may end: nobody listens. */
    private synchronized boolean done(Session s) {
        if (!listeners.isEmpty()) {
            return false;
        }
        if (served == s) {
            served = null;
        }
        return true;
    }

    private void run(Session s) {
        // A message goes to those who listened just before it was taken: it must not go nowhere.
        Listeners[] now = {listeners};
        BooleanSupplier idle = () -> {
            now[0] = listeners;
            return now[0].isEmpty();
        };
        do {
            try {
                SpreadMessage m = s.receive(Link.FOREVER, idle);
                if (m != null) {
                    now[0].deliver(m);
                }
            } catch (InterruptedIOException e) {
                continue; // A listener interrupted its thread, which serves all of them.
            } catch (SpreadException e) {
                ended(s, e);
                return;
            }
        } while (!done(s));
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
