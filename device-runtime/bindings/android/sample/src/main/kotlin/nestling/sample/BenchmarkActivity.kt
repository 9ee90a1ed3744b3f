package nestling.sample

import android.os.Bundle
import android.widget.TextView
import androidx.activity.ComponentActivity
import androidx.lifecycle.lifecycleScope
import java.io.File
import java.io.IOException
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.launch
import kotlinx.coroutines.withContext
import nestling.NestlingException
import nestling.android.openAsset
import nestling.code
import nestling.text

/** Measures this device and writes its profile where `adb pull` finds it. */
class BenchmarkActivity : ComponentActivity() {
    override fun onCreate(savedInstanceState: Bundle?) {
        super.onCreate(savedInstanceState)
        setContentView(R.layout.benchmark)
        val view = findViewById<TextView>(R.id.table)
        lifecycleScope.launch {
            try {
                view.text = measure { fraction -> runOnUiThread { view.text = "%.0f %%".format(100 * fraction) } }
            } catch (error: NestlingException) {
                view.text = "${error.text} (${error.code})"
            } catch (error: IOException) {
                view.text = NO_BUNDLE
            }
        }
    }

    private suspend fun measure(progress: (Double) -> Unit): String {
        val path = File(getExternalFilesDir(null), "device.profile.json").path
        val runtime = openAsset(this, "app.nestling")
        val rows = try {
            benchmark(runtime, path) { progress(it.fraction) }
        } finally {
            withContext(Dispatchers.Default) { runtime.close() }
        }
        return rows.joinToString("\n", "wrote $path\n") { row ->
            "%-12s predicted %.2f ms, p50 %.2f ms, p95 %.2f ms".format(row.child, row.predictedMs, row.p50, row.p95)
        }
    }
}
