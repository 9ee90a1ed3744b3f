package nestling.tests

import java.io.File
import java.nio.ByteBuffer
import kotlinx.coroutines.runBlocking
import nestling.PixelFormat
import nestling.PixelLayout
import nestling.Runtime

private const val CALLS = 2000
private const val CLASSIFICATIONS = 65

/** The fastest counts, because other programs slow the others down. */
private const val ROUNDS = 5

/**
 * Classifies raw RGBA frames and prints each one's logits: `cargo xtask bindings` compares them with Rust's.
 *
 * Arguments: bundle, frames, width, height. Prints one JSON line for each frame, and last the time of the cheapest call, and
 * of a classification above the time of Rust's work in it. The first frame is answered by the active child, all others by the one with the most multiply-adds.
 */
fun main(arguments: Array<String>) = runBlocking {
    val (bundle, path, width, height) = arguments
    val layout = PixelLayout(width.toUInt(), height.toUInt(), PixelFormat.RGBA8)
    val size = 4 * width.toInt() * height.toInt()
    val frame = ByteBuffer.allocateDirect(size)
    Runtime.open(bundle).use { runtime ->
        File(path).inputStream().use { file ->
            while (true) {
                val bytes = file.readNBytes(size)
                if (bytes.size < size) break
                frame.clear()
                frame.put(bytes)
                frame.rewind()
                println("{\"logits\": ${runtime.logits(frame, layout)}}")
                runtime.switchTo(runtime.children().last().name)
            }
        }
        val rounds = (0 until ROUNDS).map {
            val start = System.nanoTime()
            repeat(CALLS) { runtime.memory() }
            System.nanoTime() - start
        }
        val above = (0 until CLASSIFICATIONS).map {
            val start = System.nanoTime()
            val answer = runtime.classifyPixels(frame, layout, 1u)
            (System.nanoTime() - start) / 1e3 - answer.milliseconds * 1e3
        }
        val call = "\"call\": \"memory\", \"call_overhead_us\": ${rounds.min() / 1e3 / CALLS}"
        println("{$call, \"classify_overhead_us\": ${above.sorted()[CLASSIFICATIONS / 2]}}")
    }
}
