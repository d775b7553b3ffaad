package spread;

import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;

/**
 * The method PWORD of daemons that were built with it: user name and password in clear text (client
 * protocol 10.4).
 */
public final class PasswordAuthenticator implements SpreadAuthenticator {
    private static final int USER_SIZE = 32;
    private static final int PASSWORD_SIZE = 8;

    private final byte[] request = new byte[USER_SIZE + PASSWORD_SIZE];

    /**
     * Makes the method.
     *
     * @param user the user name, at most 32 bytes in UTF-8
     * @param password the password, at most 8 bytes in UTF-8
     * @throws IllegalArgumentException if one of them is too long
     */
    public PasswordAuthenticator(String user, String password) {
        put("user name", user, 0, USER_SIZE);
        put("password", password, USER_SIZE, PASSWORD_SIZE);
    }

    private void put(String what, String s, int at, int max) {
        byte[] b = s.getBytes(StandardCharsets.UTF_8);
        if (b.length > max) {
            throw new IllegalArgumentException(what + " of " + b.length + " bytes, must be at most " + max);
        }
        System.arraycopy(b, 0, request, at, b.length);
    }

    @Override
    public void authenticate(InputStream in, OutputStream out) throws IOException {
        out.write(request);
        int answer = in.read();
        if (answer < 0) {
            throw new EOFException("the daemon closed the connection without an answer");
        }
        if (answer != 1) {
            throw new IOException("the daemon does not accept user name and password");
        }
    }
}
