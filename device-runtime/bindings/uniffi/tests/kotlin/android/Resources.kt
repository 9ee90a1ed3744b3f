// Declarations of the calls that the package uses, written from the reference pages: its Kotlin is compiled against them.
@file:Suppress("unused", "UNUSED_PARAMETER")

package android.content.res

import java.io.InputStream

abstract class AssetManager {
    abstract fun open(name: String): InputStream
}
