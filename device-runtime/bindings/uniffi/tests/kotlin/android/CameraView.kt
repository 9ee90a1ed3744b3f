// Declarations of the calls that the package uses, written from the reference pages: its Kotlin is compiled against them.
@file:Suppress("unused", "UNUSED_PARAMETER")

package androidx.camera.view

import android.view.View
import androidx.camera.core.Preview

class PreviewView : View() {
    val surfaceProvider: Preview.SurfaceProvider
        get() = throw NotImplementedError()
}
