// Declarations of the calls that the package uses, written from the reference pages. They are Java, as Android is, so that
// what Kotlin compiles against them calls the real classes.
package android.os;

public class Build {
    public static class VERSION {
        public static final int SDK_INT = Integer.parseInt("0");
    }

    public static class VERSION_CODES {
        public static final int Q = 29;
        public static final int R = 30;
    }
}
