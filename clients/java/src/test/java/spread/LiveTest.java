package spread;

import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Flow;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;

/** With a real daemon. */
public final class LiveTest {
    private static final Duration LONG = Duration.ofSeconds(Check.PATIENCE_SECONDS);
    private static final String GROUP = "java-live";

    private LiveTest() {}

    private static SpreadConnection connect(String name) throws SpreadException {
        return SpreadConnection.builder().daemon(AllTests.setting("SPREAD_TEST_DAEMON")).privateName(name).connect();
    }

    private static SpreadMessage next(SpreadConnection c) throws Exception {
        return c.receive(LONG).orElseThrow(() -> new AssertionError("nothing came"));
    }

    private static MembershipInfo view(SpreadConnection c) throws Exception {
        return next(c).getMembershipInfo();
    }

    /** Views tell who came and went, and why. */
    public static void views() throws Exception {
        try (SpreadConnection ann = connect("jann")) {
            ann.join(GROUP);
            Check.equal(ann.getPrivateGroup(), view(ann).getJoined());
            SpreadConnection bob = connect("jbob");
            SpreadGroup bobs = bob.getPrivateGroup();
            SpreadGroup membership = bob.join(GROUP);
            SpreadMessage joined = next(bob);
            Check.equal((short) 1, joined.getType());
            MembershipInfo v = joined.getMembershipInfo();
            Check.equal(view(ann).getGroupID(), v.getGroupID());
            Check.equal(new SpreadGroup[] {ann.getPrivateGroup(), bobs}, v.getMembers());
            Check.equal(bobs, v.getJoined());
            membership.leave();
            Check.that(view(bob).isSelfLeave(), "bob has left");
            Check.equal(bobs, view(ann).getLeft());
            bob.join(GROUP);
            Check.equal(bobs, view(ann).getJoined());
            bob.disconnect();
            Check.equal(bobs, view(ann).getDisconnected());
        }
    }

    /** A name is taken while its client lives, and free when disconnect has returned. */
    public static void name() throws Exception {
        SpreadConnection c = connect("jname");
        Check.fails(ErrorCode.REJECT_NOT_UNIQUE, () -> connect("jname"));
        c.disconnect();
        connect("jname").close();
    }

    /** The Unix socket carries the same, and messages of all services and sizes come in order. */
    public static void everything() throws Exception {
        String socket = AllTests.setting("SPREAD_TEST_SOCKET");
        try (SpreadConnection ann = connect("");
                SpreadConnection bob = SpreadConnection.builder().daemon("unix:" + socket).membership(false).connect()) {
            ann.join(GROUP);
            view(ann);
            int sizes = 0;
            for (Service s : Service.values()) {
                for (int size : new int[] {0, 1, 1000, 20_000, 143_952 - 32}) {
                    bob.multicast(s, new byte[size], GROUP);
                    SpreadMessage m = next(ann);
                    Check.equal(s, m.getService());
                    Check.equal(size, m.getData().length);
                    Check.equal(bob.getPrivateGroup(), m.getSender());
                    sizes++;
                }
            }
            Check.equal(30, sizes);
            ann.multicast(Service.FIFO, FakeDaemon.bytes("for you"), bob.getPrivateGroup().toString());
            Check.equal("for you", new String(next(bob).getData()));
        }
    }

    /** Threads that send at once do not mix their messages; what each sent keeps its order. */
    public static void threads() throws Exception {
        int senders = 4;
        int each = 500;
        try (SpreadConnection c = connect("")) {
            c.join(GROUP);
            view(c);
            List<Check.Waiting> all = new ArrayList<>();
            for (int i = 0; i < senders; i++) {
                byte me = (byte) i;
                all.add(new Check.Waiting(() -> {
                    for (int n = 0; n < each; n++) {
                        c.multicast(Service.AGREED, new byte[] {me, (byte) (n >> 8), (byte) n}, GROUP);
                    }
                }));
            }
            all.forEach(Thread::start);
            int[] count = new int[senders];
            for (int i = 0; i < senders * each; i++) {
                byte[] d = next(c).getData();
                Check.equal(count[d[0]]++, (d[1] & 0xff) << 8 | d[2] & 0xff);
            }
            for (Check.Waiting w : all) {
                w.ends();
            }
        }
    }

