package spread;

/** The method that asks for nothing; daemons allow it by default. */
public class NULLAuth implements SpreadAuthInterface {
    /** Makes the method. */
    public NULLAuth() {}

    @Override
    public void authenticate() throws SpreadException {}
}
