package spread;

import classic.OldProgram;

/** Programs for the classic client. */
public final class OldProgramsTest {
    private static final String GROUP = "java-old";

    private OldProgramsTest() {}

    private static OldProgram start(String user, boolean listen) throws SpreadException {
        String[] at = AllTests.setting("SPREAD_TEST_DAEMON").split("@");
        return new OldProgram(at[1], Integer.parseInt(at[0]), user, GROUP, listen);
    }

    /** The daemon may have any name. */
    private static void saw(OldProgram p) {
        Check.equal("release 5: [java-old has 1, sets 1 of 1, joined #jold, #jold to 1: 7 hi 42, #jold to 1: hi, "
                + "#jold to 1: hi, java-old left]", p.toString().replaceAll("#jold#[^,: ]+", "#jold"));
    }

    /** One that receives. */
    public static void receiving() throws Exception {
        OldProgram p = start("jold", false);
        p.send("hi", 42);
        p.receive(4);
        p.leave();
        p.receive(1);
        saw(p);
        p.quit();
    }

    /** One that listens. */
    public static void listening() throws Exception {
        OldProgram p = start("jold", true);
        p.waitFor(1);
        p.send("hi", 42);
        p.waitFor(4);
        p.leave();
        p.waitFor(5);
        saw(p);
        p.quit();
    }
}
