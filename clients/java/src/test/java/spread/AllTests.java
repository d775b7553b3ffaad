package spread;

import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.lang.reflect.Modifier;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;

/** Runs the tests: every public static method without parameters of these classes. Arguments choose classes. */
public final class AllTests {
    private static final List<Class<?>> CLASSES = List.of(AddressTest.class, FramerTest.class, VectorsTest.class,
            ObjectTest.class, MessageTest.class, HandshakeTest.class, ReceiveTest.class, SendTest.class, CloseTest.class,
            ListenerTest.class, PublisherTest.class, ReconnectTest.class, LiveTest.class, OldProgramsTest.class,
            ReadmeTest.class);

    private AllTests() {}

    /** Ends with status 1 if a test failed. */
    public static void main(String[] args) {
        int passed = 0;
        List<String> failed = new ArrayList<>();
        List<String> skipped = new ArrayList<>();
        for (Class<?> c : CLASSES) {
            if (args.length > 0 && !Arrays.asList(args).contains(c.getSimpleName())) {
                continue;
            }
            for (Method m : tests(c)) {
                String name = c.getSimpleName() + "." + m.getName();
                try {
                    m.invoke(null);
                    passed++;
                } catch (InvocationTargetException e) {
                    if (e.getCause() instanceof Skip) {
                        skipped.add(name + ": " + e.getCause().getMessage());
                        continue;
                    }
                    failed.add(name);
                    System.err.print(name + ": ");
                    e.getCause().printStackTrace();
                } catch (IllegalAccessException e) {
                    throw new AssertionError(e);
                }
            }
        }
        skipped.forEach(s -> System.out.println("skipped " + s));
        System.out.println(passed + " passed, " + skipped.size() + " skipped, " + failed.size() + " failed " + failed);
        System.exit(failed.isEmpty() ? 0 : 1);
    }

    private static List<Method> tests(Class<?> c) {
        return Arrays.stream(c.getDeclaredMethods())
                .filter(m -> Modifier.isPublic(m.getModifiers()) && m.getParameterCount() == 0)
                .sorted(Comparator.comparing(Method::getName)).toList();
    }

    /** Says why a test cannot run here. */
    static final class Skip extends RuntimeException {
        private static final long serialVersionUID = 1L;

        Skip(String why) {
            super(why);
        }
    }

    /** Returns a setting of the runner; without it the test is skipped. */
    static String setting(String name) {
        String s = System.getenv(name);
        if (s == null || s.isEmpty()) {
            throw new Skip("no " + name);
        }
        return s;
    }
}
