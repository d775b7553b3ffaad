package spread;

import java.io.IOException;
import java.io.InterruptedIOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.SocketAddress;
import java.net.UnixDomainSocketAddress;
import java.net.UnknownHostException;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Where a daemon is to be found: the places to try, in order. */
final class DaemonAddress {
    /** Daemons that run as a service have their sockets in the first, which not everybody can write to. */
    private static final String[] SOCKET_DIRS = {"/run/spread", "/tmp"};
    private static final Pattern NAME = Pattern.compile("\\s*([+-]?)(\\d+)\\s*(?:@(\\S+)(?:\\s.*)?)?");
    /** A host of 64 bytes and the port before it (client protocol 1.4). */
    private static final int MAX_NAME = 70;
    private static final String UNIX = "unix:";

    private final String name;
    private final List<SocketAddress> places = new ArrayList<>();

    private DaemonAddress(String name) {
        this.name = name;
    }

    /** Finds a daemon by address; null stands for this machine, port 0 for the default. */
    static DaemonAddress of(InetAddress host, int port) throws SpreadException {
        if (port < 0 || port > 0xffff) {
            throw new SpreadException(ErrorCode.ILLEGAL_SPREAD, "Bad port (" + port + ").");
        }
        InetAddress h = host == null ? InetAddress.getLoopbackAddress() : host;
        int p = port == 0 ? Wire.DEFAULT_PORT : port;
        DaemonAddress a = new DaemonAddress(p + "@" + h.getHostAddress());
        a.places.add(new InetSocketAddress(h, p));
        return a;
    }

    /** Reads a name with the peculiarities of the C library (1.4), and unix:PATH. */
    static DaemonAddress parse(String given) throws SpreadException {
        String name = given == null || given.isEmpty() ? String.valueOf(Wire.DEFAULT_PORT) : given;
        DaemonAddress a = new DaemonAddress(name);
        if (name.startsWith(UNIX)) {
            try {
                a.places.add(UnixDomainSocketAddress.of(name.substring(UNIX.length())));
            } catch (InvalidPathException e) {
                throw new SpreadException(ErrorCode.ILLEGAL_SPREAD, "Daemon name \"" + name + "\" has no path.", e);
            }
            return a;
        }
        Matcher m = NAME.matcher(name);
        if (name.length() > MAX_NAME || !m.matches()) {
            throw new SpreadException(ErrorCode.ILLEGAL_SPREAD, "Daemon name \"" + name
                    + "\" makes no sense; write PORT or PORT@HOST, such as 4803@localhost.");
        }
        int port = port(m.group(1), m.group(2));
        if (m.group(3) == null) {
            a.addLocal(port);
        } else {
            a.addHost(m.group(3), port);
        }
        return a;
    }

    /** Counts modulo 65536, as the original does. */
    private static int port(String sign, String digits) {
        int port = 0;
        for (char c : digits.toCharArray()) {
            port = port * 10 + (c - '0') & 0xffff;
        }
        return sign.equals("-") ? -port & 0xffff : port;
    }

    private void addLocal(int port) {
        if (!System.getProperty("os.name", "").startsWith("Windows")) {
            for (String dir : SOCKET_DIRS) {
                places.add(UnixDomainSocketAddress.of(Path.of(dir, String.valueOf(port))));
            }
        }
        places.add(new InetSocketAddress("127.0.0.1", port));
    }

    private void addHost(String host, int port) throws SpreadException {
        String h = host.startsWith("[") && host.endsWith("]") ? host.substring(1, host.length() - 1) : host;
        try {
            for (InetAddress address : InetAddress.getAllByName(h)) {
                places.add(new InetSocketAddress(address, port));
            }
        } catch (UnknownHostException e) {
            throw new SpreadException(ErrorCode.ILLEGAL_SPREAD, "Host " + h + " of daemon " + name + " is not known.", e);
        }
    }

    /** Connects to the first place that answers. */
    Link connect(long deadline) throws SpreadException, InterruptedIOException {
        List<String> failures = new ArrayList<>();
        IOException first = null;
        for (SocketAddress place : places) {
            try {
                return Link.connect(place, deadline);
            } catch (InterruptedIOException e) {
                if (!Link.passed(deadline)) {
                    throw e;
                }
                throw new SpreadException(ErrorCode.CONNECTION_CLOSED, "Daemon " + name + " did not answer in time.", e);
            } catch (IOException | UnsupportedOperationException e) {
                failures.add(place + ": " + e.getMessage());
                first = first == null && e instanceof IOException io ? io : first;
            }
        }
        throw new SpreadException(ErrorCode.COULD_NOT_CONNECT, "No connection to daemon " + name + " ("
                + String.join("; ", failures) + "). Is it running there, and is this its port?", first);
    }

    @Override
    public String toString() {
        return name;
    }
}