    /** The messages as a stream. */
    public static void publisher() throws Exception {
        try (SpreadConnection c = connect("")) {
            CompletableFuture<Void> done = new CompletableFuture<>();
            AtomicInteger seen = new AtomicInteger();
            c.publisher().subscribe(new Flow.Subscriber<>() {
                private Flow.Subscription subscription;

                @Override
                public void onSubscribe(Flow.Subscription s) {
                    subscription = s;
                    s.request(1);
                }

                @Override
                public void onNext(SpreadMessage m) {
                    if (seen.incrementAndGet() == 3) {
                        c.abort();
                    }
                    subscription.request(1);
                }

                @Override
                public void onError(Throwable e) {
                    done.completeExceptionally(e);
                }

                @Override
                public void onComplete() {
                    done.complete(null);
                }
            });
            c.join(GROUP);
            c.multicast(Service.SAFE, new byte[1], GROUP);
            c.multicast(Service.SAFE, new byte[1], GROUP);
            done.get(Check.PATIENCE_SECONDS, TimeUnit.SECONDS);
            Check.equal(3, seen.get());
        }
    }

    /** The daemon dies and comes again: a plain connection is over, one that reconnects goes on. */
    public static void restart() throws Exception {
        try (OwnDaemon d = new OwnDaemon();
                SpreadConnection plain = SpreadConnection.builder().daemon(d.name()).connect();
                ReconnectingConnection c = SpreadConnection.builder().daemon(d.name()).privateName("stay").reconnecting()) {
            c.join(GROUP);
            Check.equal("stay", name(c.receive(LONG).get().getMembershipInfo().getJoined()));
            Check.Waiting w = Check.waiting(plain::receive);
            d.kill();
            w.endsWith(ErrorCode.CONNECTION_CLOSED);
            Check.equal(Optional.empty(), c.receive(Duration.ofMillis(100)));
            Check.that(d.start(), "the daemon does not start again");
            PlaceLostException e = Check.throwsA(PlaceLostException.class, () -> c.receive(LONG));
            Check.that(e.getCause() instanceof SpreadException, "the cause is " + e.getCause());
            MembershipInfo v = c.receive(LONG).get().getMembershipInfo();
            Check.equal("[#stay#own]", Arrays.toString(v.getMembers()));
            c.multicast(Service.AGREED, FakeDaemon.bytes("on"), GROUP);
            Check.equal("on", new String(c.receive(LONG).get().getData()));
            Check.fails(ErrorCode.CONNECTION_CLOSED, plain::receive);
        }
    }

    /** The same twice while one thread sends and another receives: both go on, and what comes is whole. */
    public static void restartUnderTraffic() throws Exception {
        byte[] data = FakeDaemon.bytes("x".repeat(1000));
        try (OwnDaemon d = new OwnDaemon();
                ReconnectingConnection c = SpreadConnection.builder().daemon(d.name()).reconnecting()) {
            c.join(GROUP);
            int window = 50;
            Semaphore inFlight = new Semaphore(window);
            AtomicBoolean stop = new AtomicBoolean();
            Check.Waiting sender = new Check.Waiting(() -> {
                while (!stop.get()) {
                    inFlight.acquire();
                    try {
                        c.multicast(Service.AGREED, data, GROUP);
                    } catch (SpreadException e) {
                        Check.equal(ErrorCode.CONNECTION_CLOSED, e.getCode());
                    }
                }
            });
            sender.start();
            for (int restarts = 0; restarts < 3; restarts++) {
                for (int messages = 0; messages < 100;) {
                    SpreadMessage m = c.receive(LONG).get();
                    if (m.isRegular()) {
                        Check.equal(data, m.getData());
                        messages++;
                        inFlight.release();
                    }
                }
                if (restarts < 2) {
                    d.kill();
                    Check.that(d.start(), "the daemon does not start again");
                    Check.throwsA(PlaceLostException.class, () -> receiveAll(c));
                    inFlight.release(window);
                }
            }
            stop.set(true);
            inFlight.release();
            Check.join(sender);
        }
    }

    private static void receiveAll(ReconnectingConnection c) throws Exception {
        while (c.receive(LONG).isPresent()) {
            continue;
        }
    }

    private static String name(SpreadGroup privateGroup) {
        return privateGroup.toString().split("#")[1];
    }
}
