// Declarations of the calls that the package uses, written from the reference pages. They are Java, as Android is, so that
// what Kotlin compiles against them calls the real classes.
package android.os;

public class Handler {
    public Handler(Looper looper) {}

    public final native boolean post(Runnable action);

    public final native boolean postDelayed(Runnable action, long milliseconds);

    public final native void removeCallbacks(Runnable action);
}
