package nestling.tests

import java.io.ByteArrayInputStream
import java.nio.ByteBuffer
import javax.imageio.ImageIO
import nestling.Frame
import nestling.NestlingException
import nestling.PixelFormat
import nestling.PixelLayout
import nestling.Runtime
import nestling.YuvLayout
import nestling.YuvMatrix
import nestling.YuvRange
import nestling.classify

/** Frames of cameras: formats, strides, rotation, and where their buffers may lie. */
val frameTests = listOf(
    Test("the same pixels in any format, stride and rotation give the same answer", ::formats),
    Test("planes of luma and chroma give the answer of their pixels", ::planes),
    Test("a buffer may begin anywhere, and need not be direct", ::buffers),
    Test("frames that cannot be are named", ::wrongFrames),
)

private const val SIDE = 28

/** The coat's grey values. */
private val grey: ByteArray = ImageIO.read(ByteArrayInputStream(coat)).let { image ->
    ByteArray(SIDE * SIDE) { image.raster.getSample(it % SIDE, it / SIDE, 0).toByte() }
}

private fun layout(format: PixelFormat, stride: UInt? = null, rotation: Int = 0, isMirrored: Boolean = false) =
    PixelLayout(SIDE.toUInt(), SIDE.toUInt(), format, stride, rotation, isMirrored)

/** Rows of a plane with a gap behind each; the last row has none. */
private fun padded(rows: ByteArray, row: Int, stride: Int): ByteArray {
    val count = rows.size / row
    val bytes = ByteArray((count - 1) * stride + row) { 77 }
    for (index in 0 until count) rows.copyInto(bytes, index * stride, index * row, (index + 1) * row)
    return bytes
}

/** The pixels as a sensor stores them that lies so that they must be turned by 90 degrees clockwise. */
private fun turned(): ByteArray = ByteArray(SIDE * SIDE) {
    val (row, column) = Pair(it / SIDE, it % SIDE)
    grey[column * SIDE + SIDE - 1 - row]
}

private fun formats() = withRuntime { runtime ->
    runtime.switchTo("biggest")
    fun logits(bytes: ByteArray, layout: PixelLayout) = runtime.logits(direct(bytes), layout)
    val expected = logits(grey, layout(PixelFormat.GREY8))
    equal(runtime.classifyPixels(direct(grey), layout(PixelFormat.GREY8)).label, "coat")
    equal(logits(padded(grey, SIDE, 40), layout(PixelFormat.GREY8, 40u)), expected)
    equal(logits(turned(), layout(PixelFormat.GREY8, rotation = 90)), expected)
    equal(logits(grey.reversedArray(), layout(PixelFormat.GREY8, rotation = 180)), expected)
    val mirrored = ByteArray(SIDE * SIDE) { grey[it / SIDE * SIDE + SIDE - 1 - it % SIDE] }
    equal(logits(mirrored, layout(PixelFormat.GREY8, isMirrored = true)), expected)
    check(logits(turned(), layout(PixelFormat.GREY8)) != expected) { "a wrong rotation changes nothing" }
    val rgba = ByteArray(4 * SIDE * SIDE) { if (it % 4 == 3) 9 else grey[it / 4] }
    val rgb = ByteArray(3 * SIDE * SIDE) { grey[it / 3] }
    val coloured = logits(rgba, layout(PixelFormat.RGBA8))
    equal(logits(rgba, layout(PixelFormat.BGRA8)), coloured)
    equal(logits(rgb, layout(PixelFormat.RGB8)), coloured)
    equal(runtime.classify(Frame.Pixels(direct(rgba), layout(PixelFormat.RGBA8))).label, "coat")
}

