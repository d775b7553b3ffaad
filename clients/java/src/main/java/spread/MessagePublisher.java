package spread;

import java.io.InterruptedIOException;
import java.util.Objects;
import java.util.concurrent.Flow;
import java.util.concurrent.atomic.AtomicReference;

/** The messages of a session for one subscriber at a time, received as it asks for them. */
final class MessagePublisher implements Flow.Publisher<SpreadMessage> {
    private final Session session;
    private final AtomicReference<Subscription> taken = new AtomicReference<>();

    MessagePublisher(Session session) {
        this.session = session;
    }

    @Override
    public void subscribe(Flow.Subscriber<? super SpreadMessage> subscriber) {
        Subscription s = new Subscription(Objects.requireNonNull(subscriber));
        if (!taken.compareAndSet(null, s)) {
            subscriber.onSubscribe(new Nothing());
            subscriber.onError(new IllegalStateException("The messages have a subscriber already."));
            return;
        }
        Thread t = new Thread(s, "spread-publisher-" + session.privateGroup);
        t.setDaemon(true);
        t.start();
    }

    /** Has a subscriber that asks for nothing notice that the session was closed. */
    void closed() {
        Subscription s = taken.get();
        if (s != null) {
            s.poke();
        }
    }

    /** Stands for no subscription. */
    private static final class Nothing implements Flow.Subscription {
        @Override
        public void request(long n) {}

        @Override
        public void cancel() {}
    }

    private final class Subscription implements Flow.Subscription, Runnable {
        private final Flow.Subscriber<? super SpreadMessage> subscriber;
        private long demand;
        private boolean cancelled;
        private Throwable mistake;

        Subscription(Flow.Subscriber<? super SpreadMessage> subscriber) {
            this.subscriber = subscriber;
        }

        @Override
        public synchronized void request(long n) {
            if (n <= 0) {
                mistake = new IllegalArgumentException("request(" + n + "), must be positive");
            } else {
                demand = demand + n < 0 ? Long.MAX_VALUE : demand + n;
            }
            notifyAll();
        }

        synchronized void poke() {
            notifyAll();
        }

        @Override
        public void cancel() {
            stop();
            session.wake();
        }

        private synchronized void stop() {
            cancelled = true;
            notifyAll();
        }

        private synchronized boolean isCancelled() {
            return cancelled;
        }

        /** Waits until a message is wanted or the session is closed; false if no more are wanted. */
        private synchronized boolean wanted() throws InterruptedException {
            while (demand == 0 && !cancelled && mistake == null && !session.isClosed()) {
                wait();
            }
            if (cancelled || mistake != null) {
                return false;
            }
            if (demand > 0 && demand < Long.MAX_VALUE) {
                demand--;
            }
            return true;
        }

        @Override
        public void run() {
            try {
                subscriber.onSubscribe(this);
                while (wanted()) {
                    SpreadMessage m = session.receive(Link.FOREVER, this::isCancelled);
                    if (m != null) {
                        subscriber.onNext(m);
                    }
                }
                finish(mistake);
            } catch (SpreadException e) {
                finish(e.getCode() == ErrorCode.ILLEGAL_SESSION ? null : e);
            } catch (InterruptedException | InterruptedIOException | RuntimeException e) {
                finish(e);
            } finally {
                taken.compareAndSet(this, null); // An Error of the subscriber is no reason to keep others away.
            }
        }

        private void finish(Throwable e) {
            taken.set(null);
            if (isCancelled()) {
                return;
            }
            stop();
            if (e == null) {
                subscriber.onComplete();
            } else {
                subscriber.onError(e);
            }
        }
    }
}
