package spread;

import java.io.IOException;
import java.util.Map;

/** The authentication methods of a connection. */
final class Authenticators {
    private static final int MAX_NAME = 29;
    private static final int MAX_METHODS = 3;

    private Authenticators() {}

    static Map<String, SpreadAuthenticator> none() {
        return Map.of("NULL", (in, out) -> {});
    }

    static void add(Map<String, SpreadAuthenticator> methods, String name, SpreadAuthenticator method)
            throws SpreadException {
        if (name.isEmpty() || name.length() > MAX_NAME || !Wire.isPlain(name)) {
            throw new SpreadException(ErrorCode.REJECT_AUTH, "Authentication method \"" + name
                    + "\" is no name: 1 to " + MAX_NAME + " characters from $ to ~ in ASCII.");
        }
        if (methods.size() == MAX_METHODS && !methods.containsKey(name)) {
            throw new SpreadException(ErrorCode.REJECT_AUTH, "More than " + MAX_METHODS + " authentication methods.");
        }
        methods.put(name, method);
    }

    /** Makes a method of a class that is given by name. */
    static SpreadAuthenticator load(String className) throws SpreadException {
        Object o;
        try {
            ClassLoader context = Thread.currentThread().getContextClassLoader();
            ClassLoader loader = context == null ? Authenticators.class.getClassLoader() : context;
            o = Class.forName(className, true, loader).getConstructor().newInstance();
        } catch (ReflectiveOperationException e) {
            throw new SpreadException(ErrorCode.REJECT_AUTH, "Authentication class " + className
                    + " cannot be used: " + e, e);
        }
        if (o instanceof SpreadAuthenticator a) {
            return a;
        }
        if (o instanceof SpreadAuthInterface a) {
            return (in, out) -> run(a);
        }
        throw new SpreadException(ErrorCode.REJECT_AUTH, "Authentication class " + className
                + " implements neither SpreadAuthInterface nor SpreadAuthenticator.");
    }

    private static void run(SpreadAuthInterface a) throws IOException {
        try {
            a.authenticate();
        } catch (SpreadException e) {
            throw new IOException(e.getMessage(), e);
        }
    }
}
