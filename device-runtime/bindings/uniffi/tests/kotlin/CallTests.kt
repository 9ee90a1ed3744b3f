package nestling.tests

import java.util.concurrent.CountDownLatch
import java.util.concurrent.TimeUnit
import java.util.concurrent.atomic.AtomicInteger
import kotlin.concurrent.thread
import kotlinx.coroutines.CompletableDeferred
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.async
import kotlinx.coroutines.awaitAll
import kotlinx.coroutines.cancelAndJoin
import kotlinx.coroutines.delay
import kotlinx.coroutines.launch
import kotlinx.coroutines.runBlocking
import nestling.Cancellation
import nestling.NestlingException
import nestling.Runtime
import nestling.code
import nestling.onProgress
import nestling.text

/** How calls end: cancelled, by a listener, side by side, closed. */
val callTests = listOf(
    Test("a cancelled coroutine ends its measurement", ::cancelledCoroutine),
    Test("a cancellation ends its calls", ::cancellation),
    Test("an exception of a listener ends the call", ::failingListener),
    Test("a listener may classify and switch, but not measure", ::listenerCalls),
    Test("a call does not block the thread that awaits it", ::awaiting),
    Test("several threads classify at once while another switches", ::threads),
    Test("a closed runtime says so, and calls that have begun end as usual", ::closing),
    Test("every error has its code and its text", ::errors),
)

/** Waits until no call measures: a call that was cancelled ends at its next report. */
private suspend fun untilIdle(runtime: Runtime) {
    repeat(200) {
        try {
            runtime.choose(ANY_BUDGET, cancellation = Cancellation().apply { cancel() })
        } catch (error: NestlingException.Cancelled) {
            try {
                runtime.typicalBudgets(1u)
                return
            } catch (busy: NestlingException.Busy) {
                delay(20)
            }
        }
    }
    throw AssertionError("a cancelled call goes on")
}

private fun cancelledCoroutine() = withRuntime { runtime ->
    val (begun, reports) = Pair(CompletableDeferred<Unit>(), AtomicInteger())
    runBlocking {
        val job = launch {
            runtime.profile(progress = onProgress { begun.complete(Unit).also { reports.incrementAndGet() } })
        }
        begun.await()
        job.cancelAndJoin()
        check(job.isCancelled) { "the coroutine ended as usual" }
    }
    val until = reports.get()
    check(runtime.profileFacts() == null) { "the measurement went on to its end" }
    // At most the report that was under way came after it.
    delay(300)
    check(reports.get() <= until + 1) { "${reports.get()} reports, $until when it was cancelled" }
    check(runtime.profileFacts() == null) { "the measurement went on to its end" }
    untilIdle(runtime)
    check(runtime.profileFacts() != null) { "nothing is left of it: the next one begins anew" }
}

private fun cancellation() = withRuntime { runtime ->
    val cancellation = Cancellation()
    val error = fails("cancelled") {
        runtime.profile(progress = onProgress { cancellation.cancel() }, cancellation = cancellation)
    }
    check(error is NestlingException.Cancelled && runtime.profileFacts() == null) { error }
    check(cancellation.isCancelled()) { "it is not cancelled" }
    fails("cancelled") { runtime.govern(ANY_BUDGET, cancellation = cancellation) }
    fails("cancelled") { runtime.typicalBudgets(cancellation = cancellation) }
    fails("cancelled") { Runtime.open(bundlePath, cancellation = cancellation) }
    check(runtime.profile(cancellation = Cancellation())) { "another one is none of this call" }
}

private fun failingListener() = withRuntime { runtime ->
    val calls = AtomicInteger()
    val stop = onProgress {
        calls.incrementAndGet()
        throw IllegalStateException("enough")
    }
    val error = fails("listener") { runtime.profile(progress = stop) }
    check(error is NestlingException.Listener && "enough" in error.text) { error }
    equal(calls.get(), 1)
    fails("listener") { runtime.choose(ANY_BUDGET, progress = stop) }
    // An error of the SDK passes through as it is.
    val own = onProgress { throw NestlingException.Other("mine", "my words") }
    equal(fails("mine") { runtime.govern(ANY_BUDGET, progress = own) }.text, "my words")
    check(runtime.profileFacts() == null && runtime.profile()) { "nothing is left of them" }
}

