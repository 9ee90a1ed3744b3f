// Declarations of the calls that the package uses, written from the reference pages: its Kotlin is compiled against them.
@file:Suppress("unused", "UNUSED_PARAMETER")

package androidx.activity

import android.content.Context
import android.content.Intent
import android.os.Bundle
import android.view.View
import androidx.activity.result.ActivityResultLauncher
import androidx.activity.result.contract.ActivityResultContract
import androidx.lifecycle.LifecycleOwner

abstract class ComponentActivity : Context(), LifecycleOwner {
    protected open fun onCreate(savedInstanceState: Bundle?): Unit = throw NotImplementedError()

    protected open fun onDestroy(): Unit = throw NotImplementedError()

    fun setContentView(layout: Int): Unit = throw NotImplementedError()

    fun <T : View> findViewById(id: Int): T = throw NotImplementedError()

    fun startActivity(intent: Intent): Unit = throw NotImplementedError()

    fun runOnUiThread(action: Runnable): Unit = throw NotImplementedError()

    fun <I, O> registerForActivityResult(
        contract: ActivityResultContract<I, O>,
        callback: (O) -> Unit,
    ): ActivityResultLauncher<I> = throw NotImplementedError()
}
