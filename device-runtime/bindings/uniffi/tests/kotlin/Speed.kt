package nestling.tests

import java.nio.ByteBuffer
import kotlinx.coroutines.runBlocking
import nestling.Frame
import nestling.PixelFormat
import nestling.PixelLayout
import nestling.Runtime
import nestling.ThermalHint
import nestling.classify

private fun microseconds(count: Int, call: () -> Unit): Double {
    repeat(count / 4) { call() }
    val times = (0 until count).map { System.nanoTime().let { start -> call().let { System.nanoTime() - start } } }
    return times.sorted()[count / 2] / 1e3
}

/** Prints the median times of calls, and what a classification takes beside that in Rust. */
fun main() = runBlocking {
    Runtime.open(bundlePath).use { runtime ->
        println("active()               %8.1f us".format(microseconds(4000) { runtime.active() }))
        println("setThermalHint()       %8.1f us".format(microseconds(4000) { runtime.setThermalHint(ThermalHint.FAIR) }))
        println("memory()               %8.1f us".format(microseconds(4000) { runtime.memory() }))
        for ((width, height) in listOf(Pair(28, 28), Pair(640, 480), Pair(1920, 1080))) {
            val layout = PixelLayout(width.toUInt(), height.toUInt(), PixelFormat.RGBA8)
            val frame = Frame.Pixels(ByteBuffer.allocateDirect(4 * width * height), layout)
            val beside = (0 until 400).map {
                val start = System.nanoTime()
                val answer = runtime.classify(frame)
                Pair((System.nanoTime() - start) / 1e3 - 1e3 * answer.milliseconds, answer.milliseconds)
            }.drop(100)
            val (above, within) = Pair(beside.map { it.first }.sorted()[150], beside.map { it.second }.sorted()[150])
            println("classify %4d x %4d    %8.1f us above Rust's %.2f ms".format(width, height, above, within))
        }
    }
}
