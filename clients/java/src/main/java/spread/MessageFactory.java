package spread;

/** Makes messages after a pattern. */
public class MessageFactory {
    /** The pattern; null if there is none. */
    protected SpreadMessage defaultMessage;

    /**
     * Makes a factory.
     *
     * @param message the pattern, of which a copy is taken; null for none
     */
    public MessageFactory(SpreadMessage message) {
        setDefault(message);
    }

    /**
     * Changes the pattern.
     *
     * @param message the pattern, of which a copy is taken; null for none
     */
    public void setDefault(SpreadMessage message) {
        defaultMessage = message == null ? null : (SpreadMessage) message.clone();
    }

    /**
     * Makes a message.
     *
     * @return an outgoing copy of the pattern; null if there is none
     */
    public SpreadMessage createMessage() {
        return defaultMessage == null ? null : (SpreadMessage) defaultMessage.clone();
    }
}
