package spread;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.stream.IntStream;

/** Listeners. */
public final class ListenerTest {
    private ListenerTest() {}

    private static final class Log implements AdvancedMessageListener, BasicMessageListener {
        final BlockingQueue<String> seen = new LinkedBlockingQueue<>();

        @Override
        public void regularMessageReceived(SpreadMessage m) {
            seen.add("regular " + new String(m.getData()));
        }

        @Override
        public void membershipMessageReceived(SpreadMessage m) {
            seen.add(m.getMembershipInfo().toString());
        }

        @Override
        public void messageReceived(SpreadMessage m) {
            seen.add("basic " + new String(m.getData()));
        }

        String next() throws InterruptedException {
            return seen.poll(Check.PATIENCE_SECONDS, TimeUnit.SECONDS);
        }
    }

    /** Each kind goes to its method, in order. */
    public static void kinds() throws Exception {
        try (FakeDaemon d = new FakeDaemon().serve(); SpreadConnection c = d.connect()) {
            Log log = new Log();
            c.add((AdvancedMessageListener) log);
            d.peer().out.write(FakeDaemon.data("1"));
            d.peer().out.write(FakeDaemon.message(true, Wire.CAUSED_BY_LEAVE, "g", 0, new String[0], new byte[0]));
            Check.equal("regular 1", log.next());
            Check.equal("left group g", log.next());
            c.add((BasicMessageListener) log);
            d.peer().out.write(FakeDaemon.data("2"));
            Check.equal("basic 2", log.next());
            Check.equal("regular 2", log.next());
            d.peer().close();
        }
    }

    /** A listener that throws harms nobody else. */
    public static void throwing() throws Exception {
        try (FakeDaemon d = new FakeDaemon().serve(); SpreadConnection c = d.connect()) {
            CountDownLatch told = new CountDownLatch(2);
            Log log = new Log();
            c.add((BasicMessageListener) m -> {
                Thread.currentThread().setUncaughtExceptionHandler((t, e) -> told.countDown());
                throw new IllegalStateException("on purpose");
            });
            c.add((BasicMessageListener) log);
            d.peer().out.write(FakeDaemon.data("1"));
            d.peer().out.write(FakeDaemon.data("2"));
            Check.equal("basic 1", log.next());
            Check.equal("basic 2", log.next());
            Check.await(told);
            d.peer().close();
        }
    }

    private static int number(String seen) {
        return Integer.parseInt(seen.replace("basic ", ""));
    }

    /** Listeners come and go while messages flow: none is lost, none comes twice. */
    public static void comeAndGo() throws Exception {
        int count = 1000;
        try (FakeDaemon d = new FakeDaemon().serve(); SpreadConnection c = d.connect()) {
            FakeDaemon.Peer p = d.peer();
            Check.Waiting sender = new Check.Waiting(() -> {
                for (int i = 0; i < count; i++) {
                    p.out.write(FakeDaemon.data(String.valueOf(i)));
                }
            });
            Log log = new Log();
            sender.start();
            List<Integer> received = new ArrayList<>();
            List<Integer> heard = new ArrayList<>();
            while (received.size() + heard.size() < count) {
                c.add((BasicMessageListener) log);
                heard.add(number(log.next()));
                c.remove((BasicMessageListener) log);
                c.receive(Duration.ofMillis(20)).ifPresent(m -> received.add(number(new String(m.getData()))));
                for (String s = log.seen.poll(); s != null; s = log.seen.poll()) {
                    heard.add(number(s));
                }
            }
            Check.equal(heard.stream().sorted().toList(), heard);
            Check.equal(received.stream().sorted().toList(), received);
            heard.addAll(received);
            Check.equal(IntStream.range(0, count).boxed().toList(), heard.stream().sorted().toList());
            sender.ends();
            p.close();
        }
    }
}
