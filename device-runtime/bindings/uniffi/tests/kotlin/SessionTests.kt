package nestling.tests

import java.awt.image.BufferedImage
import java.io.ByteArrayOutputStream
import java.io.File
import javax.imageio.ImageIO
import kotlinx.coroutines.runBlocking
import nestling.Arithmetic
import nestling.GovernorEvent
import nestling.NestlingException
import nestling.Options
import nestling.PixelFormat
import nestling.PixelLayout
import nestling.CallProgress
import nestling.Quantile
import nestling.Runtime
import nestling.StepReason
import nestling.ThermalHint
import nestling.WeightStorage
import nestling.libraryVersion
import nestling.listAdapters
import nestling.onGovernorEvent
import nestling.onProgress
import nestling.readBundle
import nestling.thermalHintOfHeadroom
import nestling.thermalHintOfIosState

/** Opening, profiles, choices, switches and governors. */
val sessionTests = listOf(
    Test("a bundle tells its labels and children", ::bundleFacts),
    Test("a runtime opens a file or bytes, on an adapter that is named", ::opening),
    Test("options are passed on", ::options),
    Test("every picture of the examples gets its label", ::pictures),
    Test("a photograph of twelve megapixels is reduced to what the runtime takes", ::photograph),
    Test("a profile is measured once, stored, and taken again", ::profiles),
    Test("a file of another kind stays, and an unwritable place costs no profile", ::foreignFiles),
    Test("a choice is active and says why", ::choices),
    Test("a governor serves, tells its steps and ends", ::governors),
    Test("a budget that no child keeps is told once, and its end too", ::tooSlow),
    Test("thermal states have their hints", ::hints),
)

private fun bundleFacts() = runBlocking {
    val bundle = readBundle(bundlePath)
    equal(Triple(bundle.labels.size, bundle.labels[4], bundle.space), Triple(10, "coat", "fashion"))
    equal(bundle.fileBytes, File(bundlePath).length().toULong())
    equal(Pair(bundle.children.first().name, bundle.children.last().name), Pair("smallest", "biggest"))
    equal(bundle.children.map { it.madds }, bundle.children.map { it.madds }.sorted())
    check(bundle.children.all { it.mayAnswer && it.predictedMs == null && it.measured == null }) { bundle }
    equal(libraryVersion(), System.getenv("NESTLING_VERSION"))
}

private fun opening() = runBlocking {
    val adapters = listAdapters()
    equal(adapters[0].index, 0u)
    Runtime.open(bundlePath, Options(adapter = "0")).use { runtime ->
        equal(runtime.adapter().name, adapters[0].name)
        equal(runtime.replaced(), emptyList<String>())
        equal(runtime.active(), "smallest")
        equal(runtime.labels().size, 10)
        check(runtime.memory().gpu >= runtime.memory().weights && runtime.memory().weights > 0u) { runtime.memory() }
    }
    Runtime.openBytes(File(bundlePath).readBytes()).use { equal(it.classify(coat).label, "coat") }
    val error = fails("no_adapter") { Runtime.open(bundlePath, Options(adapter = "Voodoo 2")) }
    check(error is NestlingException.Gpu && error.text.contains(adapters[0].name)) { error }
    fails("bundle_not_a_bundle") { Runtime.openBytes(ByteArray(100)) }
    fails("bundle_open") { Runtime.open("no such file") }
    fails("bundle_open") { readBundle("no such file") }
    Unit
}

private fun options() = withFolder { folder ->
    runBlocking {
        for (storage in WeightStorage.values()) {
            val options = Options(
                weightStorage = storage, arithmetic = Arithmetic.F32, answersInFlight = 1u, imageSide = 28u,
                pipelineCache = File(folder, "cache").path, timeoutMs = 20_000u,
            )
            Runtime.open(bundlePath, options).use { equal(it.classify(coat).label, "coat") }
        }
        Runtime.open(bundlePath, Options(maxImageSide = 16u)).use { runtime ->
            val error = fails("image_too_large") { runtime.classify(coat) } as NestlingException.ImageTooLarge
            equal(Pair(error.side, error.max), Pair(28u, 16u))
            check("`maxImageSide` 28" in error.text) { error }
        }
    }
}

