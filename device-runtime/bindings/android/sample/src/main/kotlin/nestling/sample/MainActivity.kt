package nestling.sample

import android.Manifest
import android.content.Intent
import android.os.Bundle
import android.util.Log
import android.widget.Button
import android.widget.SeekBar
import android.widget.TextView
import androidx.activity.ComponentActivity
import androidx.activity.result.contract.ActivityResultContracts
import androidx.camera.view.PreviewView
import androidx.lifecycle.lifecycleScope
import java.io.IOException
import java.util.concurrent.Executors
import kotlinx.coroutines.launch
import kotlinx.coroutines.runBlocking
import nestling.NestlingException
import nestling.Runtime
import nestling.android.ThermalWatch
import nestling.android.openAsset
import nestling.android.profilePath
import nestling.code
import nestling.text

/** Tells the developer of the app what is missing. */
internal const val NO_BUNDLE = "copy a bundle to sample/src/main/assets/app.nestling, and build again"

/** Classifies the camera's frames under the budget of a slider. */
class MainActivity : ComponentActivity() {
    private val frames = Executors.newSingleThreadExecutor()
    private var runtime: Runtime? = null
    private var thermal: ThermalWatch? = null
    private var session: LiveSession? = null
    private val permission = registerForActivityResult(ActivityResultContracts.RequestPermission()) { isGranted ->
        if (isGranted) open() else tell("the camera may not be used")
    }

    override fun onCreate(savedInstanceState: Bundle?) {
        super.onCreate(savedInstanceState)
        setContentView(R.layout.main)
        findViewById<Button>(R.id.benchmark).setOnClickListener {
            startActivity(Intent(this, BenchmarkActivity::class.java))
        }
        findViewById<SeekBar>(R.id.budget).setOnSeekBarChangeListener(object : SeekBar.OnSeekBarChangeListener {
            override fun onProgressChanged(bar: SeekBar, progress: Int, fromUser: Boolean) {
                session?.setBudget(budget(progress))
            }

            override fun onStartTrackingTouch(bar: SeekBar) = Unit

            override fun onStopTrackingTouch(bar: SeekBar) = Unit
        })
        permission.launch(Manifest.permission.CAMERA)
    }

    private fun open() {
        lifecycleScope.launch {
            try {
                val opened = openAsset(this@MainActivity, "app.nestling")
                runtime = opened
                thermal = ThermalWatch(this@MainActivity, opened)
                val first = budget(findViewById<SeekBar>(R.id.budget).progress)
                val live = LiveSession(opened, profilePath(this@MainActivity), first) { runOnUiThread { show(it) } }
                session = live
                live.start()
                startCamera(this@MainActivity, findViewById<PreviewView>(R.id.preview), frames, live::frame)
            } catch (error: NestlingException) {
                tell("${error.text} (${error.code})")
            } catch (error: IOException) {
                tell(NO_BUNDLE)
            }
        }
    }

    override fun onDestroy() {
        super.onDestroy()
        thermal?.close()
        val (ending, closing) = Pair(session, runtime)
        // Off the main thread, and after the last frame: closing waits for the GPU.
        frames.execute { runBlocking { end(ending, closing) } }
        frames.shutdown()
    }

    private suspend fun end(session: LiveSession?, runtime: Runtime?) {
        try {
            session?.stop()
        } catch (error: NestlingException) {
            Log.w("Nestling", "the profile was not stored: ${error.text} (${error.code})")
        }
        runtime?.close()
    }

    private fun show(screen: Screen) {
        findViewById<TextView>(R.id.answer).text = "%s %.0f %%".format(screen.label, screen.percent)
        findViewById<TextView>(R.id.child).text = "%s, %.1f ms".format(screen.child, screen.milliseconds)
        tell(screen.message)
    }

    private fun tell(message: String) {
        findViewById<TextView>(R.id.message).text = message
    }

    private companion object {
        /** The slider's 0 to 100 as 1 to 101 ms. */
        fun budget(progress: Int): Double = 1.0 + progress
    }
}