private fun planes() = withRuntime { runtime ->
    runtime.switchTo("biggest")
    val (half, neutral) = Pair(SIDE / 2, 128.toByte())
    val expected = runtime.classifyPixels(direct(grey), layout(PixelFormat.GREY8))
    val plain = YuvLayout(SIDE.toUInt(), SIDE.toUInt())
    val chroma = direct(ByteArray(half * SIDE) { neutral })
    fun check(answer: nestling.Answer) {
        equal(answer.label, "coat")
        check(Math.abs(answer.probability - expected.probability) < 1e-3) { "$answer, $expected" }
    }
    check(runtime.classifyNv12(direct(grey), chroma, plain))
    val gaps = plain.copy(lumaStride = 64u, chromaStride = 64u)
    val (luma, wide) = Pair(padded(grey, SIDE, 64), padded(ByteArray(half * SIDE) { neutral }, SIDE, 64))
    check(runtime.classify(Frame.Nv12(direct(luma), direct(wide), gaps)))
    val plane = direct(ByteArray(half * half) { neutral })
    check(runtime.classify(Frame.Yuv420888(direct(grey), plane, plane.duplicate(), plain)))
    // As Android's cameras give them: two views of interleaved chroma, the second of which ends one byte earlier.
    val both = direct(ByteArray(half * SIDE) { neutral })
    val red = (both.duplicate().position(1) as ByteBuffer).slice()
    val blue = (both.duplicate().limit(both.capacity() - 1) as ByteBuffer).slice()
    val android = plain.copy(chromaPixelStride = 2u, rotation = 90)
    check(runtime.classify(Frame.Yuv420888(direct(turned()), blue, red, android)))
    check(runtime.classifyNv12(direct(grey), chroma, plain.copy(matrix = YuvMatrix.BT709, range = YuvRange.FULL)))
    // Colours count: chroma that is not neutral gives other values.
    val red255 = direct(ByteArray(half * half) { 255.toByte() })
    val limited = plain.copy(range = YuvRange.LIMITED)
    val other = runtime.classifyYuv420888(direct(grey), plane, red255, limited)
    check(other.probability != expected.probability) { other }
}

private fun buffers() = withRuntime { runtime ->
    val expected = runtime.classifyPixels(direct(grey), layout(PixelFormat.GREY8)).guesses
    fun guesses(bytes: ByteBuffer, layout: PixelLayout = layout(PixelFormat.GREY8)) =
        runtime.classify(Frame.Pixels(bytes, layout)).guesses
    val within = ByteBuffer.allocateDirect(grey.size + 200)
    within.position(100)
    within.put(grey).limit(100 + grey.size).position(100)
    equal(guesses(within), expected)
    equal(within.position(), 100)
    equal(guesses(ByteBuffer.wrap(grey)), expected)
    equal(guesses(ByteBuffer.wrap(ByteArray(7) + grey, 7, grey.size)), expected)
    equal(guesses(direct(grey).asReadOnlyBuffer()), expected)
    try {
        runtime.classifyPixels(ByteBuffer.wrap(grey), layout(PixelFormat.GREY8))
        throw AssertionError("a buffer that is not direct was read")
    } catch (refused: IllegalArgumentException) {
        check("direct" in refused.message!!) { refused }
    }
}

private fun wrongFrames() = withRuntime { runtime ->
    fun pixels(bytes: ByteArray, layout: PixelLayout) = runtime.classify(Frame.Pixels(direct(bytes), layout))
    val short = fails("image_length") { pixels(grey.copyOf(100), layout(PixelFormat.GREY8)) }
    check(short is NestlingException.Image) { short }
    fails("image_length") { pixels(ByteArray(0), layout(PixelFormat.GREY8)) }
    fails("image_stride") { pixels(grey, layout(PixelFormat.GREY8, 5u)) }
    fails("image_rotation") { pixels(grey, layout(PixelFormat.GREY8, rotation = 45)) }
    fails("image_size") { pixels(grey, layout(PixelFormat.GREY8).copy(width = 0u)) }
    val plane = direct(ByteArray(10))
    val yuv = YuvLayout(SIDE.toUInt(), SIDE.toUInt())
    fails("image_plane") { runtime.classifyNv12(direct(grey), plane, yuv) }
    val large = direct(ByteArray(2 * SIDE * SIDE))
    fails("image_pixel_stride") {
        runtime.classifyYuv420888(direct(grey), large, large, yuv.copy(chromaPixelStride = 0u))
    }
    fails("invalid_argument") { runtime.classifyPixels(direct(grey), layout(PixelFormat.GREY8), 0u) }
    Unit
}
