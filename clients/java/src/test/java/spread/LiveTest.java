package spread;

/** x */
public final class LiveTest {
    private LiveTest() {}
}
