package nestling.android

import android.content.Context
import android.os.Build
import android.os.Handler
import android.os.Looper
import android.os.PowerManager
import nestling.Runtime
import nestling.ThermalHint
import nestling.thermalHintOfHeadroom
import nestling.thermalHintOfStatus

/**
 * Passes the device's thermal state on to the governor of a runtime until it is closed: the headroom from Android 11 on,
 * the status on Android 10, nothing before that. Close it before the runtime. Use it on the main thread.
 */
public class ThermalWatch(context: Context, private val runtime: Runtime) : AutoCloseable {
    /** The last hint. */
    public var hint: ThermalHint = ThermalHint.UNKNOWN
        private set

    private val power = context.getSystemService(Context.POWER_SERVICE) as PowerManager
    private val handler = Handler(Looper.getMainLooper())
    private val ask = object : Runnable {
        override fun run() {
            hint = read(power)
            runtime.setThermalHint(hint)
            handler.postDelayed(this, PERIOD_MS)
        }
    }

    init {
        handler.post(ask)
    }

    override fun close() {
        handler.removeCallbacks(ask)
    }

    private companion object {
        /** Android answers not more often than once a second. */
        const val PERIOD_MS = 2_000L

        /** Seconds ahead that the headroom is forecast for: the governor should act before the device is slowed down. */
        const val FORECAST_S = 10

        fun read(power: PowerManager): ThermalHint {
            if (Build.VERSION.SDK_INT < Build.VERSION_CODES.Q) return ThermalHint.UNKNOWN
            val status = thermalHintOfStatus(power.currentThermalStatus)
            if (Build.VERSION.SDK_INT < Build.VERSION_CODES.R) return status
            // The hotter one counts: a device without headroom gives no number.
            return maxOf(status, thermalHintOfHeadroom(power.getThermalHeadroom(FORECAST_S)))
        }
    }
}
