// Declarations of the calls that the package uses, written from the reference pages: its Kotlin is compiled against them.
@file:Suppress("unused", "UNUSED_PARAMETER")

package androidx.lifecycle

import kotlinx.coroutines.CoroutineScope

interface LifecycleOwner

val LifecycleOwner.lifecycleScope: CoroutineScope
    get() = throw NotImplementedError()
