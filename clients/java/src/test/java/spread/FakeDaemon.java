package spread;

import java.io.ByteArrayOutputStream;
import java.io.DataInputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;

/** A daemon that does what a test says, on a port of its own. */
final class FakeDaemon implements AutoCloseable {
    static final String PRIVATE = "#me#fake";

    private final ServerSocket server = new ServerSocket(0, 50, InetAddress.getLoopbackAddress());
    private CompletableFuture<Peer> peer;

    FakeDaemon() throws IOException {}

    /** The daemon's end of a connection. */
    static final class Peer {
        final Socket socket;
        final DataInputStream in;
        final OutputStream out;

        Peer(Socket socket) throws IOException {
            this.socket = socket;
            socket.setSoTimeout((int) Check.PATIENCE_SECONDS * 1000);
            in = new DataInputStream(socket.getInputStream());
            out = socket.getOutputStream();
        }

        /** Reads the hello, and returns it whole. */
        byte[] hello() throws IOException {
            byte[] b = in.readNBytes(5);
            byte[] name = in.readNBytes(b[4]);
            return ByteBuffer.allocate(b.length + name.length).put(b).put(name).array();
        }

        void accept(int major) throws IOException {
            hello();
            out.write(bytes("\5NULL "));
            in.readNBytes(90);
            out.write(bytes("\1" + (char) major + "\0\1" + (char) PRIVATE.length() + PRIVATE));
        }

        /** Reads one message as the client wrote it, big-endian. */
        byte[] message() throws IOException {
            byte[] head = in.readNBytes(Wire.HEADER_SIZE);
            Check.equal(Wire.HEADER_SIZE, head.length);
            byte[] body = in.readNBytes(Wire.getInt(head, 36) * Wire.NAME_SIZE + Wire.getInt(head, 44));
            return ByteBuffer.allocate(head.length + body.length).put(head).put(body).array();
        }

        void close() throws IOException {
            socket.close();
        }
    }

    /** Something that the daemon does with a connection. */
    interface Script {
        void run(Peer p) throws Exception;
    }

    static byte[] bytes(String s) {
        return s.getBytes(StandardCharsets.ISO_8859_1);
    }

    String name() {
        return port() + "@127.0.0.1";
    }

    int port() {
        return server.getLocalPort();
    }

    /** Accepts one connection and runs the script; {@link #peer()} waits for its end. */
    FakeDaemon serve(Script script) {
        CompletableFuture<Peer> p = new CompletableFuture<>();
        peer = p;
        Thread t = new Thread(() -> {
            try {
                Peer x = new Peer(server.accept());
                script.run(x);
                p.complete(x);
            } catch (Throwable e) {
                p.completeExceptionally(e);
            }
        }, "fake-daemon");
        t.setDaemon(true);
        t.start();
        return this;
    }

    FakeDaemon serve() {
        return serve(p -> p.accept(5));
    }

    Peer peer() throws Exception {
        return peer.get(Check.PATIENCE_SECONDS, TimeUnit.SECONDS);
    }

    SpreadConnection connect() throws SpreadException {
        return SpreadConnection.builder().daemon(name()).privateName("me").connect();
    }

    /** Accepts no more. */
    void stop() throws IOException {
        server.close();
    }

    @Override
    public void close() throws IOException {
        stop();
        if (peer != null && peer.isDone() && !peer.isCompletedExceptionally()) {
            peer.join().close();
        }
    }

    /** Writes a message, little- or big-endian. */
    static byte[] message(boolean little, int type, String sender, int hint, String[] groups, byte[] data) {
        ByteArrayOutputStream b = new ByteArrayOutputStream();
        b.writeBytes(word(little, little ? type | Wire.MARKER : type));
        b.writeBytes(Wire.name(sender));
        b.writeBytes(word(little, groups.length));
        b.writeBytes(word(little, little ? hint << 8 & 0xffff00 | Wire.MARKER : hint << 8 & 0xffff00));
        b.writeBytes(word(little, data.length));
        for (String g : groups) {
            b.writeBytes(Wire.name(g));
        }
        b.writeBytes(data);
        return b.toByteArray();
    }

    static byte[] word(boolean little, int n) {
        return ByteBuffer.allocate(4).putInt(little ? Integer.reverseBytes(n) : n).array();
    }

    static byte[] data(String text) {
        return message(true, Wire.AGREED, "#you#fake", 7, new String[] {"g"}, bytes(text));
    }

    /** Writes the body of a view. */
    static byte[] viewBody(boolean little, int own, String[]... sets) {
        ByteArrayOutputStream b = new ByteArrayOutputStream();
        for (int n : new int[] {1, 2, 3, sets.length, own}) {
            b.writeBytes(word(little, n));
        }
        for (String[] set : sets) {
            b.writeBytes(word(little, set.length));
            for (String s : set) {
                b.writeBytes(Wire.name(s));
            }
        }
        return b.toByteArray();
    }
}
