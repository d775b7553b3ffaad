package spread;

import java.io.File;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import javax.tools.ToolProvider;

/** The programs in README.md. */
public final class ReadmeTest {
    private static final Pattern PROGRAM = Pattern.compile("```java\n(.*?public class (\\w+).*?)```", Pattern.DOTALL);
    private static final Path DIR = Path.of("build/readme");

    private ReadmeTest() {}

    private static Map<String, String> programs() throws Exception {
        Map<String, String> all = new LinkedHashMap<>();
        Matcher m = PROGRAM.matcher(Files.readString(Path.of("README.md")));
        while (m.find()) {
            all.put(m.group(2), m.group(1));
        }
        return all;
    }

    private static void compile(String name, String text) throws Exception {
        Files.createDirectories(DIR);
        Path file = DIR.resolve(name + ".java");
        Files.writeString(file, text);
        int status = ToolProvider.getSystemJavaCompiler().run(null, null, null, "-Xlint:all", "-Werror",
                "-d", DIR.toString(), "-cp", "build/classes", file.toString());
        Check.equal(0, status);
    }

    /** All of them compile, without a warning. */
    public static void compile() throws Exception {
        Map<String, String> all = programs();
        Check.equal("[Hello, Stay]", all.keySet().toString());
        for (Map.Entry<String, String> p : all.entrySet()) {
            compile(p.getKey(), p.getValue());
        }
    }

    /** The first one does what it says. */
    public static void hello() throws Exception {
        String daemon = AllTests.setting("SPREAD_TEST_DAEMON");
        compile("Hello", programs().get("Hello").replace("\"4803\"", "\"" + daemon + "\""));
        Process p = new ProcessBuilder(System.getProperty("java.home") + "/bin/java", "-cp",
                "build/classes" + File.pathSeparator + DIR, "Hello").redirectErrorStream(true).start();
        String said = new String(p.getInputStream().readAllBytes());
        Check.that(p.waitFor(Check.PATIENCE_SECONDS, TimeUnit.SECONDS), "it did not end");
        Check.that(said.matches("(?s)view .* of group chat: joined by #alice#\\S+; members .*\\R#alice#\\S+ says hello\\R"), said);
    }
}
