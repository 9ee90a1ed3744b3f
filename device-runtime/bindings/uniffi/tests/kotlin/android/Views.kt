// Declarations of the calls that the package uses, written from the reference pages: its Kotlin is compiled against them.
@file:Suppress("unused", "UNUSED_PARAMETER")

package android.view

abstract class View {
    fun setOnClickListener(listener: OnClickListener?): Unit = throw NotImplementedError()

    fun interface OnClickListener {
        fun onClick(view: View)
    }
}
