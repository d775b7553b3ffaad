package spread;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;

/** The client's side of an authentication method that talks to the daemon (client protocol 10). */
@FunctionalInterface
public interface SpreadAuthenticator {
    /**
     * Runs the method, after the daemon has been told that it was chosen. The streams end with the
     * time for connecting.
     *
     * @param in what the daemon says
     * @param out goes to the daemon at once with each write
     * @throws IOException if authentication fails
     */
    void authenticate(InputStream in, OutputStream out) throws IOException;
}
