package spread;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.InterruptedIOException;
import java.io.OutputStream;
import java.net.SocketTimeoutException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.List;
import java.util.Map;

/** The client's side of the handshake (client protocol 2), within a deadline. */
final class Handshake {
    private static final int SLOT = 30;
    private static final int SLOTS = 3;
    private static final int ACCEPTED = 1;

    private final Link link;
    private final String user;
    private final long deadline;
    private final InputStream in = new In();
    private final OutputStream out = new Out();

    /** What the daemon answered. */
    SpreadVersion version;
    String privateGroup;

    /** A failure to write may hide why the daemon refused, so reading goes first. */
    private IOException writeFailure;

    Handshake(Link link, String user, long deadline) {
        this.link = link;
        this.user = user;
        this.deadline = deadline;
    }

    /** Introduces the client; methods are by name, in the order in which they run. */
    void run(boolean membership, boolean priority, Map<String, SpreadAuthenticator> methods)
            throws SpreadException, InterruptedIOException {
        try {
            hello(membership, priority);
            authenticate(methods);
            accept();
        } catch (SocketTimeoutException e) {
            throw new SpreadException(ErrorCode.CONNECTION_CLOSED, "The daemon did not finish the handshake in time.", e);
        } catch (InterruptedIOException e) {
            throw e;
        } catch (IOException e) {
            throw new SpreadException(ErrorCode.CONNECTION_CLOSED, "The daemon broke off the handshake: "
                    + (writeFailure == null ? e : writeFailure).getMessage() + "; its log may tell why.", e);
        }
    }

    private void hello(boolean membership, boolean priority) {
        ByteArrayOutputStream b = new ByteArrayOutputStream();
        b.write(Wire.MAJOR);
        b.write(Wire.MINOR);
        b.write(Wire.PATCH);
        b.write((priority ? 0x10 : 0) | (membership ? 1 : 0));
        b.write(user.length());
        b.writeBytes(user.getBytes(StandardCharsets.ISO_8859_1));
        tryWrite(b.toByteArray());
    }

    private void authenticate(Map<String, SpreadAuthenticator> methods) throws IOException, SpreadException {
        int length = (byte) read();
        if (length < 0) {
            throw refusal(length);
        }
        List<String> offered = Arrays.asList(new String(read(length), StandardCharsets.ISO_8859_1).split(" "));
        byte[] choice = new byte[SLOT * SLOTS];
        int at = 0;
        for (String method : methods.keySet()) {
            if (!offered.contains(method)) {
                throw new SpreadException(ErrorCode.REJECT_AUTH, "The daemon does not offer authentication method "
                        + method + ", only " + offered + ".");
            }
            byte[] name = method.getBytes(StandardCharsets.ISO_8859_1);
            System.arraycopy(name, 0, choice, at, name.length);
            at += SLOT;
        }
        tryWrite(choice);
        for (Map.Entry<String, SpreadAuthenticator> m : methods.entrySet()) {
            try {
                m.getValue().authenticate(in, out);
            } catch (InterruptedIOException e) {
                throw e;
            } catch (IOException e) {
                throw new SpreadException(ErrorCode.REJECT_AUTH,
                        "Authentication method " + m.getKey() + ": " + e.getMessage(), e);
            }
        }
    }

    private void accept() throws IOException, SpreadException {
        int status = (byte) read();
        if (status != ACCEPTED) {
            throw refusal(status);
        }
        version = new SpreadVersion(read(), read(), read());
        int length = read();
        if (version.getMajorVersion() < 3) {
            throw new SpreadException(ErrorCode.REJECT_VERSION, "The daemon is " + version + ", too old for this library.");
        }
        if (length < 1 || length > Wire.MAX_NAME) {
            throw new SpreadException(ErrorCode.CONNECTION_CLOSED,
                    "The daemon gave a private group of " + length + " bytes; is it a Spread daemon?");
        }
        privateGroup = new String(read(length), StandardCharsets.ISO_8859_1);
    }

    private SpreadException refusal(int status) {
        ErrorCode code = ErrorCode.refusal(status);
        if (code == null) {
            return new SpreadException(ErrorCode.CONNECTION_CLOSED,
                    "The daemon answered with the unknown code " + status + "; is it a Spread daemon?");
        }
        String why = switch (code) {
            case REJECT_QUOTA -> "the daemon has as many clients as it takes";
            case REJECT_NO_NAME -> "the daemon did not get the private name";
            case REJECT_ILLEGAL_NAME -> "the daemon does not allow the private name \"" + user + "\"";
            case REJECT_NOT_UNIQUE -> "another client of this daemon has the private name \"" + user + "\"";
            case REJECT_VERSION -> "the versions of the daemon and of this library do not fit";
            default -> "authentication failed, or this client may not connect; the daemon's log may tell why";
        };
        return new SpreadException(code, "Connection attempt rejected=" + status + ": " + why + ".");
    }

    private void tryWrite(byte[] b) {
        try {
            out.write(b);
        } catch (IOException e) {
            writeFailure = e;
        }
    }

    private int read() throws IOException {
        return read(1)[0] & 0xff;
    }

    private byte[] read(int n) throws IOException {
        byte[] b = in.readNBytes(n);
        if (b.length < n) {
            throw new IOException("it closed the connection");
        }
        return b;
    }

    /** Reads no more than is asked for: what follows belongs to the messages. */
    private final class In extends InputStream {
        @Override
        public int read() throws IOException {
            byte[] one = new byte[1];
            return read(one, 0, 1) < 0 ? -1 : one[0] & 0xff;
        }

        @Override
        public int read(byte[] b, int off, int len) throws IOException {
            if (len == 0) {
                return 0;
            }
            ByteBuffer into = ByteBuffer.wrap(b, off, len);
            while (true) {
                int n = link.read(into, deadline);
                if (n != 0) {
                    return n;
                }
                if (Link.passed(deadline)) {
                    throw new SocketTimeoutException("no answer in time");
                }
            }
        }
    }

    private final class Out extends OutputStream {
        @Override
        public void write(int b) throws IOException {
            write(new byte[] {(byte) b}, 0, 1);
        }

        @Override
        public void write(byte[] b, int off, int len) throws IOException {
            if (!link.write(new ByteBuffer[] {ByteBuffer.wrap(b, off, len)}, deadline)) {
                throw new SocketTimeoutException("the daemon takes nothing");
            }
        }
    }
}
