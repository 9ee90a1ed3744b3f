// Declarations of the calls that the package uses, written from the reference pages: its Kotlin is compiled against them.
@file:Suppress("unused", "UNUSED_PARAMETER")

package nestling.sample

/** As Gradle makes it of `sample/src/main/res`; a test compares the names. */
class R {
    object layout {
        const val main = 1
        const val benchmark = 2
    }

    object id {
        const val preview = 1
        const val answer = 2
        const val child = 3
        const val message = 4
        const val budget = 5
        const val benchmark = 6
        const val table = 7
    }
}