private fun pictures() = withRuntime { runtime ->
    runtime.switchTo("biggest")
    val files = assets.listFiles { file -> file.extension == "png" }!!
    equal(files.size, 10)
    for (file in files) {
        val answer = runtime.classify(file.readBytes(), 3u)
        equal(answer.label.lowercase().replace(" ", "-").replace("/top", ""), file.nameWithoutExtension)
        equal(answer.guesses.size, 3)
        equal(Pair(answer.guesses[0].label, answer.guesses[0].probability), Pair(answer.label, answer.probability))
        equal(answer.child, "biggest")
        check(answer.milliseconds > 0) { answer }
        equal(runtime.classifyBlocking(direct(file.readBytes())).label, answer.label)
    }
}

private fun photograph() = withRuntime { runtime ->
    val small = ImageIO.read(File(assets, "coat.png"))
    for ((width, height) in listOf(Pair(4000, 3000), Pair(3000, 4000))) {
        val large = BufferedImage(width, height, BufferedImage.TYPE_INT_RGB)
        val side = minOf(width, height)
        large.graphics.drawImage(small, (width - side) / 2, (height - side) / 2, side, side, null)
        val file = ByteArrayOutputStream()
        check(ImageIO.write(large, "jpg", file)) { "there is no writer of JPEG" }
        equal(runtime.classify(file.toByteArray()).label, "coat")
    }
    // A frame has no copy to reduce.
    val frame = direct(ByteArray(2000 * 2000))
    fails("image_too_large") { runtime.classifyPixels(frame, PixelLayout(2000u, 2000u, PixelFormat.GREY8)) }
    Unit
}

private fun profiles() = withFolder { folder ->
    val (path, old) = Pair(File(folder, "profile.json"), File(folder, "profile.json.old"))
    withRuntime { runtime ->
        val seen = mutableListOf<CallProgress>()
        equal(runtime.profileFacts(), null)
        check(runtime.profile(path.path, onProgress { synchronized(seen) { seen.add(it) } })) { "it was not measured" }
        check(seen.size > 3 && seen.all { it.fraction in 0.0..1.0 }) { seen }
        check(seen.any { it.phase == "timing layers" }) { seen }
        val facts = runtime.profileFacts()!!
        check(facts.device.contains(runtime.adapter().name) && facts.informativeChildren > 0u) { facts }
        val times = runtime.children().mapNotNull { it.measured }
        check(times.isNotEmpty() && times.all { 0 < it.p50 && it.p50 <= it.p90 && it.p90 <= it.p95 }) { times }
        check(runtime.children().all { it.predictedMs!! > 0 }) { runtime.children() }
        val stored = path.readText()
        runtime.choose(ANY_BUDGET)
        check(!runtime.profile(path.path)) { "it was measured again" }
        check(path.readText() != stored && !old.exists()) { "what the choice learned is not stored" }
    }
    withRuntime { check(!it.profile(path.path) && it.profileFacts() != null) { "the stored one was not taken" } }
    val half = path.readText().let { it.substring(0, it.length / 2) }
    path.writeText(half)
    withRuntime { check(it.profile(path.path)) { "the damaged one was taken" } }
    equal(old.readText(), half)
}

private fun foreignFiles() = withFolder { folder ->
    withRuntime { runtime ->
        val notes = File(folder, "notes.txt").apply { writeText("my notes") }
        val error = fails("profile_not_a_profile") { runtime.profile(notes.path) }
        check(error is NestlingException.Profile) { error }
        equal(notes.readText(), "my notes")
        val unwritable = fails("profile_write") { runtime.profile(File(folder, "no/such/profile.json").path) }
        check(unwritable is NestlingException.ProfileNotStored && runtime.profileFacts() != null) { unwritable }
    }
}

