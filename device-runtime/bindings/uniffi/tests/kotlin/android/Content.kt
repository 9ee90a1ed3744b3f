// Declarations of the calls that the package uses, written from the reference pages: its Kotlin is compiled against them.
@file:Suppress("unused", "UNUSED_PARAMETER")

package android.content

import android.content.res.AssetManager
import java.io.File
import java.util.concurrent.Executor

abstract class Context {
    val assets: AssetManager
        get() = throw NotImplementedError()
    val cacheDir: File
        get() = throw NotImplementedError()
    val noBackupFilesDir: File
        get() = throw NotImplementedError()
    val mainExecutor: Executor
        get() = throw NotImplementedError()

    fun getSystemService(name: String): Any = throw NotImplementedError()

    fun getExternalFilesDir(type: String?): File? = throw NotImplementedError()

    companion object {
        const val POWER_SERVICE = "power"
    }
}

class Intent(context: Context, activity: Class<*>)
