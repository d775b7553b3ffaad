package spread;

import java.util.concurrent.BlockingQueue;
import java.util.concurrent.Flow;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;

/** Messages as a Flow. */
public final class PublisherTest {
    private PublisherTest() {}

    private static final class Log implements Flow.Subscriber<SpreadMessage> {
        final BlockingQueue<String> seen = new LinkedBlockingQueue<>();
        volatile Flow.Subscription subscription;

        @Override
        public void onSubscribe(Flow.Subscription s) {
            subscription = s;
            seen.add("subscribed");
        }

        @Override
        public void onNext(SpreadMessage m) {
            seen.add(new String(m.getData()));
        }

        @Override
        public void onError(Throwable e) {
            seen.add(e.getClass().getSimpleName());
        }

        @Override
        public void onComplete() {
            seen.add("complete");
        }

        void expect(String... what) throws InterruptedException {
            for (String w : what) {
                Check.equal(w, seen.poll(Check.PATIENCE_SECONDS, TimeUnit.SECONDS));
            }
        }
    }

    private static Log subscribe(SpreadConnection c) throws Exception {
        Log log = new Log();
        c.publisher().subscribe(log);
        log.expect("subscribed");
        return log;
    }

    /** No more comes than was asked for; the rest stays for others. */
    public static void demand() throws Exception {
        try (FakeDaemon d = new FakeDaemon().serve(); SpreadConnection c = d.connect()) {
            Log log = subscribe(c);
            for (String s : new String[] {"1", "2", "3", "4"}) {
                d.peer().out.write(FakeDaemon.data(s));
            }
            log.subscription.request(1);
            log.expect("1");
            log.subscription.request(2);
            log.expect("2", "3");
            Check.equal("4", new String(c.receive().getData()));
            Log second = subscribe(c);
            second.expect("IllegalStateException");
            log.subscription.cancel();
            d.peer().close();
        }
    }

    /** After cancel another may subscribe. */
    public static void cancel() throws Exception {
        try (FakeDaemon d = new FakeDaemon().serve(); SpreadConnection c = d.connect()) {
            Log log = subscribe(c);
            log.subscription.request(Long.MAX_VALUE);
            log.subscription.cancel();
            Log next = subscribe(c);
            while (next.seen.peek() != null && next.seen.peek().equals("IllegalStateException")) {
                next = subscribe(c);
            }
            next.subscription.request(Long.MAX_VALUE);
            d.peer().out.write(FakeDaemon.data("1"));
            next.expect("1");
            Check.equal(null, log.seen.poll());
            d.peer().close();
        }
    }

    /** The end of the connection, with and without demand. */
    public static void end() throws Exception {
        for (long demand : new long[] {0, 5}) {
            try (FakeDaemon d = new FakeDaemon().serve()) {
                SpreadConnection c = d.connect();
                Log log = subscribe(c);
                if (demand > 0) {
                    log.subscription.request(demand);
                }
                c.abort();
                log.expect("complete");
            }
        }
        try (FakeDaemon d = new FakeDaemon().serve(); SpreadConnection c = d.connect()) {
            Log log = subscribe(c);
            d.peer().out.write(FakeDaemon.data("1"));
            d.peer().close();
            log.subscription.request(2);
            log.expect("1", "SpreadException");
        }
        try (FakeDaemon d = new FakeDaemon().serve(); SpreadConnection c = d.connect()) {
            Log log = subscribe(c);
            log.subscription.request(0);
            log.expect("IllegalArgumentException");
            d.peer().close();
        }
    }
}