private fun choices() = untilTrue { runtime ->
    val choice = runtime.choose(ANY_BUDGET, Quantile.P50)
    equal(Triple(choice.child, choice.nextBetter, runtime.active()), Triple("biggest", null, "biggest"))
    equal(Pair(choice.budgetMs, choice.quantile), Pair(ANY_BUDGET, Quantile.P50))
    check("most accurate child" in choice.why && choice.predictedMs > 0 && choice.switchedUs >= 0) { choice }
    val faster = choice.nextFaster ?: return@untilTrue false
    check(runtime.switchTo(faster) > 0) { "a switch takes time" }
    equal(runtime.active(), faster)
    val unknown = fails("unknown_child") { runtime.switchTo("huge") } as NestlingException.UnknownChild
    check(unknown.name == "huge" && "smallest" in unknown.text) { unknown }
    runtime.switchTo("biggest")
    val below = fails("below_fastest") { runtime.choose(1e-6, Quantile.P90) } as NestlingException.BelowFastest
    check(below.fastest in runtime.children().map { it.name }) { below }
    equal(below.neededMs, below.measured.p90)
    equal(runtime.active(), "biggest")
    check(fails("invalid_budget") { runtime.choose(-1.0) } is NestlingException.InvalidBudget) { "not that variant" }
    val budgets = runtime.typicalBudgets(3u, Quantile.P50)
    check(budgets.size in 1..3 && budgets == budgets.sorted()) { budgets }
    true
}

private fun governors() = untilTrue { runtime ->
    fails("not_governed") { runtime.governor() }
    fails("not_governed") { runtime.setBudget(5.0) }
    val events = mutableListOf<GovernorEvent>()
    // The listener may switch nothing, but call the runtime.
    val listener = onGovernorEvent { events.add(it).also { runtime.governor() } }
    val first = runtime.govern(ANY_BUDGET, listener)
    equal(Triple(first.limitMs, first.isTooSlow, first.p95Ms), Triple(ANY_BUDGET, false, null))
    equal(runtime.classify(coat).child, first.child)
    equal(events.size, 0)
    runtime.setThermalHint(ThermalHint.CRITICAL)
    runtime.classify(coat)
    val cooler = runtime.governor().child
    if (cooler == first.child) return@untilTrue false
    equal(events.toList(), listOf<GovernorEvent>(GovernorEvent.StepDown(cooler, StepReason.HEAT)))
    check(fails("governor_no_duration") { runtime.setBudget(-1.0) } is NestlingException.InvalidBudget) { "variant" }
    runtime.setBudget(2 * ANY_BUDGET)
    equal(runtime.governor().limitMs, 2 * ANY_BUDGET)
    runtime.stopGoverning()
    fails("not_governed") { runtime.governor() }
    equal(Pair(runtime.active(), runtime.classify(coat).child), Pair(cooler, cooler))
    // The hint came before this governor, and a choice ends its charge.
    val serving = runtime.govern(ANY_BUDGET).child
    runtime.classify(coat)
    val isKept = runtime.governor().child != serving
    runtime.choose(ANY_BUDGET)
    fails("not_governed") { runtime.governor() }
    fails("invalid_budget") { runtime.govern(Double.NaN) }
    isKept
}

private fun tooSlow() = withRuntime { runtime ->
    val events = mutableListOf<GovernorEvent>()
    runtime.govern(1e-6, onGovernorEvent { events.add(it) })
    repeat(40) { runtime.classify(coat) }
    check(runtime.governor().isTooSlow && runtime.governor().p95Ms!! > 0) { runtime.governor() }
    val fastest = runtime.governor().child
    equal(events.toList(), listOf<GovernorEvent>(GovernorEvent.TooSlow(fastest)))
    runtime.setBudget(ANY_BUDGET)
    repeat(40) { runtime.classify(coat) }
    equal(events.toList(), listOf(GovernorEvent.TooSlow(fastest), GovernorEvent.Recovered(fastest)))
    // A listener that fails costs no answer.
    runtime.govern(1e-6, onGovernorEvent { throw IllegalStateException("full") })
    repeat(10) { equal(runtime.classify(coat).guesses.size, 5) }
}

private fun hints() {
    equal(thermalHintOfHeadroom(1.02f), ThermalHint.CRITICAL)
    equal(thermalHintOfHeadroom(0.9f), ThermalHint.SERIOUS)
    equal(thermalHintOfHeadroom(0.75f), ThermalHint.FAIR)
    equal(thermalHintOfHeadroom(0.1f), ThermalHint.NOMINAL)
    equal(thermalHintOfHeadroom(Float.NaN), ThermalHint.UNKNOWN)
    equal((0..4).map { thermalHintOfIosState(it) }, ThermalHint.values().drop(1) + ThermalHint.CRITICAL)
}
