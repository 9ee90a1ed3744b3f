// Declarations of the calls that the package uses, written from the reference pages: its Kotlin is compiled against them.
@file:Suppress("unused", "UNUSED_PARAMETER")

package androidx.camera.core

import java.nio.ByteBuffer
import java.util.concurrent.Executor

interface ImageInfo {
    val rotationDegrees: Int
}

interface ImageProxy : AutoCloseable {
    val width: Int
    val height: Int
    val planes: Array<PlaneProxy>
    val imageInfo: ImageInfo

    interface PlaneProxy {
        val buffer: ByteBuffer
        val rowStride: Int
        val pixelStride: Int
    }
}

abstract class UseCase

class CameraSelector private constructor() {
    companion object {
        val DEFAULT_BACK_CAMERA: CameraSelector = throw NotImplementedError()
    }
}

class Preview private constructor() : UseCase() {
    interface SurfaceProvider

    fun setSurfaceProvider(provider: SurfaceProvider?): Unit = throw NotImplementedError()

    class Builder {
        fun build(): Preview = throw NotImplementedError()
    }
}

class ImageAnalysis private constructor() : UseCase() {
    fun interface Analyzer {
        fun analyze(image: ImageProxy)
    }

    fun setAnalyzer(executor: Executor, analyzer: Analyzer): Unit = throw NotImplementedError()

    class Builder {
        fun setBackpressureStrategy(strategy: Int): Builder = throw NotImplementedError()

        fun build(): ImageAnalysis = throw NotImplementedError()
    }

    companion object {
        const val STRATEGY_KEEP_ONLY_LATEST = 0
    }
}
