package spread;

/** What the daemon sent cannot be right; the stream is lost. */
final class BadMessage extends Exception {
    private static final long serialVersionUID = 1L;

    BadMessage(String what) {
        super(what);
    }
}
