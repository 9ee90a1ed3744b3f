// Declarations of the calls that the package uses, written from the reference pages: its Kotlin is compiled against them.
@file:Suppress("unused", "UNUSED_PARAMETER")

package android.media

import java.nio.ByteBuffer

abstract class Image {
    abstract val width: Int
    abstract val height: Int
    abstract val planes: Array<Plane>

    abstract class Plane {
        abstract val buffer: ByteBuffer
        abstract val rowStride: Int
        abstract val pixelStride: Int
    }
}
