package nestling.android

import android.content.Context
import android.media.Image
import java.io.File
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.withContext
import nestling.Frame
import nestling.FramePlane
import nestling.Options
import nestling.Runtime
import nestling.androidFrame

/** A frame of `ImageReader`; it is read until the image is closed. */
public fun Image.toFrame(rotation: Int = 0, isMirrored: Boolean = false): Frame {
    val planes = planes.map { FramePlane(it.buffer, it.rowStride, it.pixelStride) }
    return androidFrame(width, height, planes, rotation, isMirrored)
}

/**
 * Opens a bundle of the app's assets, with compiled kernels kept in the app's cache for the next start. Throws
 * `FileNotFoundException` where there is no such asset, and `NestlingException` for all else.
 */
public suspend fun openAsset(context: Context, name: String, options: Options = Options()): Runtime {
    val bundle = withContext(Dispatchers.IO) { context.assets.open(name).use { it.readBytes() } }
    val cache = options.pipelineCache ?: File(context.cacheDir, "nestling").path
    return Runtime.openBytes(bundle, options.copy(pipelineCache = cache))
}

/** The file of this device's profile; a backup to another device does not carry it. */
public fun profilePath(context: Context): String = File(context.noBackupFilesDir, "nestling.profile.json").path
