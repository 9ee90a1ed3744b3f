package guide

import java.io.File
import java.nio.ByteBuffer
import kotlinx.coroutines.runBlocking
import nestling.FramePlane

/** Calls every function of docs/kotlin.md that is not Android's: bundle, picture, folder. */
fun main(arguments: Array<String>) = runBlocking {
    val (bundle, picture, folder) = arguments
    val profile = File(folder, "profile.json").path
    check(openBundle("no such file", folder) == null)
    val runtime = openBundle(bundle, File(folder, "cache").path)!!
    classifyPhotograph(runtime, picture)
    measureForAWhile(runtime)
    // The cancelled call ends at its next report.
    while (true) {
        try {
            measure(runtime, profile)
            break
        } catch (busy: nestling.NestlingException.Busy) {
            kotlinx.coroutines.delay(20)
        }
    }
    choose(runtime, 1e-6)
    choose(runtime, 1e6)
    hold(runtime, 1e6)
    val luma = FramePlane(ByteBuffer.allocateDirect(64 * 48), 64, 1)
    val chroma = FramePlane(ByteBuffer.allocateDirect(32 * 24), 32, 1)
    classifyFrame(runtime, 64, 48, listOf(luma, chroma, chroma), 90)
    closeBundle(runtime, profile)
    println("done")
}
