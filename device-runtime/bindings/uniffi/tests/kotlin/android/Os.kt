// Declarations of the calls that the package uses, written from the reference pages: its Kotlin is compiled against them.
@file:Suppress("unused", "UNUSED_PARAMETER")

package android.os

class Build {
    object VERSION {
        val SDK_INT: Int = 0
    }

    object VERSION_CODES {
        const val Q = 29
        const val R = 30
    }
}

abstract class Looper {
    companion object {
        fun getMainLooper(): Looper = throw NotImplementedError()
    }
}

class Handler(looper: Looper) {
    fun post(action: Runnable): Boolean = throw NotImplementedError()

    fun postDelayed(action: Runnable, milliseconds: Long): Boolean = throw NotImplementedError()

    fun removeCallbacks(action: Runnable): Unit = throw NotImplementedError()
}

abstract class PowerManager {
    abstract val currentThermalStatus: Int

    abstract fun getThermalHeadroom(forecastSeconds: Int): Float
}

class Bundle
