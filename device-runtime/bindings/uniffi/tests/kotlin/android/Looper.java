// Declarations of the calls that the package uses, written from the reference pages. They are Java, as Android is, so that
// what Kotlin compiles against them calls the real classes.
package android.os;

public final class Looper {
    public static native Looper getMainLooper();
}
