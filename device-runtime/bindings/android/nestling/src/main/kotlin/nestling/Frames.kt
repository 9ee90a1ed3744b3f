package nestling

import java.nio.ByteBuffer

/**
 * A frame of a camera: its planes, and how they lie. The buffers are read during a classification only.
 *
 * A buffer begins at its position and ends at its limit. Direct buffers, which cameras give, are read where they lie;
 * others are copied first.
 */
public sealed class Frame {
    /** One plane: RGBA, BGRA, RGB or grey. */
    public class Pixels(public val bytes: ByteBuffer, public val layout: PixelLayout) : Frame()

    /** Luma, and interleaved chroma with blue before red. */
    public class Nv12(public val luma: ByteBuffer, public val chroma: ByteBuffer, public val layout: YuvLayout) : Frame()

    /** Luma, and two planes of chroma: Android's `YUV_420_888`. */
    public class Yuv420888(
        public val luma: ByteBuffer,
        public val blue: ByteBuffer,
        public val red: ByteBuffer,
        public val layout: YuvLayout,
    ) : Frame()
}

/**
 * Classifies a frame with the governor's child, or else with the active one, and gives the [top] most probable classes.
 *
 * Blocks until the answer is there: call it on the camera's thread, or in `withContext(Dispatchers.Default)`.
 */
@Throws(NestlingException::class)
public fun Runtime.classify(frame: Frame, top: UInt = 5u): Answer =
    when (frame) {
        is Frame.Pixels -> classifyPixels(direct(frame.bytes), frame.layout, top)
        is Frame.Nv12 -> classifyNv12(direct(frame.luma), direct(frame.chroma), frame.layout, top)
        is Frame.Yuv420888 ->
            classifyYuv420888(direct(frame.luma), direct(frame.blue), direct(frame.red), frame.layout, top)
    }

/** A direct buffer at position 0 with the same bytes: the library reads from the first byte on, whatever the position. */
private fun direct(buffer: ByteBuffer): ByteBuffer =
    when {
        !buffer.isDirect -> ByteBuffer.allocateDirect(buffer.remaining()).put(buffer.duplicate()).flip() as ByteBuffer
        buffer.position() != 0 -> buffer.slice()
        else -> buffer
    }

/** A plane of Android's `Image` or of CameraX's `ImageProxy`. */
public class FramePlane(public val buffer: ByteBuffer, public val rowStride: Int, public val pixelStride: Int)

/**
 * A frame of Android's `YUV_420_888`, whose [planes] are luma, blue and red; or of `RGBA_8888`, which has one plane.
 *
 * [rotation] is that of `ImageInfo.getRotationDegrees`.
 */
public fun androidFrame(
    width: Int,
    height: Int,
    planes: List<FramePlane>,
    rotation: Int = 0,
    isMirrored: Boolean = false,
): Frame {
    val (columns, rows) = Pair(width.toUInt(), height.toUInt())
    if (planes.size == 1) {
        val stride = planes[0].rowStride.toUInt()
        return Frame.Pixels(
            planes[0].buffer,
            PixelLayout(columns, rows, PixelFormat.RGBA8, stride, rotation, isMirrored),
        )
    }
    require(planes.size == 3) { "a frame has ${planes.size} planes: give 1 of RGBA_8888 or 3 of YUV_420_888" }
    val (luma, blue, red) = planes
    require(luma.pixelStride == 1 && blue.rowStride == red.rowStride && blue.pixelStride == red.pixelStride) {
        "the planes are not those of YUV_420_888: luma has a pixel stride of 1, and both of chroma have the same strides"
    }
    val layout = YuvLayout(
        columns,
        rows,
        lumaStride = luma.rowStride.toUInt(),
        chromaStride = blue.rowStride.toUInt(),
        chromaPixelStride = blue.pixelStride.toUInt(),
        rotation = rotation,
        isMirrored = isMirrored,
    )
    return Frame.Yuv420888(luma.buffer, blue.buffer, red.buffer, layout)
}
