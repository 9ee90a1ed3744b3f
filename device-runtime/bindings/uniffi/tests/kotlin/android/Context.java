// Declarations of the calls that the package uses, written from the reference pages. They are Java, as Android is, so that
// what Kotlin compiles against them calls the real classes.
package android.content;

public abstract class Context {
    public static final String POWER_SERVICE = "power";

    public native android.content.res.AssetManager getAssets();

    public native java.io.File getCacheDir();

    public native java.io.File getNoBackupFilesDir();

    public native java.io.File getExternalFilesDir(String type);

    public native Object getSystemService(String name);
}
