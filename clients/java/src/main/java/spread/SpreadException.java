package spread;

/** What goes wrong with a connection or a message. */
public class SpreadException extends Exception {
    private static final long serialVersionUID = 1L;

    /** The code; null if there is none. */
    private final ErrorCode code;

    /** Makes an exception without text and code. */
    public SpreadException() {
        this.code = null;
    }

    /**
     * Makes an exception without a code.
     *
     * @param message what happened
     */
    public SpreadException(String message) {
        super(message);
        this.code = null;
    }

    /**
     * Makes an exception.
     *
     * @param code what kind of failure it is
     * @param message what happened
     */
    public SpreadException(ErrorCode code, String message) {
        super(message);
        this.code = code;
    }

    /**
     * Makes an exception with a cause.
     *
     * @param code what kind of failure it is
     * @param message what happened
     * @param cause why
     */
    public SpreadException(ErrorCode code, String message, Throwable cause) {
        super(message, cause);
        this.code = code;
    }

    /**
     * Returns the kind of failure.
     *
     * @return the code; null if an application made the exception without one
     */
    public ErrorCode getCode() {
        return code;
    }
}
