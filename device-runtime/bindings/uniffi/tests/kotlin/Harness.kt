package nestling.tests

import java.io.File
import java.nio.ByteBuffer
import kotlin.system.exitProcess
import kotlinx.coroutines.runBlocking
import nestling.NestlingException
import nestling.Runtime
import nestling.code

/** Holds on the slowest machine, in ms: no test depends on a time. */
const val ANY_BUDGET = 1e6

val assets = File(System.getenv("NESTLING_ASSETS"))
val bundlePath: String = File(assets, "fashion.nestling").path
val coat: ByteArray = File(assets, "coat.png").readBytes()

fun check(condition: Boolean, words: () -> Any?) {
    if (!condition) throw AssertionError(words().toString())
}

fun <T> equal(found: T, expected: T) = check(found == expected) { "found $found, expected $expected" }

/** Calls, and returns the error, which must have this code. */
inline fun fails(code: String, call: () -> Unit): NestlingException {
    try {
        call()
    } catch (error: NestlingException) {
        equal(error.code, code)
        return error
    }
    throw AssertionError("no error, expected $code")
}

fun <T> withRuntime(body: suspend (Runtime) -> T): T = runBlocking { Runtime.open(bundlePath).use { body(it) } }

/**
 * Runs a body with new runtimes until it returns true. On a busy machine a profile may predict the most accurate child to
 * be the fastest, and then there is no faster one.
 */
fun untilTrue(body: suspend (Runtime) -> Boolean) {
    repeat(10) { if (withRuntime(body)) return }
    throw AssertionError("ten profiles left no faster child")
}

fun <T> withFolder(body: (File) -> T): T {
    val folder = kotlin.io.path.createTempDirectory("nestling").toFile()
    return try {
        body(folder)
    } finally {
        folder.deleteRecursively()
    }
}

fun direct(bytes: ByteArray): ByteBuffer = ByteBuffer.allocateDirect(bytes.size).put(bytes).flip() as ByteBuffer

class Test(val name: String, val body: () -> Unit)

/** Runs the tests of the group that the first argument names; fails if one fails or there is none. */
fun main(arguments: Array<String>) {
    val groups = mapOf("session" to sessionTests, "calls" to callTests, "frames" to frameTests, "live" to liveTests)
    val tests = groups.getValue(arguments[0])
    var failed = 0
    for (test in tests) {
        try {
            test.body()
            println("ok ${test.name}")
        } catch (error: Throwable) {
            failed += 1
            println("FAILED ${test.name}")
            error.printStackTrace(System.out)
        }
    }
    println("${tests.size - failed} of ${tests.size} passed")
    exitProcess(if (failed == 0 && tests.isNotEmpty()) 0 else 1)
}
