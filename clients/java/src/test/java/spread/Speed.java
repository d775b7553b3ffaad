package spread;

import java.util.Arrays;

/**
 * Measures messages per second from one connection to another, through the daemon. Arguments: daemon,
 * number of messages, bytes of each, messages per call.
 */
public final class Speed {
    private Speed() {}

    /** Runs one measurement. */
    public static void main(String[] args) throws Exception {
        int count = Integer.parseInt(args[1]);
        int size = Integer.parseInt(args[2]);
        int batch = Integer.parseInt(args[3]);
        try (SpreadConnection to = SpreadConnection.builder().daemon(args[0]).connect();
                SpreadConnection from = SpreadConnection.builder().daemon(args[0]).membership(false).connect()) {
            to.join("speed");
            to.receive();
            long start = System.nanoTime();
            Thread sender = new Thread(() -> send(from, count, size, batch, start));
            sender.start();
            for (int i = 0; i < count; i++) {
                to.receive();
            }
            report("received", count, start);
            sender.join();
        }
    }

    private static void send(SpreadConnection from, int count, int size, int batch, long start) {
        SpreadMessage m = new SpreadMessage();
        m.setAgreed();
        m.addGroup("speed");
        m.setData(new byte[size]);
        SpreadMessage[] all = new SpreadMessage[batch];
        Arrays.fill(all, m);
        try {
            for (int i = 0; i < count; i += batch) {
                from.multicast(batch == 1 ? new SpreadMessage[] {m} : Arrays.copyOf(all, Math.min(batch, count - i)));
            }
        } catch (SpreadException e) {
            throw new IllegalStateException(e);
        }
        report("sent", count, start);
    }

    private static void report(String what, int count, long start) {
        double seconds = (System.nanoTime() - start) / 1e9;
        System.out.printf("%s %d messages in %.2f s, %.0f a second%n", what, count, seconds, count / seconds);
    }
}
