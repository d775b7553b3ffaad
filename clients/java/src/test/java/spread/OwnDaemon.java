package spread;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.Writer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.ThreadLocalRandom;

/** A daemon of the test's own, which it can kill and start again. */
final class OwnDaemon implements AutoCloseable {
    private static final int TRIES = 20;

    private final String program = AllTests.setting("SPREAD_TEST_SPREAD");
    private final Path dir = Files.createTempDirectory("spread-java");
    private int port;
    private Process process;

    OwnDaemon() throws IOException, InterruptedException {
        for (int i = 0; i < TRIES; i++) {
            port = ThreadLocalRandom.current().nextInt(30_000, 60_000);
            Files.writeString(config(), "Spread_Segment 127.0.0.255:" + port + " {\n  own 127.0.0.1\n}\n");
            if (start()) {
                return;
            }
        }
        throw new IOException("no port is free, or " + program + " does not run");
    }

    private Path config() {
        return dir.resolve("spread.conf");
    }

    String name() {
        return port + "@127.0.0.1";
    }

    /** Starts it and waits until it serves; false if it cannot. */
    boolean start() throws IOException, InterruptedException {
        process = new ProcessBuilder(program, "-c", "spread.conf", "-n", "own").directory(dir.toFile())
                .redirectErrorStream(true).start();
        BufferedReader out = process.inputReader();
        for (String line = out.readLine(); line != null; line = out.readLine()) {
            if (line.startsWith("Membership id")) {
                Thread drain = new Thread(() -> drain(out), "own-daemon");
                drain.setDaemon(true);
                drain.start();
                return true;
            }
        }
        process.waitFor();
        return false;
    }

    /** Reads its log up to the end, so that it never waits for a reader. */
    private static void drain(BufferedReader out) {
        try {
            out.transferTo(Writer.nullWriter());
        } catch (IOException e) {
            // It was killed.
        }
    }

    void kill() {
        process.destroyForcibly().onExit().join();
    }

    @Override
    public void close() throws IOException {
        kill();
        Files.delete(config());
        Files.delete(dir);
        Files.deleteIfExists(Path.of("/tmp", String.valueOf(port)));
    }
}
