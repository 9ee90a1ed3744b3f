package nestling.tests

import java.io.File
import java.nio.ByteBuffer
import kotlinx.coroutines.runBlocking
import nestling.Frame
import nestling.FramePlane
import nestling.PixelFormat
import nestling.Runtime
import nestling.ThermalHint
import nestling.androidFrame
import nestling.classify
import nestling.sample.LiveSession
import nestling.sample.Screen
import nestling.sample.benchmark
import nestling.thermalHintOfStatus

/** The part of the Android package and of its sample that is not Android's. */
val liveTests = listOf(
    Test("planes of Android's images are frames", ::androidFrames),
    Test("thermal statuses have their hints", ::statuses),
    Test("the sample classifies frames under the slider's budget", ::live),
    Test("the benchmark writes a profile and lists the children", ::writesProfile),
)

private fun planes(width: Int, height: Int): List<FramePlane> {
    val chroma = ByteBuffer.allocateDirect(width * height / 2)
    repeat(chroma.capacity()) { chroma.put(it, 128.toByte()) }
    val red = (chroma.duplicate().position(1) as ByteBuffer).slice()
    val luma = ByteBuffer.allocateDirect((width + 4) * height)
    repeat(luma.capacity()) { luma.put(it, (it * 37 % 251).toByte()) }
    return listOf(FramePlane(luma, width + 4, 1), FramePlane(chroma, width, 2), FramePlane(red, width, 2))
}

private fun androidFrames() = withRuntime { runtime ->
    val frame = androidFrame(64, 48, planes(64, 48), 90) as Frame.Yuv420888
    equal(Triple(frame.layout.lumaStride, frame.layout.chromaStride, frame.layout.rotation), Triple(68u, 64u, 90))
    equal(frame.layout.chromaPixelStride, 2u)
    equal(runtime.classify(frame).guesses.size, 5)
    val rgba = androidFrame(8, 8, listOf(FramePlane(ByteBuffer.allocateDirect(4 * 8 * 8), 32, 4))) as Frame.Pixels
    equal(Pair(rgba.layout.format, rgba.layout.stride), Pair(PixelFormat.RGBA8, 32u))
    equal(runtime.classify(rgba).guesses.size, 5)
    for (wrong in listOf(planes(8, 8).drop(1), planes(8, 8).reversed())) {
        try {
            androidFrame(8, 8, wrong)
            throw AssertionError("a wrong frame was taken")
        } catch (refused: IllegalArgumentException) {
            check("planes" in refused.message!!) { refused }
        }
    }
}

private fun statuses() {
    val hints = (-1..6).map { thermalHintOfStatus(it) }
    equal(hints, ThermalHint.values().toList() + List(3) { ThermalHint.CRITICAL })
    // The hotter of two hints is the greater one.
    equal(maxOf(ThermalHint.UNKNOWN, ThermalHint.NOMINAL, ThermalHint.SERIOUS), ThermalHint.SERIOUS)
}

private fun live() = untilTrue { runtime ->
    withFolder { folder -> runBlocking { live(runtime, File(folder, "profile.json")) } }
}

/** Returns whether the governor had a step down to take. */
private suspend fun live(runtime: Runtime, path: File): Boolean {
    val shown = mutableListOf<Screen>()
    val session = LiveSession(runtime, path.path, 3 * ANY_BUDGET) { shown.add(it) }
    // The slider moves before there is a governor, and the app may end before there is a profile.
    session.setBudget(ANY_BUDGET)
    session.stop()
    check(!path.exists()) { "a profile was measured at the end" }
    session.start()
    equal(runtime.governor().limitMs, ANY_BUDGET)
    check(shown.any { "measuring this device" in it.message } && path.isFile) { shown }
    val child = shown.last().child
    session.frame(androidFrame(64, 48, planes(64, 48), 90))
    check(shown.last().label != "" && shown.last().percent > 0 && shown.last().milliseconds > 0) { shown.last() }
    equal(shown.last().child, child)
    runtime.setThermalHint(ThermalHint.CRITICAL)
    repeat(2) { session.frame(androidFrame(64, 48, planes(64, 48))) }
    if (runtime.governor().child == child) return false
    check(shown.last().message.startsWith("down to ") && shown.last().child != child) { shown.last() }
    session.setBudget(2 * ANY_BUDGET)
    equal(runtime.governor().limitMs, 2 * ANY_BUDGET)
    session.setBudget(-1.0)
    check("governor_no_duration" in shown.last().message) { shown.last() }
    session.frame(androidFrame(640, 480, planes(64, 48)))
    check("image_" in shown.last().message) { shown.last() }
    session.stop()
    fails("not_governed") { runtime.governor() }
    return true
}

private fun writesProfile() = withFolder { folder ->
    val path = File(folder, "device.profile.json")
    withRuntime { runtime ->
        val fractions = mutableListOf<Double>()
        val rows = benchmark(runtime, path.path) { fractions.add(it.fraction) }
        equal(rows.map { it.child }, runtime.children().map { it.name })
        check(rows.all { it.predictedMs!! > 0 } && rows.any { it.p50 != null } && fractions.size > 3) { rows }
        check("\"device\"" in path.readText()) { "no profile was written" }
    }
}
