package spread;

/** x */
public final class OldProgramsTest {
    private OldProgramsTest() {}
}