private fun listenerCalls() = withRuntime { runtime ->
    val codes = mutableListOf<String>()
    val misbehave = onProgress {
        if (codes.isEmpty()) {
            runtime.switchTo("biggest")
            equal(runtime.classifyBlocking(direct(coat)).child, "biggest")
            for (call in listOf<suspend () -> Unit>({ runtime.profile() }, { runtime.choose(ANY_BUDGET) })) {
                codes.add(fails("busy") { runBlocking { call() } }.code)
            }
        }
    }
    check(runtime.profile(progress = misbehave)) { "it was not measured" }
    equal(codes.toList(), listOf("busy", "busy"))
}

private fun awaiting() = withRuntime { runtime ->
    // One thread: the ticks come only if the measurement leaves it.
    runBlocking {
        var ticks = 0
        val ticking = launch { while (true) ticks += 1.also { delay(1) } }
        runtime.profile()
        ticking.cancelAndJoin()
        check(ticks > 10) { "$ticks ticks in a measurement" }
    }
}

private fun threads() = withRuntime { runtime ->
    runtime.switchTo("biggest")
    val expected = runtime.classify(coat).label
    runBlocking(Dispatchers.Default) {
        val switching = launch {
            while (true) {
                runtime.children().forEach { runtime.switchTo(it.name) }
                delay(1)
            }
        }
        val answers = (1..8).map { async { (1..5).map { runtime.classify(coat).label } } }.awaitAll().flatten()
        switching.cancelAndJoin()
        equal(answers.size, 40)
        check(answers.count { it == expected } > 20) { answers }
    }
}

private fun closing() {
    val runtime = runBlocking { Runtime.open(bundlePath) }
    val (begun, ended) = Pair(CountDownLatch(1), CountDownLatch(1))
    val measuring = thread {
        runBlocking { if (runtime.profile(progress = onProgress { begun.countDown() })) ended.countDown() }
    }
    check(begun.await(30, TimeUnit.SECONDS)) { "no progress" }
    runtime.close()
    runtime.close()
    try {
        runtime.active()
        throw AssertionError("a closed runtime answers")
    } catch (closed: IllegalStateException) {
        check("destroyed" in closed.message!!) { closed }
    }
    measuring.join(60_000)
    equal(ended.count, 0L)
}

private fun errors() = withRuntime { runtime ->
    fun all(code: String, text: String) = listOf(
        NestlingException.Gpu(code, text), NestlingException.DeviceLost(code, text),
        NestlingException.Bundle(code, text), NestlingException.Profile(code, text),
        NestlingException.ProfileNotStored(code, text), NestlingException.Busy(code, text),
        NestlingException.InvalidBudget(code, text), NestlingException.Image(code, text),
        NestlingException.Picture(code, text), NestlingException.InvalidArgument(code, text),
        NestlingException.NotGoverned(code, text), NestlingException.Cancelled(code, text),
        NestlingException.Listener(code, text), NestlingException.Panic(code, text),
        NestlingException.Other(code, text), NestlingException.UnknownChild(code, text, "huge"),
        NestlingException.ImageTooLarge(code, text, 2u, 1u),
    )
    for (error in all("a_code", "some words")) equal(Pair(error.code, error.text), Pair("a_code", "some words"))
    val format = fails("picture_format") { runtime.classify("no picture".toByteArray()) }
    check(format is NestlingException.Picture) { format }
    fails("picture_cut_off") { runtime.classify(coat.copyOf(coat.size / 2)) }
    fails("invalid_argument") { runtime.classify(coat, 0u) }
    check("code=invalid_argument" in fails("invalid_argument") { runtime.classify(coat, 0u) }.message!!) { "message" }
}
