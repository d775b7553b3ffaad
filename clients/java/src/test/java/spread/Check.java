package spread;

import java.util.Arrays;
import java.util.Objects;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;

/** What tests expect. */
final class Check {
    /** How long tests wait for what must come. */
    static final long PATIENCE_SECONDS = 20;

    private Check() {}

    static void equal(Object want, Object got) {
        boolean same = want instanceof Object[] w && got instanceof Object[] g ? Arrays.deepEquals(w, g)
                : want instanceof byte[] w && got instanceof byte[] g ? Arrays.equals(w, g) : Objects.equals(want, got);
        if (!same) {
            throw new AssertionError("want " + show(want) + ", got " + show(got));
        }
    }

    private static String show(Object o) {
        return o instanceof Object[] a ? Arrays.deepToString(a) : o instanceof byte[] b ? Arrays.toString(b)
                : String.valueOf(o);
    }

    static void that(boolean condition, String what) {
        if (!condition) {
            throw new AssertionError(what);
        }
    }

    /** Something that may throw. */
    interface Action {
        void run() throws Exception;
    }

    static SpreadException fails(ErrorCode code, Action action) throws Exception {
        try {
            action.run();
        } catch (SpreadException e) {
            equal(code, e.getCode());
            return e;
        }
        throw new AssertionError("no failure, want " + code);
    }

    static <T extends Throwable> T throwsA(Class<T> type, Action action) throws Exception {
        try {
            action.run();
        } catch (Throwable e) {
            if (type.isInstance(e)) {
                return type.cast(e);
            }
            throw e;
        }
        throw new AssertionError("no failure, want " + type);
    }

    static void await(CountDownLatch latch) throws InterruptedException {
        that(latch.await(PATIENCE_SECONDS, TimeUnit.SECONDS), "it did not happen in time");
    }

    static void join(Thread t) throws InterruptedException {
        t.join(PATIENCE_SECONDS * 1000);
        that(!t.isAlive(), t + " did not end in time");
    }

    /** Starts a thread that does something until it is waiting for the socket. */
    static Waiting waiting(Action action) {
        Waiting w = new Waiting(action);
        w.start();
        while (!w.isBlocked()) {
            that(w.isAlive(), "it did not wait: " + w.failure);
            Thread.onSpinWait();
        }
        return w;
    }

    /** A thread, and how it ended. */
    static final class Waiting extends Thread {
        private final Action action;
        volatile Throwable failure;

        Waiting(Action action) {
            this.action = action;
            setDaemon(true);
        }

        @Override
        public void run() {
            try {
                action.run();
            } catch (Throwable e) {
                failure = e;
            }
        }

        private boolean isBlocked() {
            return Arrays.stream(getStackTrace()).anyMatch(f -> f.getClassName().equals("spread.Link")
                    && f.getMethodName().equals("await"));
        }

        /** Waits for the end, and expects it to be this failure. */
        void endsWith(ErrorCode code) throws Exception {
            Check.join(this);
            that(failure instanceof SpreadException, "ended with " + failure);
            equal(code, ((SpreadException) failure).getCode());
        }

        /** Waits for the end, and expects none. */
        void ends() throws Exception {
            Check.join(this);
            equal(null, failure);
        }
    }
}
