// Declarations of the calls that the package uses, written from the reference pages. They are Java, as Android is, so that
// what Kotlin compiles against them calls the real classes.
package android.media;

public abstract class Image {
    public abstract int getWidth();

    public abstract int getHeight();

    public abstract Plane[] getPlanes();

    public abstract static class Plane {
        public abstract java.nio.ByteBuffer getBuffer();

        public abstract int getRowStride();

        public abstract int getPixelStride();
    }
}
