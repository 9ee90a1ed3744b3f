// Declarations of the calls that the package uses, written from the reference pages: its Kotlin is compiled against them.
@file:Suppress("unused", "UNUSED_PARAMETER")

package android.widget

import android.view.View

open class TextView : View() {
    var text: CharSequence = ""
}

class Button : TextView()

class SeekBar : View() {
    var progress: Int = 0

    fun setOnSeekBarChangeListener(listener: OnSeekBarChangeListener?): Unit = throw NotImplementedError()

    interface OnSeekBarChangeListener {
        fun onProgressChanged(bar: SeekBar, progress: Int, fromUser: Boolean)

        fun onStartTrackingTouch(bar: SeekBar)

        fun onStopTrackingTouch(bar: SeekBar)
    }
}
