// Declarations of the calls that the package uses, written from the reference pages: its Kotlin is compiled against them.
@file:Suppress("unused", "UNUSED_PARAMETER")

package android

class Manifest {
    object permission {
        const val CAMERA = "android.permission.CAMERA"
    }
}
