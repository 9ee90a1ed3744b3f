package nestling.sample

import nestling.Frame
import nestling.GovernorEvent
import nestling.NestlingException
import nestling.CallProgress
import nestling.Runtime
import nestling.classify
import nestling.code
import nestling.onGovernorEvent
import nestling.onProgress
import nestling.text

/** The lines of the screen. */
data class Screen(
    val label: String = "",
    val percent: Double = 0.0,
    val child: String = "",
    val milliseconds: Double = 0.0,
    val message: String = "",
)

/** Classifies frames under a budget. It names nothing of Android, so that a test on the JVM runs it. */
class LiveSession(
    private val runtime: Runtime,
    private val profilePath: String,
    @Volatile private var budgetMs: Double,
    private val show: (Screen) -> Unit,
) {
    private var screen = Screen()

    @Volatile private var isGoverned = false

    /** Measures the device unless its file knows it, and puts a governor in charge. */
    suspend fun start() {
        runtime.profile(profilePath, onProgress { tell("measuring this device: ${(100 * it.fraction).toInt()} %") })
        val state = runtime.govern(budgetMs, onGovernorEvent { tell(words(it)) })
        isGoverned = true
        change { copy(child = state.child) }
        // The slider may have moved meanwhile.
        setBudget(budgetMs)
    }

    /** The slider moved; until the governor is in charge, the budget waits for it. */
    fun setBudget(budgetMs: Double) {
        this.budgetMs = budgetMs
        if (!isGoverned) return
        try {
            runtime.setBudget(budgetMs)
            tell("budget of $budgetMs ms")
        } catch (error: NestlingException) {
            tell("${error.text} (${error.code})")
        }
    }

    /** A frame came; called on the camera's thread. */
    fun frame(frame: Frame) {
        try {
            val answer = runtime.classify(frame, 1u)
            change {
                copy(
                    label = answer.label,
                    percent = 100 * answer.probability,
                    child = answer.child ?: "",
                    milliseconds = answer.milliseconds,
                )
            }
        } catch (error: NestlingException.DeviceLost) {
            tell("the GPU is gone: close the screen and open it again (${error.code})")
        } catch (error: NestlingException) {
            tell("${error.text} (${error.code})")
        }
    }

    /** Stores what choices have learned. Call it before the runtime is closed. */
    suspend fun stop() {
        // Without a profile this would measure one.
        if (!isGoverned) return
        isGoverned = false
        runtime.profile(profilePath)
        runtime.stopGoverning()
    }

    private fun tell(message: String) = change { copy(message = message) }

    @Synchronized
    private fun change(next: Screen.() -> Screen) {
        screen = screen.next()
        show(screen)
    }

    private fun words(event: GovernorEvent): String =
        when (event) {
            is GovernorEvent.StepDown -> "down to ${event.child}: ${event.reason}"
            is GovernorEvent.StepUp -> "up to ${event.child}"
            is GovernorEvent.TooSlow -> "even ${event.child} is too slow for this budget"
            is GovernorEvent.Recovered -> "${event.child} keeps the budget again"
        }
}

/** A child in the table of the benchmark. */
data class BenchmarkRow(val child: String, val accuracy: Double?, val predictedMs: Double?, val p50: Double?, val p95: Double?)

/** Measures this device, writes its profile and returns the times of its children. */
suspend fun benchmark(runtime: Runtime, profilePath: String, progress: (CallProgress) -> Unit): List<BenchmarkRow> {
    runtime.profile(profilePath, onProgress(progress))
    return runtime.children().map { child ->
        BenchmarkRow(child.name, child.accuracy, child.predictedMs, child.measured?.p50, child.measured?.p95)
    }
}
