package spread;

/**
 * An authentication method of the classic client, which exchanges no bytes with the daemon. See
 * {@link SpreadAuthenticator} for one that does.
 */
public interface SpreadAuthInterface {
    /**
     * Runs the method, after the daemon has been told that it was chosen.
     *
     * @throws SpreadException if the connection must not be made
     */
    void authenticate() throws SpreadException;
}
